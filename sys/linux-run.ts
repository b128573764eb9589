import { closeSync, constants, fstatSync, openSync, readSync, unlinkSync, writeSync } from "node:fs";
import { type Attempt, toFault } from "./fault.ts";
import { type Channel, chooseStart, type Start } from "./linux-spawn.ts";
import { onStop } from "./linux-stop.ts";
import { fail, ok } from "./outcome.ts";
import type { RunEnd, RunReport, RunRequest } from "./sys.ts";

/**
 * How often the size of the output is looked at. The child's output between two looks lies in memory: 16 MB were measured in 10
 * ms, and 400 MB in 200 ms. The kernel's own limit (RLIMIT_FSIZE) would be exact, but it would also end a plugin that appends
 * to its own log.
 */
const outputCheckMs = 10;
/** The longest time of a timer. A timer with a longer time fires at once. */
const longestTimerMs = 2 ** 31 - 1;

export async function runProcess(request: RunRequest): Promise<Attempt<RunReport>> {
  let channel: Channel;
  try {
    channel = openChannel(request.stdin);
  } catch (error) {
    return fail(toFault(error));
  }
  try {
    const end = await spawnAndWait(request, channel, await chooseStart());
    if (!end.ok) return end;
    const stdout = readFrom(channel.stdout, request.maxOutputBytes);
    const stderr = readFrom(channel.stderr, request.maxOutputBytes);
    return ok({ end: end.value, stdout, stderr });
  } finally {
    for (const descriptor of Object.values(channel)) closeSync(descriptor);
  }
}

/**
 * The child's stdin, stdout and stderr are files and not pipes. Pipes load Node's stream machinery, which costs a plugin 2 ms
 * of start-up. The files are unlinked as soon as they are open, so that a kill leaves nothing behind.
 */
function openChannel(stdin: string): Channel {
  const opened: number[] = [];
  const open = (): number => {
    const { descriptor } = openScratch();
    opened.push(descriptor);
    return descriptor;
  };
  try {
    const written = open();
    const bytes = new TextEncoder().encode(stdin);
    for (let offset = 0; offset < bytes.length; ) {
      offset += writeSync(written, bytes, offset, bytes.length - offset, offset);
    }
    // A write at a position does not move the descriptor's own position. So the child reads from the start.
    return { stdin: written, stdout: open(), stderr: open() };
  } catch (error) {
    for (const descriptor of opened) closeSync(descriptor);
    throw error;
  }
}

/** The folders for these files. /run is first: it is in memory, and only root can put a file of this name there before us. */
const scratchFolders = ["/run", "/dev/shm", "/tmp"];
let scratchCount = 0;

/** Makes an unnamed file of our own. */
function openScratch(): { descriptor: number } {
  const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const name = `hawser-${process.pid}-${scratchCount++}`;
  for (const folder of scratchFolders) {
    const path = `${folder}/${name}`;
    try {
      const descriptor = openSync(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
      unlinkSync(path);
      return { descriptor };
    } catch (error) {
      if (folder === scratchFolders.at(-1)) throw error;
    }
  }
  throw new Error("unreachable: the last folder either opened or threw");
}

function readFrom(descriptor: number, maxBytes: number): string {
  const sizeBytes = Math.min(fstatSync(descriptor).size, maxBytes);
  const bytes = Buffer.alloc(sizeBytes);
  let offset = 0;
  while (offset < sizeBytes) {
    const count = readSync(descriptor, bytes, offset, sizeBytes - offset, offset);
    if (count === 0) break;
    offset += count;
  }
  return bytes.toString("utf8", 0, offset);
}

function spawnAndWait(request: RunRequest, channel: Channel, start: Start): Promise<Attempt<RunEnd>> {
  return new Promise((resolve) => {
    let pid: number | undefined;
    let forced: RunEnd | undefined;
    const force = (end: RunEnd): void => {
      forced ??= end;
      killGroup(pid);
    };
    // We listen before the child is started. A signal between its start and our listening would end us and leave the child
    // running.
    const forget = onStop((signal) => force({ kind: "stopped", signal }));
    const timeout = setTimeout(
      () => force({ kind: "timed-out" }),
      Math.min(request.timeoutMs, longestTimerMs),
    );
    const watch = setInterval(() => {
      if (overflows(channel, request.maxOutputBytes)) force({ kind: "flooded" });
    }, outputCheckMs);
    const settle = (outcome: Attempt<RunEnd>): void => {
      forget();
      clearTimeout(timeout);
      clearInterval(watch);
      resolve(outcome);
    };
    pid = start(request, channel, (end) => {
      if (!end.ok) return settle(end);
      if (overflows(channel, request.maxOutputBytes)) forced ??= { kind: "flooded" };
      // Processes that the delegate left running in its group would outlive the verb.
      if (forced !== undefined) killGroup(pid);
      settle(ok(forced ?? end.value));
    });
  });
}

/** Counts stderr as well as stdout: both files lie in memory, and both can grow without end. */
function overflows({ stdout, stderr }: Channel, maxBytes: number): boolean {
  return [stdout, stderr].some((descriptor) => fstatSync(descriptor).size > maxBytes);
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // ESRCH means that the group has ended already.
  }
}
