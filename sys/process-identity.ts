/**
 * The identity of a process: `<boot>-<process ID>-<start>`. It names the process for good, where a process ID alone may be
 * another's by now, and it is fit for a file name. It lies on disk in locks and logs, so its form stays. Nobody outside of
 * this folder takes it apart.
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
  const [, bootId, pid, startTicks] = /^([0-9a-z]+)-(\d+)-(\d+)$/.exec(text) ?? [];
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
