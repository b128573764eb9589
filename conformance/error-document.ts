import { excerpt, isObject, isText, type JsonDocument } from "./json-document.ts";
import type { PluginEnd } from "./machine.ts";
import { documentsOf, isError, oneDocument } from "./oracle.ts";

/** The codes below 100 that the specification defines; the others below 100 are reserved. */
const definedCodes = [1, 2, 3, 4, 5, 6, 7, 11, 50, 51];

export interface ErrorDocument {
  readonly cniVersion: unknown;
  readonly code: unknown;
  readonly msg: string;
  readonly details: string;
}

/** The error that a failed operation printed; undefined where it printed none that can be read. */
export function errorOf(end: PluginEnd): ErrorDocument | undefined {
  const { document } = oneDocument(end.stdout);
  if (document === undefined || !isError(document)) return undefined;
  const { cniVersion, code, msg, details } = document;
  return { cniVersion, code, msg: isText(msg) ? msg : "", details: isText(details) ? details : "" };
}

/** Every error on stdout, also where something else is printed beside it. */
export function errorsIn(end: PluginEnd): JsonDocument[] {
  return documentsOf(end.stdout).values.filter(
    (each): each is JsonDocument => isObject(each) && isError(each),
  );
}

/** All texts of a failure, whatever field or stream they are in. */
export function wordsOf(end: PluginEnd): string {
  const error = errorOf(end);
  return error === undefined ? "" : `${error.msg} ${error.details}`;
}

export function isReserved(code: unknown): boolean {
  return typeof code === "number" && code < 100 && !definedCodes.includes(code);
}

/** Why stdout of a failure is not exactly one error. */
export function errorProblem(end: PluginEnd): string | undefined {
  const { document, problem } = oneDocument(end.stdout);
  if (problem !== undefined) return problem;
  return isError(document) ? undefined : `stdout holds no error but ${excerpt(document)}`;
}

/** Whether both a result and an error were printed, or a result by a failure. */
export function hasResult(document: unknown): document is JsonDocument {
  if (!isObject(document) || isError(document)) return false;
  return ["ips", "ip4", "ip6", "interfaces", "routes"].some((key) => key in document);
}

/** How an operation ended, in words. */
export function describeEnd(end: PluginEnd): string {
  if (end.signal !== undefined) return `ended by ${end.signal}`;
  const error = errorOf(end);
  const said =
    error === undefined
      ? excerpt(end.stdout || end.stderr)
      : `code ${String(error.code)}: ${excerpt(error.msg)}`;
  return `exit ${end.exitCode}${said === "" ? "" : `, ${said}`}`;
}
