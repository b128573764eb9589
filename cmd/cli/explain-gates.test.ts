import * as fs from "node:fs";
import { describe, expect, test } from "vitest";
import { defaultNetworkAnnotation, networksAnnotation } from "../../kube/pod.ts";
import { apiServer, kubeconfigOfTests } from "../../plugins/meta/api-testing.ts";
import { createRecordingNode } from "../../plugins/meta/meta-testing.ts";
import type { HttpHandler } from "../../sys/fake.ts";
import { ok } from "../../sys/outcome.ts";
import { runCli } from "./command-testing.ts";

/** `hawser explain` refuses in the words in which ADD refuses before its first effect, because both call `planAdd`. */

const definitions: Readonly<Record<string, unknown>> = {
  "shop/fields": { type: "macvlan", master: "eth0", kubeconfig: "/etc/shadow" },
  "shop/evil": { type: "evil" },
  "shop/of-conf-dir": undefined,
};

const http: HttpHandler = ({ url }) => {
  const [, namespace, name] = /namespaces\/([^/]+)\/[^/]+\/([^/]+)$/.exec(url) ?? [];
  const key = `${namespace}/${name}`;
  if (!url.startsWith(apiServer) || !(key in definitions)) {
    const status = { kind: "Status", code: 404, details: { kind: "network-attachment-definitions" } };
    return ok({ status: 404, body: JSON.stringify(status) });
  }
  const config = definitions[key];
  const spec = config === undefined ? {} : { config: JSON.stringify(config) };
  const body = { kind: "NetworkAttachmentDefinition", metadata: { namespace, name }, spec };
  return ok({ status: 200, body: JSON.stringify(body) });
};

/** Files of the node. */
const files: Readonly<Record<string, unknown>> = {
  "/k": kubeconfigOfTests,
  "/d/shop/a.conf": { cniVersion: "1.1.0", type: "one" },
  "/d/shop/bad.conf": "{",
  "/d/shop/no-plugins.conf": { cniVersion: "1.1.0", plugins: [] },
  "/d/shop/itself.conf": { cniVersion: "1.1.0", type: "hawser" },
  "/d/shop/endless.conf": { cniVersion: "1.1.0", type: "bridge", ipam: { type: "bridge" } },
  "/d/red/b.conf": { cniVersion: "1.1.0", type: "one" },
  "/bad.conf": "{",
  "/resources.json": "{",
  "/c/net.conf": { cniVersion: "1.1.0", name: "of-conf-dir", type: "one" },
};

const base = {
  cniVersion: "1.1.0",
  name: "pods",
  type: "hawser",
  capabilities: { "io.kubernetes.cri.pod-annotations": true },
  delegate: { type: "main" },
  definitionsDir: "/d",
  confDir: "/c",
  stateDir: "/s",
};
const withApi = { kubeconfig: "/k", status: "off" };
const multus = { type: "multus", delegate: undefined, definitionsDir: undefined, confDir: undefined };

/** Changes of the configuration, and the pod's annotations. */
type Case = readonly [id: string, changes: object, annotations: string | Record<string, unknown>];

const refusals: readonly Case[] = [
  ["config.field", { parallel: "yes" }, ""],
  ["config.unknown-field", { paralel: true }, ""],
  ["config.timeout", { timeout: "soon" }, ""],
  ["config.delegate", { delegate: {} }, ""],
  ["config.delegates", multus, ""],
  ["config.auxiliary", { ...multus, clusterNetwork: "net", auxiliaryCNIChainName: "more" }, ""],
  ["config.plugins", {}, "no-plugins"],
  ["config.no-primary", { delegate: undefined }, ""],
  ["config.two-primaries", { prevResult: { cniVersion: "1.1.0" } }, ""],
  ["config.prev-result", { delegate: undefined, prevResult: { cniVersion: "1.1.0", ips: 1 } }, ""],
  ["config.resources", { ...withApi, resources: "/resources.json" }, "fields"],
  ["annotation.syntax", {}, "a,,a"],
  ["annotation.too-many", {}, Array.from({ length: 65 }, () => "a").join()],
  ["annotation.json", {}, "[{]"],
  ["annotation.default-network", {}, { [defaultNetworkAnnotation]: "a,b" }],
  ["annotation.name", {}, "A_B"],
  ["annotation.interface", {}, "a@waytoolongforaninterface"],
  ["annotation.key", {}, '[{"name": "a", "nmae": "b"}]'],
  ["annotation.value", {}, '[{"name": "a", "ips": 1}]'],
  ["kube.pod-annotations", {}, { [networksAnnotation]: 1 }],
  ["meta.cross-namespace", {}, "red/b"],
  ["meta.request-denied", {}, '[{"name": "a", "deviceID": "0000:03:02.1"}]'],
  ["kube.unknown-network", {}, "nowhere"],
  ["kube.bad-definition", {}, "bad"],
  ["kube.bad-configuration", { ...multus, clusterNetwork: "/bad.conf" }, ""],
  ["kube.read", { ...multus, clusterNetwork: "/absent.conf" }, ""],
  ["meta.name-collision", {}, "a@eth0"],
  ["meta.capability", {}, '[{"name": "a", "ips": ["10.1.0.5/24"]}]'],
  ["meta.type-denied", withApi, "evil"],
  ["meta.definition-denied", withApi, "fields"],
  ["meta.network-denied", withApi, "of-conf-dir"],
  ["meta.endless-ipam", {}, "endless"],
  ["meta.recursion", {}, "itself"],
  [
    "route.several",
    {},
    '[{"name": "a", "default-route": ["10.1.0.1"]}, {"name": "a", "default-route": ["10.2.0.1"]}]',
  ],
];

/** The other errors of these sections of docs/errors.md, and why `explain` has none of them. */
const notExplained: Readonly<Record<string, string>> = {
  "config.json": "serve reads stdin; explain reads files (cli.json)",
  "config.version": "serve reads it",
  "config.verb-version": "serve refuses the verb",
  "config.name": "serve reads it",
  "config.type": "serve reads it",
  "config.valid-attachments": "GC's",
  "convert.no-addresses": "of the result",
  "kube.name": "an annotation's grammar refuses such names first",
  "meta.not-ready": "explain does not wait, and may run on another machine",
  "meta.no-mac": "what a plugin answers",
  "device.none": "explain goes without devices, and says so",
  "device.pod": "the same",
  "device.unread": "the same",
  "delegate.type": "of the search for the executable",
  "delegate.not-found": "explain may run on another machine; doctor looks for executables",
  "route.family": "of the addresses that were given",
  "route.read": "of the pod's namespace",
  "route.refused": "the kernel's word",
  "route.run": "of the pod's namespace",
  "route.drift": "CHECK's",
};

const sections = [
  "Configuration",
  "The pod's annotation",
  "Choosing and planning",
  "The pod's default route",
];

function documentedIds(): string[] {
  const text = fs.readFileSync(new URL("../../docs/errors.md", import.meta.url), "utf8");
  return sections.flatMap((section) => {
    const [, rows = ""] = text.split(`\n## ${section}\n`);
    const [own = ""] = rows.split("\n## ");
    return [...own.matchAll(/^\| `([a-z.-]+)` \|/gm)].map(([, id = ""]) => id);
  });
}

function nodeOf(config: object) {
  const texts = { ...files, "/etc/cni/net.d/10-pods.conf": config };
  return createRecordingNode(["main", "one"], texts, { http });
}

function annotationsOf(annotations: Case[2]): Record<string, string> {
  return typeof annotations === "string"
    ? { [networksAnnotation]: annotations }
    : (annotations as Record<string, string>);
}

async function addSays(config: object, annotations: Record<string, string>): Promise<unknown> {
  const node = nodeOf(config);
  const added = await node.call("ADD", config, {
    annotations,
    args: "K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web",
  });
  expect(node.calls, "no plugin runs").toEqual([]);
  expect(node.machine.disk.list("/s").ok, "no record is written").toBe(false);
  return added.ok ? added : added.error;
}

async function explainSays(config: object, annotations: Record<string, string>): Promise<unknown> {
  const { sys } = nodeOf(config).machine.spawn();
  const asks = ["--annotations", JSON.stringify(annotations), "--namespace", "shop", "--pod-name", "web"];
  const places = ["--definitions", "/d", "--conf-dir", "/c"];
  const args = ["explain", "--config", "/etc/cni/net.d/10-pods.conf", "--json", ...asks, ...places];
  const { stdout } = await runCli(args, { sys });
  return JSON.parse(stdout).error;
}

describe("ADD and explain refuse in the same words", () => {
  test.each(refusals)("%s", async (id, changes, asked) => {
    const config = { ...base, ...changes };
    const added = await addSays(config, annotationsOf(asked));
    expect(added).toMatchObject({ id });
    expect(await explainSays(config, annotationsOf(asked))).toEqual(added);
  });

  test("every error of a configuration, an annotation or a plan is tried here, or said to be no explanation's", () => {
    const tried = refusals.map(([id]) => id);
    expect([...tried, ...Object.keys(notExplained)].sort()).toEqual(documentedIds().sort());
  });
});
