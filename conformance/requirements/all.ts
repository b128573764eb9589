import type { Requirement } from "../requirement.ts";
import { addRequirements } from "./add.ts";
import { checkRequirements } from "./check.ts";
import { configRequirements } from "./config.ts";
import { delRequirements } from "./del.ts";
import { delegationRequirements } from "./delegation.ts";
import { delegatorRequirements } from "./delegator.ts";
import { delegatorErrorRequirements } from "./delegator-errors.ts";
import { delegatorStateRequirements } from "./delegator-state.ts";
import { environmentRequirements } from "./environment.ts";
import { gcRequirements } from "./gc.ts";
import { lookupRequirements } from "./lookup.ts";
import { misbehavingRequirements } from "./misbehaving.ts";
import { processRequirements } from "./process.ts";
import { resultRequirements } from "./result.ts";
import { statusRequirements } from "./status.ts";
import { versionRequirements } from "./version.ts";

/** Every requirement, in the order of its number. */
export const requirements: readonly Requirement[] = [
  ...processRequirements,
  ...environmentRequirements,
  ...configRequirements,
  ...versionRequirements,
  ...addRequirements,
  ...resultRequirements,
  ...delRequirements,
  ...checkRequirements,
  ...statusRequirements,
  ...gcRequirements,
  ...delegationRequirements,
  ...misbehavingRequirements,
  ...lookupRequirements,
  ...delegatorRequirements,
  ...delegatorErrorRequirements,
  ...delegatorStateRequirements,
].sort((left, right) => compareIds(left.id, right.id));

/** `P-4b` before `P-10a` before `D-1a`. */
export function compareIds(left: string, right: string): number {
  const [kindOfLeft, numberOfLeft, letterOfLeft] = partsOf(left);
  const [kindOfRight, numberOfRight, letterOfRight] = partsOf(right);
  if (kindOfLeft !== kindOfRight) return kindOfLeft > kindOfRight ? -1 : 1;
  return numberOfLeft - numberOfRight || (letterOfLeft < letterOfRight ? -1 : 1);
}

function partsOf(id: string): [string, number, string] {
  const [, kind = "", number = "", letter = ""] = /^(\w)-(\d+)(\w*)$/.exec(id) ?? [];
  return [kind, Number(number), letter];
}
