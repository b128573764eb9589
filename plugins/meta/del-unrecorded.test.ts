import { describe, expect, test } from "vitest";
import { type JsonObject, printJson } from "../../cni/json.ts";
import { createFake, exited } from "../../sys/fake.ts";
import { invocationFrom } from "./meta-testing.ts";
import { meta } from "./plugin.ts";

/** DEL of a container that has no record. Of the plugins that the configuration names, only `main` and `side` are installed. */
async function del(networks: string, more: JsonObject = {}, files: Readonly<Record<string, string>> = {}) {
  const runs: string[] = [];
  const plugin = ({ executable }: { executable: string }) => {
    runs.push(executable);
    return exited(0, "");
  };
  const fake = createFake({
    executables: { "/bin/cni/main": plugin, "/bin/cni/side": plugin },
    files: {
      "/net.d/default/there.conf": printJson({ type: "side" }),
      "/net.d/default/half.conf": printJson({ plugins: [{ type: "side" }, { type: "absent" }] }),
      ...files,
    },
  });
  const config = {
    cniVersion: "1.1.0",
    name: "pods",
    type: "hawser",
    definitionsDir: "/net.d",
    stateDir: "/state",
    delegate: { type: "main" },
    runtimeConfig: { "io.kubernetes.cri.pod-annotations": { "k8s.v1.cni.cncf.io/networks": networks } },
    ...more,
  };
  const variables = {
    CNI_COMMAND: "DEL",
    CNI_CONTAINERID: "c1",
    CNI_IFNAME: "eth0",
    CNI_PATH: "/bin/cni",
  };
  const outcome = await meta.del(fake.sys, invocationFrom(variables, config));
  return { outcome, runs, warnings: fake.warnings };
}

describe("DEL without a record", () => {
  test("deletes the attachments that an ADD would make now", async () => {
    expect(await del("there")).toEqual({
      outcome: { ok: true, value: undefined },
      runs: ["/bin/cni/side", "/bin/cni/main"],
      warnings: [],
    });
  });

  test("passes over a network of the pod's if its plugin is missing, because no ADD has begun with it", async () => {
    const { outcome, runs, warnings } = await del("half,there");
    expect(outcome.ok).toBe(true);
    expect(runs).toEqual(["/bin/cni/side", "/bin/cni/main"]);
    expect(warnings).toEqual([expect.stringMatching(/network default\/half is passed over: .*"absent"/)]);
  });

  test("does not pass over a network of the operator's", async () => {
    const { outcome, runs } = await del("", { networks: ["half"] });
    expect(outcome).toMatchObject({ ok: false, error: { id: "delegate.not-found" } });
    expect(runs, "the others are deleted all the same").toEqual(["/bin/cni/main"]);
  });

  test("passes over nothing after a torn record, because something may be left", async () => {
    const { outcome } = await del("half", {}, { "/state/pods/c1@eth0.json": "{" });
    expect(outcome).toMatchObject({ ok: false, error: { id: "delegate.not-found" } });
  });
});
