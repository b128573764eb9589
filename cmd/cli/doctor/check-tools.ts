import { findTools } from "../../../plugins/meta/routes/route-steps.ts";
import type { Sys } from "../../../sys/sys.ts";
import { type Finding, fine, warning } from "./finding.ts";

/** The node's own programs that only some pods need: to move their default route. */
export function checkTools(sys: Sys): Finding[] {
  const tools = findTools(sys);
  if (tools.ok) return [fine("default route", `${tools.value.nsenter} and ${tools.value.ip} are there`)];
  const { msg, details } = tools.error;
  return [warning("default route", msg, "A pod that asks for a default route does not start.", details)];
}
