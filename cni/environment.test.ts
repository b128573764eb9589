import { describe, expect, test } from "vitest";
import {
  type EnvironmentVariables,
  interfaceNameProblem,
  isName,
  parseArgs,
  parseEnvironment,
} from "./environment.ts";
import type { CniError } from "./errors.ts";
import { type Verb, verbs } from "./version.ts";

const complete: EnvironmentVariables = {
  CNI_COMMAND: "ADD",
  CNI_CONTAINERID: "a1",
  CNI_NETNS: "/run/netns/a",
  CNI_IFNAME: "eth0",
  CNI_ARGS: "K8S_POD_NAME=p;IgnoreUnknown=1",
  CNI_PATH: "/opt/cni/bin::/usr/lib/cni:",
};

function refusal(variables: EnvironmentVariables): CniError {
  const parsed = parseEnvironment(variables);
  if (parsed.ok) throw new Error("accepted");
  return parsed.error;
}

test("a complete environment, the working folder kept out of CNI_PATH", () => {
  const variables = { ...complete, PATH: "/usr/sbin" };
  expect(parseEnvironment(variables)).toEqual({
    ok: true,
    value: {
      command: "ADD",
      containerId: "a1",
      netns: "/run/netns/a",
      ifname: "eth0",
      args: "K8S_POD_NAME=p;IgnoreUnknown=1",
      path: ["/opt/cni/bin", "/usr/lib/cni"],
      variables,
    },
  });
});

describe("P-4: required variables", () => {
  /**
   * The parameters that CNI 1.1.0, section 2, "CNI operations", lists for each operation under "Required environment
   * parameters", without CNI_COMMAND. For STATUS the section lists only an optional one, CNI_PATH.
   */
  const required: Readonly<Record<Verb, readonly string[]>> = {
    ADD: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"],
    CHECK: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"],
    DEL: ["CNI_CONTAINERID", "CNI_IFNAME"],
    GC: ["CNI_PATH"],
    STATUS: [],
    VERSION: [],
  };
  const names = ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_ARGS", "CNI_PATH"];
  const cases = verbs.flatMap((verb) =>
    names.map((name) => ({ verb, name, isRequired: required[verb].includes(name) })),
  );

  test.each(cases.filter(({ isRequired }) => isRequired))(
    "$verb without $name is refused",
    ({ verb, name }) => {
      for (const value of [undefined, ""]) {
        const error = refusal({ ...complete, CNI_COMMAND: verb, [name]: value });
        expect(error).toMatchObject({ code: 4, id: "env.missing" });
        expect(error.msg).toBe(`${verb}: required environment variables are missing: ${name}`);
      }
    },
  );

  test.each(cases.filter(({ isRequired }) => !isRequired))("$verb does without $name", ({ verb, name }) => {
    for (const value of [undefined, ""]) {
      expect(parseEnvironment({ ...complete, CNI_COMMAND: verb, [name]: value }).ok).toBe(true);
    }
  });

  test.each(verbs)("%s with nothing but what it requires", (verb) => {
    const variables = Object.fromEntries(required[verb].map((name) => [name, complete[name]]));
    expect(parseEnvironment({ CNI_COMMAND: verb, ...variables })).toMatchObject({
      ok: true,
      value: { command: verb },
    });
  });

  test("all that is missing is told at once", () => {
    expect(refusal({ CNI_COMMAND: "ADD" }).msg).toMatch(/: CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME$/);
  });
});

describe("P-5: container IDs", () => {
  test.each(["a", "0", "A", "a-", "a_b.c-d", "9f86d081884c7d65".repeat(4)])("%j is one", (containerId) => {
    expect(parseEnvironment({ ...complete, CNI_CONTAINERID: containerId })).toMatchObject({
      ok: true,
      value: { containerId },
    });
  });

  test.each([
    "-a",
    ".a",
    "_a",
    "a/b",
    "../x",
    "a b",
    "é",
    "abcé",
    "a\n",
    "abc\n",
    "\na",
    "a@b",
    "a\0",
    "-abc",
  ])("%j is none", (containerId) => {
    for (const verb of ["ADD", "CHECK", "DEL"]) {
      const error = refusal({ ...complete, CNI_COMMAND: verb, CNI_CONTAINERID: containerId });
      expect(error).toMatchObject({ code: 4, id: "env.container-id" });
      expect(error.msg).toContain(`CNI_CONTAINERID ${JSON.stringify(containerId)}`);
    }
  });

  test("one that is too long for the name of a record", () => {
    expect(parseEnvironment({ ...complete, CNI_CONTAINERID: "a".repeat(190) }).ok).toBe(true);
    const error = refusal({ ...complete, CNI_CONTAINERID: "a".repeat(191) });
    expect(error).toMatchObject({
      code: 4,
      id: "env.container-id",
      msg: expect.stringContaining("191 characters"),
    });
  });
});

describe("P-7: interface names", () => {
  test.each(["e", "eth0", "net1", "a.b-c_d", "fifteen-bytes-0", "é", "ééééééé1"])("%j is one", (ifname) => {
    expect(interfaceNameProblem(ifname)).toBeUndefined();
    expect(parseEnvironment({ ...complete, CNI_IFNAME: ifname }).ok).toBe(true);
  });

  test.each([
    ["sixteen-bytes-01", "at most 15 bytes"],
    ["éééééééé", "at most 15 bytes"],
    [".", "dot name"],
    ["..", "dot name"],
    ["a/b", "no '/'"],
    ["a:b", "no ':'"],
    ["a b", "white space"],
    ["eth0\n", "white space"],
    ["\teth0", "white space"],
    ["a\u00a0b", "white space"],
    // The kernel was asked: EINVAL.
    ["à", "byte A0"],
    // The kernel makes net0 of this name.
    ["net%d", "another name"],
  ])("%j is none", (ifname, why) => {
    for (const verb of ["ADD", "CHECK", "DEL"]) {
      const error = refusal({ ...complete, CNI_COMMAND: verb, CNI_IFNAME: ifname });
      expect(error).toMatchObject({ code: 4, id: "env.ifname", details: expect.stringContaining(why) });
    }
  });

  test("an empty one cannot be asked for by a network either", () => {
    expect(interfaceNameProblem("")).toBe("It is empty.");
  });
});

test.each(["GC", "STATUS", "VERSION"])("%s does not look at container ID and interface", (verb) => {
  expect(
    parseEnvironment({ ...complete, CNI_COMMAND: verb, CNI_CONTAINERID: "../x", CNI_IFNAME: ".." }).ok,
  ).toBe(true);
});

describe("P-8: operations", () => {
  test.each(["FOO", "add", "ADD ", "ADD\n", "toString", "__proto__"])("%j is none", (command) => {
    const error = refusal({ ...complete, CNI_COMMAND: command });
    expect(error).toMatchObject({ code: 4, id: "env.command" });
    expect(error.msg).toBe(`CNI_COMMAND ${JSON.stringify(command)} is not an operation`);
    expect(error.details).toContain("ADD, DEL, CHECK, STATUS, GC, VERSION");
  });

  test.each([undefined, ""])("%j is missing", (command) => {
    const error = refusal({ ...complete, CNI_COMMAND: command });
    expect(error).toMatchObject({ code: 4, msg: "required environment variable CNI_COMMAND is missing" });
  });
});

describe("P-6: the pattern of names", () => {
  test.each(["a", "A0", "0.a_b-c"])("%j", (name) => {
    expect(isName(name)).toBe(true);
  });

  test.each(["", ".", "..", "-a", "_a", "a b", "a/b", "a\n", "é"])("not %j", (name) => {
    expect(isName(name)).toBe(false);
  });
});

describe("P-9: CNI_ARGS", () => {
  test.each<[string, [string, string][]]>([
    ["", []],
    ["K=V", [["K", "V"]]],
    [
      "A=1;B=2;",
      [
        ["A", "1"],
        ["B", "2"],
      ],
    ],
    ["A=b=c", [["A", "b=c"]]],
    [
      "A=;=b",
      [
        ["A", ""],
        ["", "b"],
      ],
    ],
    ["A=1;A=2", [["A", "2"]]],
    ["FOO;IgnoreUnknown=1;;", [["IgnoreUnknown", "1"]]],
    ["__proto__=x", [["__proto__", "x"]]],
  ])("%j", (args, pairs) => {
    expect([...parseArgs(args)]).toEqual(pairs);
  });
});
