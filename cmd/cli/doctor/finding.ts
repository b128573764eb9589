import type { CniError } from "../../../cni/errors.ts";

/** One result of a check of `hawser doctor`. */
export interface Finding {
  readonly level: "ok" | "warning" | "problem";
  readonly area: Area;
  /** The finding, and the place of it. */
  readonly what: string;
  readonly why: string;
  /** The remedy. Empty if nothing is wrong. */
  readonly todo: string;
}

export type Area =
  | "configuration"
  | "annotations"
  | "api"
  | "capabilities"
  | "definitions"
  | "devices"
  | "plugins"
  | "pools"
  | "default route"
  | "folders"
  | "records"
  | "locks";

export function fine(area: Area, what: string): Finding {
  return { level: "ok", area, what, why: "", todo: "" };
}

export function warning(area: Area, what: string, why: string, todo: string): Finding {
  return { level: "warning", area, what, why, todo };
}

export function problem(area: Area, what: string, why: string, todo: string): Finding {
  return { level: "problem", area, what, why, todo };
}

/** The problem that an operation meets as this error. The error's details say why, and often what to do. */
export function problemOf(area: Area, error: CniError, todo: string): Finding {
  return problem(area, error.msg, `${error.details} [${error.id}]`.trim(), todo);
}
