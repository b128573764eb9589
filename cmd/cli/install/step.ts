import { syncParents } from "../../../cni/attachments.ts";
import { type CniError, failWith } from "../../../cni/errors.ts";
import type { Attempt } from "../../../sys/fault.ts";
import { type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";

/** One change of the node. A step does all or nothing, and may be repeated. */
export type InstallStep =
  | { readonly kind: "folder"; readonly path: string }
  /** `from` is a path of this process, not below the node's root. */
  | { readonly kind: "binary"; readonly path: string; readonly from: string }
  /** `mayFail`: the installation is complete without the link. */
  | { readonly kind: "link"; readonly path: string; readonly target: string; readonly mayFail?: true }
  | { readonly kind: "file"; readonly path: string; readonly text: string; readonly mode: number }
  | { readonly kind: "remove"; readonly path: string };

export type StepEnd = "done" | "unchanged" | "would be done" | "not possible";

/** A step and what became of it. */
export interface Told {
  readonly step: InstallStep;
  readonly end: StepEnd;
}

const folderMode = 0o755;
const binaryMode = 0o755;
/** The mark of a temporary file. The dot before the name keeps a runtime from reading the file. */
const temporaryMark = ".hawser-new";

/**
 * Carries out one step below `root`. A file is written beside its place and then renamed. So a runtime never reads half
 * a file, and a running plugin keeps its old one. Errors: `install.write`.
 */
function carryOut(sys: Sys, root: string, step: InstallStep): Outcome<StepEnd, CniError> {
  if (isDone(sys, root, step)) return ok("unchanged");
  const attempt = attemptStep(sys, root, step);
  if (attempt.ok) return ok("done");
  if (step.kind === "link" && step.mayFail) {
    sys.warn(`hawser: ${doing(step)}: ${attempt.error.message}; all the rest is installed`);
    return ok("not possible");
  }
  const { code, message } = attempt.error;
  const hint =
    code === "EACCES" || code === "EPERM" || code === "EROFS"
      ? "Run as root; in a pod, mount the folder writable."
      : "Nothing after it was changed; run the command again once it is repaired.";
  return failWith("ioFailure", "install.write", `${doing(step)}: ${message}`, hint);
}

/**
 * Carries out steps in order, or finds what each would do. Stops at the first that fails. Calls `tell` for every other.
 */
export function carryOutAll(
  sys: Sys,
  { root, dryRun }: { readonly root: string; readonly dryRun: boolean },
  steps: readonly InstallStep[],
  tell: (told: Told) => void,
): Outcome<void, CniError> {
  for (const step of steps) {
    const end = dryRun ? ok(foreseen(sys, root, step)) : carryOut(sys, root, step);
    if (!end.ok) return end;
    tell({ step, end: end.value });
  }
  return ok(undefined);
}

function foreseen(sys: Sys, root: string, step: InstallStep): StepEnd {
  return isDone(sys, root, step) ? "unchanged" : "would be done";
}

/**
 * Whether the node is already as the step wants it. A binary is always replaced, because comparing costs more than
 * copying.
 */
function isDone({ files }: Sys, root: string, step: InstallStep): boolean {
  const stat = files.stat(root + step.path);
  switch (step.kind) {
    case "folder":
      return stat.ok && stat.value.kind === "folder";
    case "file": {
      const text = files.read(root + step.path);
      return text.ok && text.value === step.text && stat.ok && stat.value.mode === step.mode;
    }
    case "remove": {
      // A link whose target is gone still exists.
      const at = step.path.lastIndexOf("/");
      const names = files.list(root + step.path.slice(0, at));
      return names.ok ? !names.value.includes(step.path.slice(at + 1)) : names.error.code === "ENOENT";
    }
    case "binary":
    case "link":
      return false;
  }
}

function attemptStep(sys: Sys, root: string, step: InstallStep): Attempt {
  const { files } = sys;
  const path = root + step.path;
  const folder = path.slice(0, path.lastIndexOf("/"));
  switch (step.kind) {
    case "folder": {
      const made = files.makeFolder(path, folderMode);
      // A file survives a power loss only if all folders above it do.
      if (made.ok) syncParents(sys, path);
      return made;
    }
    case "binary":
      return put(files, folder, path, (temporary) => files.copy(step.from, temporary, binaryMode));
    case "link":
      if (step.mayFail) {
        // The folder belongs to others. This never replaces what somebody has put there since we looked.
        const made = files.symlink(step.target, path);
        return made.ok ? files.syncFolder(folder) : made;
      }
      return put(files, folder, path, (temporary) => files.symlink(step.target, temporary));
    case "file":
      return put(files, folder, path, (temporary) =>
        files.write(temporary, step.text, { mode: step.mode, exclusive: true, sync: true }),
      );
    case "remove": {
      const removed = files.remove(path);
      return removed.ok ? files.syncFolder(folder) : removed;
    }
  }
}

function put(
  files: Sys["files"],
  folder: string,
  path: string,
  make: (temporary: string) => Attempt,
): Attempt {
  const temporary = `${folder}/.${path.slice(folder.length + 1)}${temporaryMark}`;
  // An installation that was stopped may have left a temporary file.
  files.remove(temporary);
  const made = make(temporary);
  const moved = made.ok ? files.rename(temporary, path) : made;
  if (moved.ok) return files.syncFolder(folder);
  files.remove(temporary);
  return moved;
}

function doing(step: InstallStep): string {
  switch (step.kind) {
    case "folder":
      return `make folder ${step.path}`;
    case "binary":
      return `copy ${step.from} to ${step.path}`;
    case "link":
      return `link ${step.path} to ${step.target}`;
    case "file":
      return `write ${step.path}`;
    case "remove":
      return `remove ${step.path}`;
  }
}
