import { describe, expect, test } from "vitest";
import { metaConfig } from "../../../plugins/meta/meta-testing.ts";
import { createMachine } from "../../../sys/fake.ts";
import { checkTrust } from "./check-trust.ts";

function nad(name: string, config: object | undefined, namespace = "team-a") {
  return {
    apiVersion: "k8s.cni.cncf.io/v1",
    kind: "NetworkAttachmentDefinition",
    metadata: { name, namespace },
    spec: config === undefined ? {} : { config: JSON.stringify(config) },
  };
}

const list = (...items: object[]) => ({ apiVersion: "v1", kind: "List", items });

async function findings(files: Record<string, unknown>, path?: string, more = {}) {
  const texts = Object.entries(files).map(([at, content]) => [at, JSON.stringify(content)]);
  const { sys } = createMachine({ files: Object.fromEntries(texts) }).spawn();
  const found = await checkTrust(sys, metaConfig(more), path);
  return found.filter(({ area }) => area === "definitions");
}

const told = (found: Awaited<ReturnType<typeof findings>>) =>
  found.map(({ level, what }) => `${level} ${what}`);

describe("the operator's resources", () => {
  test("where there are none there is nothing to say", async () => {
    expect(await findings({})).toEqual([]);
  });

  test("are understood", async () => {
    const found = await findings({ "/resources.json": { masters: { eth1: { namespaces: ["*"] } } } });
    expect(told(found)).toEqual(["ok /resources.json: the operator's resources are understood"]);
  });

  test("or not", async () => {
    const [found] = await findings({ "/resources.json": { masters: { eth1: {} } } });
    expect(found).toMatchObject({ level: "problem" });
    expect(found?.what).toContain(`masters.eth1 has no "namespaces"`);
  });
});

describe("the definitions of a cluster", () => {
  const good = nad("good", {
    type: "macvlan",
    master: "eth1",
    ipam: { type: "host-local", subnet: "10.0.0.0/24" },
  });
  const file = nad("file", { type: "bridge", ipam: { type: "host-local", dataDir: "/etc/cni" } });

  test.each<[string, object, string]>([
    ["a file of the node", file, "ipam.dataDir is the operator's alone"],
    ["a type that may not run", nad("dev", { type: "host-device", device: "eth0" }), `runs "host-device"`],
    ["a key in another case", nad("case", { type: "ptp", Ipam: {} }), `Ipam is written "ipam"`],
    ["a network of confDir", nad("pods", undefined), "it has no configuration, and so means a network"],
    ["text that is no JSON", { ...good, spec: { config: "{" } }, "spec.config is not JSON"],
    [
      "a main plugin for addresses",
      nad("x", { type: "macvlan", ipam: { type: "macvlan" } }),
      `runs "macvlan"`,
    ],
    [
      "its own type for addresses, though trusted",
      nad("x", { type: "vendor", ipam: { type: "vendor" } }, "kube-system"),
      "without end",
    ],
  ])("%s is refused, with what to write instead", async (_case, definition, words) => {
    const files = { "/c/pods.conf": { name: "pods", type: "bridge" }, "/n.json": list(good, definition) };
    const found = await findings(files, "/n.json");
    expect(found.map(({ level }) => level)).toEqual(["problem", "ok"]);
    expect(found[0]?.what).toContain(words);
    expect(found[1]?.what).toBe("/n.json: 1 of 2 definitions are taken");
  });

  test("what the operator has opened is taken", async () => {
    const files = {
      "/c/pods.conf": { name: "pods", type: "bridge" },
      "/resources.json": { networks: { pods: { namespaces: ["team-a"] } } },
      "/n.json": list(
        nad("pods", undefined),
        nad("any", { type: "host-device", device: "eth0" }, "kube-system"),
      ),
    };
    expect(told(await findings(files, "/n.json")).at(-1)).toBe("ok /n.json: 2 of 2 definitions are taken");
  });

  test("a file that cannot be read is a problem, and how to make one is told", async () => {
    const [found] = await findings({}, "/none.json");
    expect(found).toMatchObject({ level: "problem" });
    expect(found?.todo).toContain("kubectl get network-attachment-definitions -A");
  });
});
