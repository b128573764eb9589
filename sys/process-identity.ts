/**
 * The identity of a process: `<boot>-<process ID>-<start>`. It names the process for good, where a process ID alone may be
 * another's by now, and it is fit for a file name. It lies on disk in locks and logs, so its form stays. Nobody outside of
 * this folder takes it apart.
 *
 * A delegate that we serve in our own process has an identity of its own, `<ours>.<number>`. It takes locks by it, like a
 * process of its own. For other processes it is alive as long as we are.
 */
export interface ProcessIdentity {
  /** Names one boot of the machine. */
  readonly bootId: string;
  readonly pid: number;
  /** When the process started, in ticks since the boot. */
  readonly startTicks: string;
}

/** Stands in place of the boot's name if the machine does not tell one. */
export const unknownBoot = "noboot";

export function printIdentity({ bootId, pid, startTicks }: ProcessIdentity): string {
  return `${bootId}-${pid}-${startTicks}`;
}

/** Undefined if the text is no whole identity: its beginning must not be taken for a process without a known start. */
export function parseIdentity(text: string): ProcessIdentity | undefined {
  const [, bootId, pid, startTicks] = /^([0-9a-z]+)-(\d+)-(\d+)(?:\.\d+)?$/.exec(text) ?? [];
  if (bootId === undefined || startTicks === undefined) return undefined;
  return { bootId, pid: Number(pid), startTicks };
}

/** For people, of whatever lies on disk as an identity. NaN if it is none. */
export function pidOf(identity: string): number {
  return parseIdentity(identity)?.pid ?? Number.NaN;
}

/** An operation is an identity with a secret behind it. */
export function printOperation(identity: string, secret: string): string {
  return `${identity}-${secret}`;
}

/** The identity of the process that an operation was given by. */
export function identityIn(operation: string): string {
  return operation.split("-").slice(0, 3).join("-");
}

/** The identity of a delegate that the process of this identity serves. */
export function innerIdentity(identity: string, number: number): string {
  return `${identity}.${number}`;
}

/** The identity of the process itself, also if a delegate within it is named. */
export function outerIdentity(identity: string): string {
  const at = identity.indexOf(".");
  return at < 0 ? identity : identity.slice(0, at);
}
