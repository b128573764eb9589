import { type CniError, failWith } from "../../cni/errors.ts";
import { type JsonObject, printJson } from "../../cni/json.ts";
import { isAbsent } from "../../sys/fault.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import { parseObject } from "../definition.ts";

const folderMode = 0o755;
/** Everybody may read the file: it holds addresses of devices, and no secrets. */
const fileMode = 0o644;
/** Reads a file of device information. If there is no file, the answer is undefined and no error. Errors: `device.info`. */
export function readDeviceInfo(sys: Sys, path: string): Outcome<JsonObject | undefined, CniError> {
  const text = sys.files.read(path);
  if (!text.ok && isAbsent(text.error)) return ok(undefined);
  if (!text.ok) return refuse("read", path, text.error.message);
  const document = parseObject(text.value);
  return document.ok ? document : refuse("read", path, `it ${document.error}`);
}

/**
 * Writes an attachment's file. It is not synced, because the folder does not survive a restart anyway. Errors: `device.info`.
 */
export function writeDeviceInfo(sys: Sys, path: string, info: JsonObject): Outcome<void, CniError> {
  const made = sys.files.makeFolder(path.slice(0, path.lastIndexOf("/")), folderMode);
  if (!made.ok) return refuse("write", path, made.error.message);
  const written = sys.files.write(path, printJson(info), { mode: fileMode });
  return written.ok ? ok(undefined) : refuse("write", path, written.error.message);
}

/** Removes an attachment's file, if it is there. Errors: `device.info`. */
export function removeDeviceInfo(sys: Sys, path: string): Outcome<void, CniError> {
  const removed = sys.files.remove(path);
  return removed.ok || isAbsent(removed.error)
    ? ok(undefined)
    : refuse("remove", path, removed.error.message);
}

function refuse(doing: string, path: string, why: string): Outcome<never, CniError> {
  return failWith(
    "ioFailure",
    "device.info",
    `${doing} the device information file ${path}: ${why}`,
    "A device plugin writes it, in the format of the Device Information Specification (deviceInfoDir).",
  );
}
