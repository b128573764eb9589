import { describe, expect, test } from "vitest";
import { must } from "../sys/outcome-testing.ts";
import { type ConfigFailure, kindOf, parseNetworkConfig, validAttachments } from "./config.ts";
import { type Json, parseJson, printJson } from "./json.ts";
import type { NetworkConfig } from "./types.ts";
import { versions } from "./version.ts";

function read(text: string): NetworkConfig {
  return must(parseNetworkConfig(text));
}

function refusal(text: string): ConfigFailure {
  const parsed = parseNetworkConfig(text);
  if (parsed.ok) throw new Error("accepted");
  return parsed.error;
}

describe("a network configuration", () => {
  test("is typed where the specification types it, raw beside it", () => {
    const config = read(`{"cniVersion":"1.0.0","name":"a","type":"hawser","vlan":100}`);
    expect(config).toEqual({
      cniVersion: "1.0.0",
      name: "a",
      type: "hawser",
      raw: { cniVersion: "1.0.0", name: "a", type: "hawser", vlan: 100 },
    });
  });

  test("every key survives, numbers digit for digit", () => {
    const text = `{"name":"a","type":"t","id":12345678901234567890,"rate":1.0,"__proto__":{"x":1e400},"args":null}`;
    expect(printJson(read(text).raw)).toBe(text);
  });

  test.each(versions)("of version %s", (version) => {
    expect(read(`{"cniVersion":"${version}","name":"a","type":"t"}`).cniVersion).toBe(version);
  });

  test.each([`{"name":"a"}`, `{"cniVersion":"","name":"a"}`, `{"cniVersion":null,"name":"a"}`])(
    "without a version is of the first: %s",
    (text) => {
      expect(read(text).cniVersion).toBe("0.1.0");
    },
  );

  test("may come without a type: whoever reads it knows what it is", () => {
    expect(read(`{"name":"a"}`).type).toBe("");
  });
});

describe("P-10: what is no configuration", () => {
  test.each([
    ["words", "{not json", /^read the network configuration on stdin: ./],
    ["nothing", "", /stdin is empty$/],
    ["white space", " \n", /stdin is empty$/],
    ["truncated", `{"name":"a"`, /stdin: ./],
    ["trailing bytes", `{"name":"a"} x`, /stdin: ./],
    ["two documents", `{"name":"a"}{"name":"b"}`, /stdin: ./],
    ["an array", "[]", /it is an array, not an object$/],
    ["null", "null", /it is null, not an object$/],
    ["a string", `"a"`, /it is a string, not an object$/],
    ["a number", "1", /it is a number, not an object$/],
    ["an exact number", "1.0", /it is a number, not an object$/],
    ["a boolean", "true", /it is a boolean, not an object$/],
    ["a well too deep", "[".repeat(100_000) + "]".repeat(100_000), /nested too deeply$/],
  ])("%s", (_name, text, msg) => {
    const failure = refusal(text);
    expect(failure.error).toMatchObject({ code: 6, id: "config.json", msg: expect.stringMatching(msg) });
    expect(failure.cniVersion).toBeUndefined();
  });
});

describe("P-11: versions", () => {
  test.each(["9.9.9", "1.1", "abc", "0.5.0", " 1.1.0"])("%j is not supported", (version) => {
    const { error } = refusal(JSON.stringify({ cniVersion: version, name: "a" }));
    expect(error).toMatchObject({ code: 1, id: "config.version" });
    expect(error.msg).toBe(`cniVersion ${JSON.stringify(version)} is not supported`);
    expect(error.details).toBe(`Supported are ${versions.join(", ")}.`);
  });

  test.each(["1", "1.10", "[]", "{}", "true"])("%s is no text", (version) => {
    const { error } = refusal(`{"cniVersion":${version},"name":"a"}`);
    expect(error).toMatchObject({
      code: 6,
      id: "config.version",
      msg: expect.stringMatching(/, not a string$/),
    });
  });

  test("are looked at before the name", () => {
    expect(refusal(`{"cniVersion":"9.9.9","name":"../x"}`).error.code).toBe(1);
  });
});

describe("P-6: names of networks", () => {
  test.each(["../x", "a b", "-a", ".a", "_a", "a/b", "a\n", "é"])("%j cannot name one", (name) => {
    const failure = refusal(JSON.stringify({ cniVersion: "1.0.0", name }));
    expect(failure.error).toMatchObject({ code: 7, id: "config.name" });
    expect(failure.error.msg).toContain(`${JSON.stringify(name)} cannot name a network`);
    expect(failure.cniVersion).toBe("1.0.0");
  });

  test.each([
    `{"cniVersion":"1.1.0"}`,
    `{"cniVersion":"1.1.0","name":null}`,
    `{"cniVersion":"1.1.0","name":""}`,
  ])("missing: %s", (text) => {
    const failure = refusal(text);
    expect(failure.error).toMatchObject({ code: 7, msg: expect.stringMatching(/the network has no name$/) });
    expect(failure.cniVersion).toBe("1.1.0");
  });

  test.each(["1", "1.0", "[]", "{}", "false"])("%s is no text", (name) => {
    const failure = refusal(`{"cniVersion":"1.1.0","name":${name}}`);
    expect(failure.error).toMatchObject({
      code: 6,
      id: "config.name",
      msg: expect.stringMatching(/, not a string$/),
    });
    expect(failure.cniVersion).toBe("1.1.0");
  });

  test("one letter is enough", () => {
    expect(read(`{"name":"a"}`).name).toBe("a");
  });

  test("a type that is no text", () => {
    expect(refusal(`{"name":"a","type":7}`).error).toMatchObject({ code: 6, id: "config.type" });
  });
});

describe("P-41: the attachments that are still valid", () => {
  const entry = { containerID: "a1", ifname: "eth0" };

  test.each(["cni.dev/valid-attachments", "cni.dev/attachments"])("%s", (key) => {
    expect(validAttachments({ [key]: [{ ...entry, vendor: 1 }] })).toEqual({ ok: true, value: [entry] });
  });

  test("the text's spelling counts when both are there", () => {
    const raw = { "cni.dev/valid-attachments": [entry], "cni.dev/attachments": [] };
    expect(validAttachments(raw)).toEqual({ ok: true, value: [entry] });
  });

  test("an empty list says that nothing is", () => {
    expect(validAttachments({ "cni.dev/valid-attachments": [] })).toEqual({ ok: true, value: [] });
    const raw = { "cni.dev/valid-attachments": [], "cni.dev/attachments": [entry] };
    expect(validAttachments(raw)).toEqual({ ok: true, value: [] });
  });

  test.each<[string, Record<string, Json>]>([
    ["missing", {}],
    ["null", { "cni.dev/valid-attachments": null }],
    ["null in both spellings", { "cni.dev/valid-attachments": null, "cni.dev/attachments": null }],
  ])("a list that is %s says nothing", (_name, raw) => {
    expect(validAttachments(raw)).toEqual({ ok: true, value: undefined });
  });

  test.each<[string, Json, string]>([
    ["an object", {}, "it is an object, not an array"],
    ["text", "a1", "it is a string, not an array"],
    ["false", false, "it is a boolean, not an array"],
    ["with a null", [entry, null], "entry 1 is null, not an object"],
    ["with text", ["a1"], "entry 0 is a string, not an object"],
    ["without ifname", [{ containerID: "a1" }], "entry 0 must have the strings"],
    ["with a number", [entry, { containerID: 1, ifname: "eth0" }], "entry 1 must have the strings"],
  ])("a list that is %s is refused, lest something live is deleted", (_name, list, why) => {
    const valid = validAttachments({ "cni.dev/valid-attachments": list });
    expect(valid).toMatchObject({ ok: false, error: { code: 7, id: "config.valid-attachments" } });
    expect(valid.ok ? "" : valid.error.msg).toContain(why);
  });
});

describe("kinds, in words", () => {
  const exact = parseJson("1.0");
  test.each<[Json | undefined, string]>([
    [undefined, "missing"],
    [null, "null"],
    [[], "an array"],
    [{}, "an object"],
    ["", "a string"],
    [1, "a number"],
    [exact.ok ? exact.value : null, "a number"],
    [true, "a boolean"],
  ])("%j is %s", (value, words) => {
    expect(kindOf(value)).toBe(words);
  });
});
