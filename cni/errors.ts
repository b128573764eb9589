import { harmless } from "../sys/harmless.ts";
import { fail, type Outcome, ok } from "../sys/outcome.ts";
import type { ErrorId } from "./error-ids.ts";

/** An error as data (CNI 1.1.0, section 5, "Error"). It is never thrown, and is printed once, by `cmd/serve`. */
export interface CniError {
  /** Runtimes act on this code. The specification's codes are below 100, ours begin at 100. */
  readonly code: number;
  /** People and scripts search for this id. It stays the same across releases. */
  readonly id: ErrorId;
  /** The action, its object, and what went wrong. */
  readonly msg: string;
  /** Why, and what to do. */
  readonly details: string;
}

/** The codes of the specification, and below them ours. */
export const codes = {
  incompatibleVersion: 1,
  unsupportedField: 2,
  unknownContainer: 3,
  badEnvironment: 4,
  ioFailure: 5,
  undecodable: 6,
  invalidConfig: 7,
  tryAgainLater: 11,
  notAvailable: 50,
  limitedConnectivity: 51,
  /** A bug of ours. */
  internal: 100,
  /** A delegate could not be run, or did not answer as the specification wants. */
  delegate: 101,
  /** The pod's annotation cannot be understood or must not be obeyed. */
  annotation: 102,
  /** An attachment that cannot be planned: its network is unknown, or its interface's name is taken. */
  selection: 103,
  /** The node's own records could not be read or written. */
  records: 104,
  /** CHECK found that the world differs from what was recorded. */
  drift: 105,
  /** No address could be given: the ranges are exhausted, what was asked for is taken, or the data folder fails. */
  ipam: 106,
  /** The Kubernetes API refuses, or answers what cannot be used. */
  api: 107,
  /** The pod's default route could not be set. */
  routes: 108,
  /** A network interface could not be made or changed. */
  link: 109,
} as const;

export type CodeName = keyof typeof codes;

export function cniError(code: CodeName | number, id: ErrorId, msg: string, details = ""): CniError {
  return { code: typeof code === "number" ? code : codes[code], id, msg, details };
}

export function failWith<T>(
  code: CodeName | number,
  id: ErrorId,
  msg: string,
  details = "",
): Outcome<T, CniError> {
  return fail(cniError(code, id, msg, details));
}

/** STATUS (CNI 1.1.0, section 2): an error that fails every ADD makes the plugin not available. */
export function asUnavailable(error: CniError): CniError {
  return { ...error, code: codes.notAvailable };
}

/** How much of a text from outside an error shows. */
export const longestShown = 60;

export function cut(text: string, most = longestShown): string {
  return text.length > most ? `${text.slice(0, most)}...` : text;
}

/** The longest part of an error: runtimes put errors into their logs and into events of the pod, again and again. */
const longestPart = 16 * 1024;

/**
 * The error document of section 5. The id ends the details, the one place that every runtime shows. Runtimes and the
 * kubelet print both texts as they are: nothing in them may be taken for a command or for a line of its own.
 */
export function errorDocument(error: CniError, cniVersion: string): Record<string, unknown> {
  const details = [shown(error.details), `[${error.id}]`].filter((part) => part !== "").join(" ");
  return { cniVersion, code: error.code, msg: shown(error.msg), details };
}

function shown(text: string): string {
  return harmless(text.length > longestPart ? `${text.slice(0, longestPart)}... (cut by hawser)` : text);
}

/** Whether the error is one of these: the compiler refuses a word that is no id. */
export function hasId({ id }: CniError, ...ids: readonly ErrorId[]): boolean {
  return ids.includes(id);
}

/** One line for people, as runtimes print it. */
export function describe(error: CniError): string {
  return error.details === "" ? error.msg : `${error.msg}; ${error.details}`;
}

/** The same failure with what was being done before the message. */
export function within(doing: string, error: CniError): CniError {
  return { ...error, msg: `${doing}: ${error.msg}` };
}

/** Fails with all of these errors, and succeeds if there are none. */
export function allOk(errors: readonly CniError[]): Outcome<void, CniError> {
  const [first, ...others] = errors;
  return first === undefined ? ok(undefined) : fail(joinErrors([first, ...others]));
}

/** Several failures as one: the first gives code and id, and the others follow in its details. */
export function joinErrors(errors: readonly [CniError, ...CniError[]]): CniError {
  const [first, ...others] = errors;
  if (others.length === 0) return first;
  const rest = others.map((error) => `(${describe(error)})`).join(" ");
  return { ...first, details: `${first.details} Also failed: ${rest}`.trim() };
}
