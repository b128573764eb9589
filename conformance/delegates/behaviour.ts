import type { SpecVerb } from "../vocabulary.ts";

/** How a recorder answers one verb, after it has logged the call. */
export interface Behaviour {
  /** Printed as it is, except that `$CNI_IFNAME`, `$CNI_NETNS` and `$CNI_CONTAINERID` are replaced by the call's values. */
  readonly stdout?: string;
  readonly stderr?: string;
  /** 0 unless given. */
  readonly exitCode?: number;
  /** The recorder ends itself by SIGKILL before it prints anything. */
  readonly killed?: boolean;
  /** The recorder prints this many bytes of garbage first. */
  readonly flood?: number;
  /** The recorder waits this many seconds before it answers. */
  readonly delayS?: number;
  /** The recorder waits until the suite opens this gate (`Machine.openGate`). */
  readonly gate?: string;
}

/** A scripted plugin. A verb that is not named succeeds and says nothing. */
export interface Delegate {
  /** The name of its file, which a configuration gives as `type`. */
  readonly name: string;
  readonly verbs: Partial<Record<SpecVerb, Behaviour>>;
}

/** One call of a recorder, as it saw it. */
export interface DelegateCall {
  readonly delegate: string;
  readonly verb: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
  /** The inode that names its network namespace. */
  readonly netns: string;
  /** Nanoseconds since 1970; undefined when it has not ended. */
  readonly startNs: bigint;
  readonly endNs: bigint | undefined;
}

export function answer(document: object): Behaviour {
  return { stdout: JSON.stringify(document) };
}

export function refusal(cniVersion: string, code: number, msg: string, details = ""): Behaviour {
  return { stdout: JSON.stringify({ cniVersion, code, msg, details }), exitCode: 1 };
}
