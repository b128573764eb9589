import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { CniError } from "../cni/errors.ts";
import { printJson } from "../cni/json.ts";
import { createFake } from "../sys/fake.ts";
import { linux } from "../sys/linux.ts";
import type { Outcome } from "../sys/outcome.ts";
import { must } from "../sys/outcome-testing.ts";
import { findByNetworkName, listDefinitions, readDefinition } from "./definition-files.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "hawser-definitions-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function write(path: string, content: unknown): string {
  const full = join(folder, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, typeof content === "string" ? content : JSON.stringify(content));
  return full;
}

function errorOf(outcome: Outcome<unknown, CniError>): CniError {
  if (outcome.ok) throw new Error(`accepted: ${printJson(outcome.value)}`);
  return outcome.error;
}

function resource(config: unknown, more: object = {}): object {
  return {
    apiVersion: "k8s.cni.cncf.io/v1",
    kind: "NetworkAttachmentDefinition",
    metadata: { name: "storage", namespace: "shop" },
    spec: { config },
    ...more,
  };
}

const macvlan = { cniVersion: "1.0.0", type: "macvlan", master: "eth1" };
const list = { cniVersion: "1.0.0", plugins: [{ type: "macvlan" }, { type: "tuning" }] };

describe("a definition", () => {
  test.each<[string, string, unknown, object]>([
    ["a configuration: the name is injected", "storage.conf", macvlan, { ...macvlan, name: "storage" }],
    [
      "a configuration with a name of its own",
      "storage.json",
      { ...macvlan, name: "san" },
      { ...macvlan, name: "san" },
    ],
    ["a list", "storage.conflist", list, { ...list, name: "storage" }],
    ["a list in a .json", "storage.json", list, { ...list, name: "storage" }],
    [
      "a NetworkAttachmentDefinition",
      "storage.json",
      resource(JSON.stringify(macvlan)),
      { ...macvlan, name: "storage" },
    ],
    ["one with a list", "storage.json", resource(JSON.stringify(list)), { ...list, name: "storage" }],
    [
      "an empty name counts as none",
      "storage.json",
      { ...macvlan, name: "" },
      { ...macvlan, name: "storage" },
    ],
    [
      "one without metadata",
      "storage.json",
      resource(JSON.stringify(macvlan), { metadata: undefined }),
      { ...macvlan, name: "storage" },
    ],
    [
      "one with a name only",
      "storage.json",
      resource(JSON.stringify(macvlan), { metadata: { name: "storage" } }),
      { ...macvlan, name: "storage" },
    ],
    ["an empty config: the file in confDir is meant", "storage.json", resource(""), {}],
    ["a blank config", "storage.json", resource(" \n"), {}],
    ["no config", "storage.json", resource(undefined), {}],
    ["a config of null", "storage.json", resource(null), {}],
    [
      "a configuration with a resource's keys",
      "storage.conf",
      { ...macvlan, kind: "fast", metadata: 1 },
      { ...macvlan, kind: "fast", metadata: 1, name: "storage" },
    ],
    [
      "a list with a resource's keys",
      "storage.conf",
      { ...list, spec: 1 },
      { ...list, spec: 1, name: "storage" },
    ],
    ["no spec", "storage.json", resource("", { spec: undefined }), {}],
  ])("%s", (_what, file, content, config) => {
    const source = write(`shop/${file}`, content);
    expect(readDefinition(linux, folder, "shop", "storage")).toEqual({
      ok: true,
      value: { namespace: "shop", name: "storage", source, keptIn: "disk", annotations: {}, config },
    });
  });

  test.each<[string, unknown, object]>([
    ["a definition's", resource("", { metadata: { annotations: { "a/b": "1" } } }), { "a/b": "1" }],
    ["a definition's that are null", resource("", { metadata: { annotations: null } }), {}],
    ["a configuration's: none", { ...macvlan, metadata: { annotations: { "a/b": "1" } } }, {}],
  ])("the annotations: %s", (_what, content, annotations) => {
    write("shop/storage.json", content);
    const read = readDefinition(linux, folder, "shop", "storage");
    expect(read.ok && read.value.annotations).toEqual(annotations);
  });

  test("large integers and unknown keys arrive unharmed", () => {
    write("shop/storage.json", resource(`{"type":"macvlan","id":12345678901234567890,"x":{"y":[1.0]}}`));
    const read = readDefinition(linux, folder, "shop", "storage");
    expect(read.ok && printJson(read.value.config)).toBe(
      `{"type":"macvlan","id":12345678901234567890,"x":{"y":[1.0]},"name":"storage"}`,
    );
  });

  test.each<[string, unknown, string]>([
    ["nothing", "", "it is not JSON"],
    ["no JSON", "{not json", "it is not JSON"],
    ["YAML", "kind: NetworkAttachmentDefinition\n", "it is not JSON"],
    ["an array", [macvlan], "it is an array, not an object"],
    ["null", "null", "it is null, not an object"],
    ["an empty object", {}, `neither "type" nor "plugins"`],
    ["a name alone", { name: "storage" }, `neither "type" nor "plugins"`],
    ["another kind", resource("", { kind: "List" }), `kind is "List", not "NetworkAttachmentDefinition"`],
    ["no kind", resource("", { kind: undefined }), `kind is missing, not "NetworkAttachmentDefinition"`],
    ["a spec alone", { spec: { config: "{}" } }, "kind is missing"],
    [
      "another name",
      resource("", { metadata: { name: "other" } }),
      `metadata.name is "other", but the file's name says storage`,
    ],
    [
      "another namespace",
      resource("", { metadata: { namespace: "blue" } }),
      `metadata.namespace is "blue", but the folder's name says shop`,
    ],
    ["metadata of a wrong kind", resource("", { metadata: [] }), "metadata is an array, not an object"],
    [
      "annotations of a wrong kind",
      resource("", { metadata: { annotations: ["a"] } }),
      "metadata.annotations is an array, not an object",
    ],
    [
      "an annotation that is no text",
      resource("", { metadata: { annotations: { "a/b": "1", "c/d": true } } }),
      `metadata.annotations: "c/d" is a boolean, not a string`,
    ],
    ["a spec of a wrong kind", resource("", { spec: "x" }), "spec is a string, not an object"],
    [
      "a config that is an object",
      resource(macvlan),
      "spec.config is an object, not a string with JSON in it",
    ],
    ["a config that is no JSON", resource("{"), "spec.config is not JSON"],
    ["a config that is an array", resource("[]"), "spec.config is an array, not an object"],
    ["a config of nothing", resource("{}"), `neither "type" nor "plugins"`],
    ["a name that is a number", { ...macvlan, name: 7 }, "name is a number, not a string"],
    ["a name with a path in it", { ...macvlan, name: "../x" }, `name "../x" cannot name a network`],
  ])("that is %s is refused", (_what, content, why) => {
    const source = write("shop/storage.json", content);
    const error = errorOf(readDefinition(linux, folder, "shop", "storage"));
    expect(error).toMatchObject({ code: 7, id: "kube.bad-definition" });
    expect(error.msg).toMatch(`read network definition shop/storage (${source}): `);
    expect(error.msg).toContain(why);
  });

  test("two files for one name are refused, both named", () => {
    const first = write("shop/storage.conf", macvlan);
    const second = write("shop/storage.json", macvlan);
    const error = errorOf(readDefinition(linux, folder, "shop", "storage"));
    expect(error.id).toBe("kube.bad-definition");
    expect(error.msg).toContain(`(${first}): ${second} defines it too; remove one of them`);
  });

  test("one that cannot be read is no missing one", () => {
    mkdirSync(join(folder, "shop/storage.json"), { recursive: true });
    const error = errorOf(readDefinition(linux, folder, "shop", "storage"));
    expect(error).toMatchObject({
      code: 5,
      id: "kube.read",
      msg: expect.stringContaining("shop/storage.json: "),
    });
  });
});

describe("an unknown network", () => {
  test("what exists in its namespace is listed", () => {
    write("shop/storage.json", macvlan);
    write("shop/data.conflist", list);
    write("shop/.data.json.tmp", "");
    write("shop/.hidden.json", macvlan);
    write("shop/README.md", "");
    write("blue/secret.json", macvlan);
    const error = errorOf(readDefinition(linux, folder, "shop", "storag"));
    expect(error).toEqual({
      code: 103,
      id: "kube.unknown-network",
      msg: "find network shop/storag: there is none of this name",
      details: `${folder}/shop defines data, storage. Ask for one that exists, or define it in ${folder}/shop/storag.json.`,
    });
  });

  test("of many, twenty are listed", () => {
    for (let index = 10; index < 40; index++) write(`shop/n${index}.json`, macvlan);
    const { details } = errorOf(readDefinition(linux, folder, "shop", "storage"));
    expect(details).toContain("n28, n29 and 10 more.");
    expect(details).not.toContain("n30");
  });

  test("in a namespace without definitions", () => {
    mkdirSync(join(folder, "shop"));
    expect(errorOf(readDefinition(linux, folder, "shop", "a")).details).toContain(
      `${folder}/shop defines none.`,
    );
  });

  test("in a namespace without a folder", () => {
    expect(errorOf(readDefinition(linux, folder, "shop", "a")).details).toMatch(
      `There is no folder ${folder}/shop.`,
    );
  });

  test("where the definitions' own folder is missing", () => {
    const missing = `${folder}/missing`;
    expect(errorOf(readDefinition(linux, missing, "shop", "a"))).toMatchObject({
      id: "kube.unknown-network",
      details: expect.stringContaining(`There is no folder ${missing}.`),
    });
  });

  test("whose name is too long for a file", () => {
    mkdirSync(join(folder, "shop"));
    expect(errorOf(readDefinition(linux, folder, "shop", "n".repeat(253))).id).toBe("kube.unknown-network");
  });
});

describe("a name that no path may be made of", () => {
  test.each([
    ["..", "storage"],
    ["shop", ".."],
    ["", "storage"],
    ["shop", ""],
    ["shop", "../blue/secret"],
    ["shop/..", "secret"],
    ["shop", "storage\0"],
    [".", "storage"],
    ["shop", "a..b"],
    ["shop", ".a"],
    ["a.b", "storage"],
  ])("%j / %j", (namespace, name) => {
    write("blue/secret.json", macvlan);
    write("storage.json", macvlan);
    const error = errorOf(readDefinition(linux, folder, namespace, name));
    expect(error).toMatchObject({ code: 103, id: "kube.name" });
  });

  test("with dots, as Kubernetes allows them, is one", () => {
    write("shop/net.v1.json", macvlan);
    expect(readDefinition(linux, folder, "shop", "net.v1")).toMatchObject({
      ok: true,
      value: { name: "net.v1" },
    });
    expect(listDefinitions(linux, folder)).toMatchObject({
      ok: true,
      value: [{ namespace: "shop", name: "net.v1" }],
    });
  });

  test("never reaches the disk", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string(), (namespace, name) => {
        const paths: string[] = [];
        const { sys } = createFake({ onCall: (call) => paths.push(call) });
        readDefinition(sys, "/net.d", namespace, name);
        for (const call of paths)
          expect(call).toMatch(/^\w+ \/net\.d(\/[a-z0-9-]+(\/[a-z0-9-]+(\.[a-z0-9-]+)*\.\w+)?)?$/);
      }),
    );
  });
});

describe("all definitions", () => {
  test("the unusable ones have their reason", () => {
    const storage = write("shop/storage.json", macvlan);
    write("shop/broken.conf", "{");
    write("shop/Upper.json", macvlan);
    write("shop/twice.conf", macvlan);
    write("shop/twice.json", macvlan);
    write("shop/notes.txt", "");
    write("blue/data.conflist", list);
    write("stray.json", macvlan);
    write("README.md", "");
    write(".git/config.json", "");
    const listed = must(listDefinitions(linux, folder));
    const shown = listed.map(({ namespace, name, definition }) => [
      `${namespace}/${name}`,
      definition.ok ? "ok" : definition.error.id,
    ]);
    expect(shown).toEqual([
      ["blue/data", "ok"],
      ["shop/Upper", "kube.name"],
      ["shop/broken", "kube.bad-definition"],
      ["shop/storage", "ok"],
      ["shop/twice", "kube.bad-definition"],
      ["/stray", "kube.bad-definition"],
    ]);
    expect(listed[3]?.definition).toMatchObject({ ok: true, value: { source: storage } });
    expect(listed[5]?.definition).toMatchObject({
      ok: false,
      error: { msg: expect.stringContaining(`move it to ${folder}/<namespace>/stray.json`) },
    });
  });

  test("none", () => {
    expect(listDefinitions(linux, folder)).toEqual({ ok: true, value: [] });
  });

  test("no folder", () => {
    expect(errorOf(listDefinitions(linux, `${folder}/missing`))).toMatchObject({ code: 5, id: "kube.read" });
  });
});

describe("a network by its name", () => {
  test.each(["10-cbr.conf", "10-cbr.conflist", "10-cbr.json"])("in %s", (file) => {
    write("05-other.conf", { ...macvlan, name: "other" });
    const source = write(file, { ...macvlan, name: "cbr0" });
    expect(findByNetworkName(linux, folder, "cbr0")).toEqual({
      ok: true,
      value: { source, config: { ...macvlan, name: "cbr0" } },
    });
  });

  test("of two, the first by file name", () => {
    write("20-b.conf", { ...macvlan, name: "cbr0" });
    const source = write("10-a.conflist", { ...list, name: "cbr0" });
    expect(findByNetworkName(linux, folder, "cbr0")).toMatchObject({ ok: true, value: { source } });
  });

  test("a file that is no configuration is passed over, with a word", () => {
    const { sys, warnings } = createFake({
      files: { "/net.d/00-a.conf": "{", "/net.d/10-b.conf": `{"name":"cbr0"}`, "/net.d/20-c.conf": "[]" },
    });
    expect(findByNetworkName(sys, "/net.d", "cbr0")).toMatchObject({
      ok: true,
      value: { source: "/net.d/10-b.conf" },
    });
    expect(warnings).toEqual([
      expect.stringMatching(/^hawser: find network "cbr0": \/net\.d\/00-a\.conf is not JSON: /),
    ]);
  });

  test("unknown: what there is, and what is not understood", () => {
    write("10-a.conf", { ...macvlan, name: "pods" });
    write("20-b.conflist", "{");
    write("30-c.json", [macvlan]);
    write("40-d.json", macvlan);
    write("50-e.txt", { ...macvlan, name: "cbr0" });
    mkdirSync(join(folder, "60-f.conf"));
    const error = errorOf(findByNetworkName(linux, folder, "cbr0"));
    expect(error).toMatchObject({
      code: 103,
      id: "kube.unknown-network",
      msg: expect.stringContaining(`"cbr0"`),
    });
    expect(error.details).toMatch(
      `The files of ${folder} define "pods". Not understood: ${folder}/20-b.conflist is not JSON`,
    );
    expect(error.details).toMatch(/30-c\.json is an array, not an object.*60-f\.conf cannot be read: /);
    expect(error.details).not.toContain("40-d");
  });

  test("no configuration at all", () => {
    expect(errorOf(findByNetworkName(linux, folder, "cbr0")).details).toBe(
      `The files of ${folder} define no network.`,
    );
  });

  test("no folder", () => {
    const error = errorOf(findByNetworkName(linux, `${folder}/missing`, "cbr0"));
    expect(error).toMatchObject({
      id: "kube.unknown-network",
      details: `There is no folder ${folder}/missing.`,
    });
  });

  test("a folder that cannot be read says nothing of the network", () => {
    const { sys, failReads } = createFake({ files: { "/net.d/10-a.conf": `{"name":"cbr0"}` } });
    failReads("/net.d", "EIO");
    expect(errorOf(findByNetworkName(sys, "/net.d", "cbr0"))).toMatchObject({ code: 5, id: "kube.read" });
  });
});
