import { expect, test } from "vitest";
import type { JsonObject } from "../../cni/json.ts";
import { createRecordingNode } from "./meta-testing.ts";

/** In CHECK, a runtime may name the namespace by another path than in ADD. */

const config = { cniVersion: "1.1.0", name: "pods", type: "hawser", delegate: { type: "prim" } };

test.each([
  ["the same path", "/run/netns/a", "ok"],
  ["another path to it", "/var/run/netns/a", "ok"],
  ["another namespace", "/run/netns/b", "check.sandbox"],
  ["one that is not there", "/run/netns/c", "check.sandbox"],
])("%s", async (_case, netns, expected) => {
  const node = createRecordingNode(["prim"], { "/run/netns/a": "", "/run/netns/b": "" });
  const { files } = node.machine.spawn().sys;
  files.makeFolder("/var/run", 0o755);
  files.symlink("/run/netns", "/var/run/netns");
  const added = await node.call("ADD", config, { netns: "/run/netns/a" });
  const prevResult = { cniVersion: "1.1.0", ...(added.ok ? (added.value as JsonObject) : {}) };
  const checked = await node.call("CHECK", { ...config, prevResult }, { netns });
  expect(checked.ok ? "ok" : checked.error.id).toBe(expected);
  const checks = node.calls.filter(({ verb }) => verb === "CHECK");
  // CHECK of the delegates gets the path that their result names.
  expect(checks.map((each) => each.netns)).toEqual(expected === "ok" ? ["/run/netns/a"] : []);
});
