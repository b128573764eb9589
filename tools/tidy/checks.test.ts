import { describe, expect, test } from "vitest";
import {
  type Check,
  checkDead,
  checkDirections,
  checkFileNames,
  checkFloors,
  checkHotPath,
  checkPackages,
  checkSizes,
  checkTests,
  checkTypeNames,
  checkWords,
} from "./checks.ts";
import { makeProject } from "./project.ts";
import { type Rules, rules } from "./rules.ts";

const bare: Rules = { ...rules, entries: ["cmd/main.ts"], testedElsewhere: {}, unfinished: {} };

/** What a check says about some files, a text each. */
function say(check: Check, texts: Readonly<Record<string, string>>, changes: Partial<Rules> = {}): string[] {
  return check(makeProject(texts), { ...bare, ...changes }).map(({ path, message }) => `${path}: ${message}`);
}

describe("import directions", () => {
  test.each([
    ["cni/a.ts", "../sys/sys.ts"],
    ["kube/a.ts", "../cni/json.ts"],
    ["plugins/meta/a.ts", "../../kube/pod.ts"],
    ["plugins/meta/live/a.ts", "../plan.ts"],
    ["cmd/registry.ts", "../ipam/static/plugin.ts"],
    ["ipam/static/a.ts", "../address.ts"],
    ["bench/main.ts", "../sys/outcome.ts"],
    ["cni/a.test.ts", "../tools/testbed/bed.ts"],
    ["cni/a.test.ts", "../sys/fake.ts"],
    ["bench/main.ts", "../tools/testbed/bed.ts"],
    ["vitest.config.ts", "./tools/reporter.ts"],
  ])("%s may import %s", (path, specifier) => {
    expect(say(checkDirections, { [path]: `import { a } from "${specifier}";` })).toEqual([]);
  });

  test.each([
    ["cni/a.ts", "../kube/pod.ts", "cni may import sys"],
    ["sys/a.ts", "../cni/json.ts", "sys may import nothing outside itself"],
    ["kube/a.ts", "../ipam/address.ts", "kube may import cni, sys"],
    ["plugins/meta/a.ts", "../../ipam/address.ts", "plugins may import cni, kube, net, sys"],
    ["plugins/meta/a.ts", "../other/plan.ts", "parts of plugins never import each other"],
    ["ipam/flat/a.ts", "../static/config.ts", "parts of ipam never import each other"],
    ["conformance/a.ts", "../cni/json.ts", "conformance may import sys"],
    ["bench/a.test.ts", "../cni/json.ts", "bench may import sys"],
    ["tools/a.ts", "../cmd/serve.ts", "tools may import sys"],
    ["cni/a.test.ts", "../cmd/serve.ts", "cni may import sys"],
    ["cni/a.ts", "../tools/testbed/bed.ts", "only tests, tools and the bench may"],
    ["cni/a.ts", "../sys/fake.ts", "only tests, tools and the bench may"],
    ["new/a.ts", "../sys/sys.ts", "its folder has no layer"],
  ])("%s may not import %s", (path, specifier, why) => {
    expect(say(checkDirections, { [path]: `import type { A } from "${specifier}";` })).toEqual([
      expect.stringContaining(why),
    ]);
  });
});

describe("packages", () => {
  test.each([
    ["sys/linux-run.ts", "node:fs"],
    ["cni/a.test.ts", "node:fs"],
    ["tools/build.ts", "esbuild"],
    ["cmd/cli/usage.ts", "yargs"],
    ["kube/yaml.ts", "yaml"],
    ["conformance/main.ts", "node:child_process"],
    ["sys/linux-ffi-bun.ts", "bun:ffi"],
  ])("%s may import %s", (path, name) => {
    expect(say(checkPackages, { [path]: `import { a } from "${name}";` })).toEqual([]);
  });

  test.each([
    ["sys/fault.ts", "node:fs"],
    ["cni/a.ts", "node:path"],
    ["cmd/serve.ts", "yargs"],
    ["plugins/meta/config/config.ts", "yaml"],
    ["cni/a.ts", "vitest"],
    ["cni/a.test.ts", "left-pad"],
    ["sys/linux.ts", "bun:ffi"],
    ["sys/linux.ts", "#unknown"],
  ])("%s may not import %s", (path, name) => {
    expect(say(checkPackages, { [path]: `import { a } from "${name}";` })).toHaveLength(1);
  });
});

describe("the path of ADD and DEL", () => {
  const main = { "cmd/main.ts": 'import { a } from "../cni/a.ts"; await import("./cli/cli.ts");' };

  test("what is loaded late may be slow, and so may types", () => {
    const texts = {
      ...main,
      "cni/a.ts": 'import type { Y } from "yargs"; await import("yaml");',
      "cmd/cli/cli.ts": 'import yargs from "yargs";',
    };
    expect(say(checkHotPath, texts)).toEqual([]);
  });

  test.each(["yaml", "yargs/helpers", "ip-address", "node:crypto", "node:net"])("%s", (name) => {
    const [finding, ...others] = say(checkHotPath, { ...main, "cni/a.ts": `import { z } from "${name}";` });
    expect(finding).toContain(`cni/a.ts: imports ${name} on the path of ADD and DEL`);
    expect(others).toEqual([]);
  });

  test("a file that is to be loaded late", () => {
    const texts = { "cmd/main.ts": 'import { a } from "./cli/cli.ts";' };
    expect(say(checkHotPath, texts)).toHaveLength(1);
  });
});

describe("sizes", () => {
  const lines = (count: number) => "a();\n".repeat(count);

  test("a file of 400 lines passes, one of 401 does not", () => {
    expect(say(checkSizes, { "cni/a.ts": lines(400) })).toEqual([]);
    expect(say(checkSizes, { "cni/a.ts": lines(401) })).toEqual([
      "cni/a.ts: has 401 lines, may have 400: one subject a file",
    ]);
  });

  test("a function of 70 lines passes, one of 71 does not", () => {
    expect(say(checkSizes, { "cni/a.ts": `function f() {\n${lines(68)}}` })).toEqual([]);
    expect(say(checkSizes, { "cni/a.ts": `function f() {\n${lines(69)}}` })).toEqual([
      "cni/a.ts: f has 71 lines, may have 70",
    ]);
  });

  test("the body of a describe may be longer, a test in it may not", () => {
    const suite = (body: string) => `describe("a", () => {\n${body}\n});`;
    expect(say(checkSizes, { "cni/a.test.ts": suite(lines(80)) })).toEqual([]);
    const one = `  test("b", () => {\n${lines(80)}  });`;
    expect(say(checkSizes, { "cni/a.test.ts": suite(one) })).toHaveLength(1);
  });
});

describe("dead files", () => {
  const main = { "cmd/main.ts": 'await import("../a/a.ts");' };

  test.each([
    ["imported by nobody", { ...main, "a/b.ts": "" }, "a/b.ts: is imported by nobody"],
    [
      "used by tests only",
      { ...main, "b/b.ts": "", "b/b.test.ts": 'import "./b.ts";' },
      "b/b.ts: is used by tests only",
    ],
    [
      "a helper that no test uses",
      { ...main, "tools/testbed/b.ts": "" },
      "tools/testbed/b.ts: is imported by nobody",
    ],
  ])("%s", (_what, texts, finding) => {
    expect(say(checkDead, texts)).toEqual([finding]);
  });

  test("alive: reached by an entry, a test, a helper that a test uses", () => {
    const texts = {
      ...main,
      "a/a.ts": 'import type { B } from "./b.ts";',
      "a/b.ts": "",
      "a/a.test.ts": 'import "../tools/testbed/c.ts";',
      "tools/testbed/c.ts": "",
    };
    expect(say(checkDead, texts)).toEqual([]);
  });

  test("each file that the bundler may choose is alive, and so are declarations", () => {
    const imports = { "#engine": { bun: "./sys/a.ts", default: "./sys/b.ts" } };
    const texts = {
      "package.json": JSON.stringify({ imports }),
      "cmd/main.ts": 'import { a } from "#engine";',
      "sys/a.ts": 'import { c } from "./c.ts";',
      "sys/b.ts": "",
      "sys/c.ts": "",
      "sys/d.d.ts": "",
    };
    expect(say(checkDead, texts)).toEqual([]);
  });

  test("what is unfinished is known, until it is reached", () => {
    const unfinished = { "a/*.ts": "not registered yet" };
    expect(say(checkDead, { "a/a.ts": "" }, { unfinished })).toEqual([]);
    expect(say(checkDead, { ...main, "a/a.ts": "" }, { unfinished })).toEqual([
      expect.stringContaining('remove it from "unfinished"'),
    ]);
  });
});

describe("every file has a test", () => {
  const code = "export function a() {}";
  const live = { "plugins/a.live.test.ts": "" };

  test.each([
    ["beside it", { "cni/a.ts": code, "cni/b.test.ts": 'import "./a.ts";' }],
    [
      "by way of its own folder",
      { "cni/a.ts": code, "cni/b.ts": `${code}\nimport "./a.ts";`, "cni/b.test.ts": 'import "./b.ts";' },
    ],
    ["in the folder above", { "cni/a/a.ts": code, "cni/b.test.ts": 'import "./a/a.ts";' }],
    [
      "types need none",
      {
        "cni/a.ts":
          'import type { B } from "./b.ts";\nexport interface A {\n  b: () => B;\n}\ntype C = () => A;\n',
      },
    ],
    ["tables need none", { "cni/a.ts": "export const versions = [1, 2];" }],
    ["nor do other folders", { "bench/a.ts": code }],
  ])("%s", (_what, texts) => {
    expect(say(checkTests, texts)).toEqual([]);
  });

  test.each([
    ["none at all", { "cni/a.ts": code }],
    ["an arrow function", { "cni/a.ts": "export const a = () => 1;" }],
    ["a test of another folder", { "cni/a.ts": code, "plugins/a.test.ts": 'import "../cni/a.ts";' }],
  ])("missing: %s", (_what, texts) => {
    expect(say(checkTests, texts)).toEqual([
      expect.stringContaining("cni/a.ts: no test of its folder or the one above reaches it"),
    ]);
  });

  test.each([
    ["a live test runs it", { "cni/a.ts": code, ...live }, "plugins/a.live.test.ts", []],
    [
      "a test of another folder reaches it",
      { "cni/a.ts": code, "b.test.ts": 'import "./cni/a.ts";' },
      "b.test.ts",
      [],
    ],
    ["the test is gone", { "cni/a.ts": code }, "b.test.ts", ["does not exist"]],
    [
      "the test is of something else",
      { "cni/a.ts": code, "b.test.ts": "" },
      "b.test.ts",
      ["does not reach it"],
    ],
    [
      "the entry is needless",
      { "cni/a.ts": code, "cni/a.test.ts": 'import "./a.ts";', ...live },
      "plugins/a.live.test.ts",
      ["remove it"],
    ],
  ])("listed: %s", (_what, texts, by, why) => {
    const testedElsewhere = { "cni/a.ts": by };
    expect(say(checkTests, texts, { testedElsewhere })).toEqual(
      why.map((each) => expect.stringContaining(each)),
    );
  });
});

describe("words", () => {
  const later = ["TO", "DO"].join("");

  test.each([
    ["cni/a.ts", `// ${later}: more`],
    ["docs/a.md", `${later}: more`],
    ["cni/a.ts", "console.error(a);"],
    ["sys/linux.ts", "Bun.file(a);"],
    ["cmd/serve.ts", "process.exit(1);"],
    ["plugins/meta/a.ts", "const a = process.env.A;"],
    ["kube/a.ts", "const a = Date.now();"],
    ["cni/a.ts", 'const a = "/tmp/a";'],
    ["cni/a.ts", 'type A = typeof import("./b.ts").A;'],
  ])("%s: %s", (path, text) => {
    expect(say(checkWords, { [path]: text })).toHaveLength(1);
  });

  test.each([
    ["tools/a.ts", "console.log(a);"],
    ["cni/a.ts", "// not console.log"],
    ["cmd/main.ts", "process.exit(1);"],
    ["cmd/cli/version.ts", "process.versions;"],
    ["cni/a.ts", "sys.process.env;"],
    ["cni/a.test.ts", "Date.now();"],
    ["sys/linux-run.ts", 'const folder = "/tmp/";'],
  ])("not %s: %s", (path, text) => {
    expect(say(checkWords, { [path]: text })).toEqual([]);
  });
});

test("each rule has a layer, and each exception a reason", () => {
  const folders = rules.layers.map(({ folder }) => folder);
  for (const { imports } of rules.layers) expect(folders).toEqual(expect.arrayContaining([...imports]));
  expect(Object.values(rules.unfinished)).not.toContain("");
});

describe("floors of a folder", () => {
  const upper = (specifier: string) => ({ "ipam/flat/pool/a.ts": `import "${specifier}";` });

  test("a folder that imports another one, or what lies above or below it", () => {
    const texts = {
      ...upper("../store/b.ts"),
      "ipam/flat/store/b.ts": 'import "../../address.ts"; import "../config.ts"; import "./deep/c.ts";',
      "ipam/flat/config.ts": 'import "./pool/a.ts";',
    };
    expect(say(checkFloors, texts)).toEqual([]);
  });

  test.each([
    ["static", 'import { a } from "../pool/a.ts";'],
    ["of a type", 'import type { A } from "../pool/a.ts";'],
    ["dynamic", 'await import("../pool/a.ts");'],
    ["of a file deep inside", 'import { a } from "../pool/deep/b.ts";'],
  ])("a circle by an import that is %s", (_what, text) => {
    expect(say(checkFloors, { ...upper("../store/b.ts"), "ipam/flat/store/b.ts": text })).toEqual([
      "ipam/flat/pool/a.ts: imports ../store/b.ts: ipam/flat/pool and ipam/flat/store are in a circle of folders",
      expect.stringContaining("ipam/flat/store/b.ts: imports ../pool/"),
    ]);
  });

  test("a circle of three", () => {
    const texts = {
      ...upper("../store/b.ts"),
      "ipam/flat/store/b.ts": 'import "../boot/c.ts";',
      "ipam/flat/boot/c.ts": 'import "../pool/d.ts";',
    };
    expect(say(checkFloors, texts)).toHaveLength(3);
  });

  test.each(["ipam/flat/store/b.test.ts", "ipam/flat/store/b-contract.ts"])("%s sees every floor", (path) => {
    expect(say(checkFloors, { ...upper("../store/b.ts"), [path]: 'import "../pool/a.ts";' })).toEqual([]);
  });
});

test("an exported type's name is exported by one file", () => {
  const texts = {
    "cni/a.ts": "export interface A {}",
    "kube/a.ts": "type A = 1;",
    "kube/b.ts": "export const A = 1;",
  };
  expect(say(checkTypeNames, texts)).toEqual([]);
  expect(say(checkTypeNames, { ...texts, "sys/a.ts": "export type A = 1;" })).toEqual([
    "cni/a.ts: exports A, as sys/a.ts does",
    "sys/a.ts: exports A, as cni/a.ts does",
  ]);
});

describe("names of files", () => {
  const namesakes = { "ipam/*/add.ts": "a verb" };

  test("a name that two files have stands among the namesakes, for all of them but one", () => {
    const texts = { "ipam/flat/add.ts": "", "ipam/static/add.ts": "", "cni/add.ts": "", "cni/a.ts": "" };
    expect(say(checkFileNames, texts, { namesakes })).toEqual([]);
    expect(say(checkFileNames, { ...texts, "kube/a.ts": "" }, { namesakes })).toEqual([
      "cni/a.ts: has the name of kube/a.ts: rename one of them",
      "kube/a.ts: has the name of cni/a.ts: rename one of them",
    ]);
  });

  test("a pattern whose files share no name any more is to go", () => {
    expect(say(checkFileNames, { "ipam/flat/add.ts": "", "cni/a.ts": "" }, { namesakes })).toEqual([
      'ipam/*/add.ts: has no namesake: remove it from "namesakes"',
    ]);
  });
});
