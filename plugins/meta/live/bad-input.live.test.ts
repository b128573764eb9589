import * as fs from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { addNamespace, type Bed, useBed } from "../../../tools/testbed/bed.ts";
import { answerOf, call, errorOf, expectSilence, type Operation } from "../../../tools/testbed/call.ts";
import { type Executable, suite } from "../../../tools/testbed/executables.ts";
import { linkNames } from "../../../tools/testbed/kernel-state.ts";
import { leftovers } from "../../../tools/testbed/leftovers.ts";
import { annotated, annotationsCapability, bridge, define, hawser } from "../../../tools/testbed/networks.ts";
import { addPlugin, callNames } from "../../../tools/testbed/script-plugin.ts";

/** Wrong input ends with the specification's code, one document and exit 1, and nothing has been done. */

/** A configuration of two networks that would work. So a failure has the reason that is tested. */
function pluginsThere(bed: Bed): Record<string, unknown> {
  for (const type of ["main", "side"]) addPlugin(bed, type);
  define(bed, "blue", { cniVersion: "1.1.0", name: "blue", type: "side" });
  define(bed, "green", { cniVersion: "1.1.0", name: "green", type: "side" });
  define(bed, "secret", { cniVersion: "1.1.0", name: "secret", type: "side" }, "team-b");
  return annotated(hawser(bed, { delegate: { type: "main" } }), "blue");
}

async function expectRefused(bed: Bed, executable: Executable, operation: Operation, code: number) {
  const ended = await call(bed, executable, operation);
  const error = errorOf(ended);
  expect(error.code).toBe(code);
  expect(callNames(bed)).toEqual([]);
  expect(leftovers(bed)).toEqual([]);
  // People have to read the error, so it is short even if the input is long.
  expect(ended.stdout.length).toBeLessThan(5_000);
  return error;
}

suite("stdin", [], (executable) => {
  const bed = useBed({ node: false });
  const megabyte = "x".repeat(1024 * 1024);

  test.each<[string, string, number]>([
    ["not JSON", "{not json", 6],
    ["empty", "", 6],
    ["null", "null", 6],
    ["an array", "[]", 6],
    ["a text", `"{}"`, 6],
    ["trailing bytes", `{"cniVersion":"1.1.0","name":"pods","type":"hawser"} x`, 6],
    ["two documents", `{"cniVersion":"1.1.0","name":"pods","type":"hawser"}{}`, 6],
    ["truncated", `{"cniVersion":"1.1.0","name":"po`, 6],
    ["1 MB of garbage", megabyte, 6],
    ["deep nesting", "[".repeat(200_000), 6],
    ["zeros", "\0".repeat(100), 6],
  ])("%s: code %#", async (_case, config, code) => {
    const error = await expectRefused(bed(), executable, { verb: "ADD", config }, code);
    expect(error.cniVersion).toBe("1.1.0");
  });

  test.each<[string, object, number, string]>([
    ["no name", { name: undefined }, 7, "no name"],
    ["name null", { name: null }, 7, "no name"],
    ["name empty", { name: "" }, 7, "no name"],
    ["name ../x", { name: "../x" }, 7, `"../x"`],
    ["name with a blank", { name: "a b" }, 7, `"a b"`],
    ["name of 1 MB", { name: megabyte }, 7, "name"],
    ["name a number", { name: 7 }, 6, "name is a number"],
    ["cniVersion 9.9.9", { cniVersion: "9.9.9" }, 1, `"9.9.9"`],
    ["cniVersion 1.1", { cniVersion: "1.1" }, 1, `"1.1"`],
    ["cniVersion abc", { cniVersion: "abc" }, 1, `"abc"`],
    ["cniVersion a number", { cniVersion: 1.1 }, 6, "cniVersion is a number"],
    ["an unknown field", { netwroks: ["blue"] }, 2, `netwroks = ["blue"]`],
    ["networks a text", { networks: "blue" }, 7, "networks"],
    ["stateDir a relative path", { stateDir: "var/lib" }, 7, "stateDir"],
    ["delegate a text", { delegate: "main" }, 7, "delegate"],
    ["delegate empty", { delegate: {} }, 7, "delegate"],
    ["neither delegate nor prevResult", { delegate: undefined }, 7, "delegate"],
    ["both delegate and prevResult", { prevResult: { cniVersion: "1.1.0" } }, 7, "both a delegate"],
    ["delegate type ../main", { delegate: { type: "../main" } }, 7, `"../main"`],
    ["delegate type ..", { delegate: { type: ".." } }, 7, `".."`],
    ["delegate type with a backslash", { delegate: { type: "a\\b" } }, 7, "type"],
    ["delegate type a number", { delegate: { type: 7 } }, 7, "type"],
    ["delegate without plugins", { delegate: { plugins: [] } }, 7, "plugins"],
    ["delegate of version 9.0.0", { delegate: { cniVersion: "9.0.0", type: "main" } }, 1, "9.0.0"],
    ["delegate that is ourselves", { delegate: { type: "hawser" } }, 7, "hawser"],
    ["delegate name ../x", { delegate: { name: "../x" } }, 103, "../x"],
    ["delegate with a network name ../x", { delegate: { type: "main", name: "../x" } }, 7, "../x"],
    [
      "ipam type ../host-local",
      { delegate: { type: "main", ipam: { type: "../host-local" } } },
      7,
      "../host-local",
    ],
    ["a list whose second has no type", { delegate: { plugins: [{ type: "main" }, {}] } }, 7, "plugins[1]"],
    ["timeout without a unit", { timeout: "90" }, 7, "timeout"],
  ])("%s", async (_case, changes, code, said) => {
    const config = { ...pluginsThere(bed()), ...changes };
    const error = await expectRefused(bed(), executable, { verb: "ADD", config }, code);
    expect(`${error.msg} ${error.details}`).toContain(said);
    expect(error.cniVersion).toBe("1.1.0");
  });
});

suite("the environment", [], (executable) => {
  const bed = useBed({ node: false });
  const none = { CNI_COMMAND: undefined };

  test.each<[string, Partial<Operation>, string]>([
    ["no CNI_COMMAND", { env: none }, "CNI_COMMAND"],
    ["CNI_COMMAND empty", { env: { CNI_COMMAND: "" } }, "CNI_COMMAND"],
    ["CNI_COMMAND FOO", { env: { CNI_COMMAND: "FOO" } }, `"FOO"`],
    ["CNI_COMMAND add", { env: { CNI_COMMAND: "add" } }, `"add"`],
    ["ADD without CNI_CONTAINERID", { containerId: "" }, "CNI_CONTAINERID"],
    ["ADD without CNI_NETNS", { netns: "" }, "CNI_NETNS"],
    ["ADD without CNI_IFNAME", { ifname: "" }, "CNI_IFNAME"],
    [
      "ADD without any",
      { env: { CNI_CONTAINERID: undefined, CNI_NETNS: undefined, CNI_IFNAME: undefined } },
      "CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME",
    ],
    ["CHECK without CNI_NETNS", { verb: "CHECK", netns: "" }, "CNI_NETNS"],
    ["DEL without CNI_IFNAME", { verb: "DEL", ifname: "" }, "CNI_IFNAME"],
    ["GC without CNI_PATH", { verb: "GC", path: "" }, "CNI_PATH"],
    ["container ID -abc", { containerId: "-abc" }, "-abc"],
    ["container ID .abc", { containerId: ".abc" }, ".abc"],
    ["container ID _abc", { containerId: "_abc" }, "_abc"],
    ["container ID ../x", { containerId: "../x" }, "../x"],
    ["container ID a/b", { containerId: "a/b" }, "a/b"],
    ["container ID with a blank", { containerId: "a b" }, "a b"],
    ["container ID with a newline at its end", { containerId: "abc\n" }, "abc"],
    ["container ID with an accent", { containerId: "abcé" }, "abc"],
    ["container ID too long for a file", { containerId: "c".repeat(250) }, "250"],
    ["interface of 16 bytes", { ifname: "abcdefghijklmnop" }, "abcdefghijklmnop"],
    ["interface .", { ifname: "." }, `"."`],
    ["interface ..", { ifname: ".." }, `".."`],
    ["interface a/b", { ifname: "a/b" }, "a/b"],
    ["interface a:b", { ifname: "a:b" }, "a:b"],
    ["interface with a blank", { ifname: "a b" }, "a b"],
  ])("%s: code 4", async (_case, operation, said) => {
    const config = pluginsThere(bed());
    const error = await expectRefused(bed(), executable, { verb: "ADD", config, ...operation }, 4);
    expect(error.msg).toContain(said);
    expect(error.cniVersion).toBe("1.1.0");
  });

  test.each<[string, Partial<Operation>]>([
    ["a container ID of one character", { containerId: "7" }],
    ["a container ID with all that it may hold", { containerId: "0a_.-Z" }],
    ["an interface of 15 bytes", { ifname: "abcdefghijklmno" }],
    ["CNI_ARGS unset", { args: "" }],
    ["CNI_ARGS of nobody's", { args: "FOO=BAR;;=;X" }],
  ])("%s is accepted", async (_case, operation) => {
    const config = pluginsThere(bed());
    answerOf(await call(bed(), executable, { verb: "ADD", config, ...operation }));
    expectSilence(await call(bed(), executable, { verb: "DEL", config, ...operation }));
    expect(leftovers(bed())).toEqual([]);
  });
});

/**
 * Texts that a pod's owner may write into the annotation, each with the code of its error. The code is undefined if the text is
 * right.
 */
const annotations: [string, unknown, number | undefined, string][] = [
  ["empty", "", undefined, ""],
  ["blank", "  ", undefined, ""],
  ["an empty array", "[]", undefined, ""],
  ["null", null, 7, "null"],
  ["a/b/c", "a/b/c", 102, "a/b/c"],
  ["a@b@c", "a@b@c", 102, "a@b@c"],
  ["an empty entry", "blue,,blue", 102, "entry 1"],
  ["a capital letter", "Blue", 102, "Blue"],
  ["a dot in a name", "blue.net", 102, "blue.net"],
  ["a blank in a name", "bl ue", 102, "bl ue"],
  ["a name that ends in -", "blue-", 102, "blue-"],
  ["an interface of 16 bytes", "blue@abcdefghijklmnop", 102, "abcdefghijklmnop"],
  ["an interface with a blank", "blue@net 1", 102, "net 1"],
  ["no interface after @", "blue@", 102, "blue@"],
  ["a path for a name", "../../etc/passwd", 102, "../../etc/passwd"],
  ["a path for a namespace", "../blue", 102, "../blue"],
  ["the primary's interface", "blue@eth0", 103, "eth0"],
  ["one interface twice", "blue@net7,green@net7", 102, "net7"],
  ["an interface that the next would get", "blue@net2,green", 103, "net2"],
  ["loopback", "blue@lo", 103, "lo"],
  ["an unknown network", "purple", 103, "blue, green"],
  ["another team's network", "team-b/secret", 102, "team-b/secret"],
  ["another team's network that does not exist", "team-b/absent", 102, "team-b/absent"],
  ["invalid JSON", `[{"name":`, 102, "JSON"],
  ["an object instead of an array", `{"name":"blue"}`, 102, "an object"],
  ["an array of texts", `["blue"]`, 102, "entry 0"],
  ["JSON without a name", `[{"interface":"net1"}]`, 102, "name"],
  ["JSON with an unknown key", `[{"name":"blue","vlan":7}]`, 102, "vlan"],
  ["JSON with an address that is none", `[{"name":"blue","ips":["10.0.0.300"]}]`, 102, "10.0.0.300"],
  ["JSON with a MAC that is none", `[{"name":"blue","mac":"02:00"}]`, 102, "02:00"],
  ["a capability that no plugin declares", `[{"name":"blue","ips":["10.0.0.3"]}]`, 103, "ips"],
  ["1 MB of garbage", "\u0007{".repeat(512 * 1024), 102, "JSON"],
  ["64 wrong names", Array(64).fill("X").join(), 102, "And 54 more"],
  ["65 networks", Array(65).fill("blue").join(), 102, "at most 64"],
  ["1 MB of names", "blue,".repeat(200 * 1024), 102, "at most 64"],
];

suite("annotations", [], (executable) => {
  const bed = useBed({ node: false });

  test.each(annotations)("%s", async (_case, annotation, code, said) => {
    const config = annotated(pluginsThere(bed()), annotation);
    const operation: Operation = { verb: "ADD", config };
    if (code === undefined) {
      const result = answerOf<{ interfaces: object[] }>(await call(bed(), executable, operation));
      expect(result.interfaces).toHaveLength(1);
      return;
    }
    const error = await expectRefused(bed(), executable, operation, code);
    expect(`${error.msg} ${error.details}`).toContain(said);
  });

  test.each<[string, unknown, number | undefined]>([
    ["null: the pod has none", null, undefined],
    ["an empty object: the pod has none", {}, undefined],
    ["a text", "blue", 7],
    ["an array", [], 7],
  ])("instead of the annotations %s", async (_case, annotations, code) => {
    const config = { ...pluginsThere(bed()), runtimeConfig: { [annotationsCapability]: annotations } };
    if (code !== undefined) await expectRefused(bed(), executable, { verb: "ADD", config }, code);
    else expect(answerOf(await call(bed(), executable, { verb: "ADD", config }))).toBeDefined();
  });
});

suite("definitions", [], (executable) => {
  const bed = useBed({ node: false });

  test.each<[string, string, number, string]>([
    ["not JSON", "{not json", 7, "not JSON"],
    ["an array", "[]", 7, "an array"],
    ["empty", "", 7, "not JSON"],
    ["neither type nor plugins", `{"cniVersion":"1.1.0"}`, 7, "type"],
    ["type ../side", `{"cniVersion":"1.1.0","type":"../side"}`, 7, "../side"],
    ["name ../x", `{"cniVersion":"1.1.0","type":"side","name":"../x"}`, 7, "../x"],
    ["a plugin that is not there", `{"cniVersion":"1.1.0","type":"absent"}`, 101, "absent"],
    ["ourselves", `{"cniVersion":"1.1.0","type":"hawser"}`, 7, "hawser"],
    ["ipam type ../x", `{"cniVersion":"1.1.0","type":"side","ipam":{"type":"../x"}}`, 7, "../x"],
    ["an unknown version", `{"cniVersion":"9.0.0","type":"side"}`, 1, "9.0.0"],
  ])("%s", async (_case, text, code, said) => {
    const config = annotated(pluginsThere(bed()), "green,bad");
    fs.writeFileSync(join(bed().definitionsDir, "default/bad.json"), text);
    const error = await expectRefused(bed(), executable, { verb: "ADD", config }, code);
    expect(`${error.msg} ${error.details}`).toContain(said);
    expect(`${error.msg} ${error.details}`).toContain("default/bad");
  });
});

suite("on real networks", ["root", "bridge", "host-local"], (executable) => {
  const bed = useBed({ node: true });

  test("an interface that exists already: the delegate's error, and no address lost", async () => {
    const pod = addNamespace(bed());
    const config = hawser(bed(), { delegate: bridge(bed(), 61) });
    answerOf(await call(bed(), executable, { verb: "ADD", config, netns: pod.path }));
    const second = { verb: "ADD", config, netns: pod.path, containerId: "c2" } as const;
    const error = errorOf(await call(bed(), executable, second));
    expect(error).toMatchObject({ code: 109, msg: expect.stringContaining("eth0") });
    expect(leftovers(bed(), "c2")).toEqual([]);
  });

  test("the node's own namespace for a pod's", async () => {
    const config = hawser(bed(), { delegate: bridge(bed(), 61) });
    const node = { netns: `/var/run/netns/${bed().node}` };
    errorOf(await call(bed(), executable, { verb: "ADD", config, ...node }));
    expectSilence(await call(bed(), executable, { verb: "DEL", config, netns: "" }));
    expect(leftovers(bed())).toEqual([]);
    expect(linkNames(bed().node ?? "")).not.toContain("eth0");
  });

  test("a namespace that is not there", async () => {
    const config = hawser(bed(), { delegate: bridge(bed(), 61) });
    errorOf(await call(bed(), executable, { verb: "ADD", config, netns: "/var/run/netns/absent" }));
    expect(leftovers(bed())).toEqual([]);
  });
});
