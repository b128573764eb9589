import type { JsonDocument } from "../../json-document.ts";
import type { Ground } from "../ground.ts";

/** One call of the test plugin: what it was given, once it was found to be in order. */
export interface ModelContext {
  readonly ground: Ground;
  readonly verb: string;
  readonly id: string;
  readonly ifname: string;
  /** Undefined where it is unset. */
  readonly netns: string | undefined;
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
  readonly config: JsonDocument;
  readonly version: string;
  readonly network: string;
  /** Whether the plugin is wrong in the way that this requirement is about. */
  readonly is: (mutant: string) => boolean;
  readonly say: (stderr: string) => void;
}

/** A refusal: thrown, as the test plugin is written to be short and to be wrong in many ways. */
export class PluginRefusal extends Error {
  readonly code: number;
  readonly details: string;
  /** Printed instead of an error document. */
  readonly instead: string | undefined;

  constructor(code: number, msg: string, details = "", instead?: string) {
    super(msg);
    this.code = code;
    this.details = details;
    this.instead = instead;
  }
}

/** Ends the test plugin as a crash would. */
export class PluginCrash extends Error {}

export function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
