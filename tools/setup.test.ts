import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

/** These tests only read tools/setup. setup.live.test.ts runs it on a machine that has nothing. */

const path = join(import.meta.dirname, "setup");
const text = fs.readFileSync(path, "utf8");
const lines = text.split("\n").map((line) => line.trim());

function firstWords(command: string): string[] {
  return lines.filter((line) => line.startsWith(`${command} `)).map((line) => line.split(" ")[1] ?? "");
}

const functions = [...text.matchAll(/^(?:function +)?([\w-]+) *(?:\(\) *)?\{$/gm)].map(
  ([, name = ""]) => name,
);
const looked = [...text.matchAll(/\bhas_program ([\w-]+)/g)].map(([, name = ""]) => name);
const programs = [...firstWords("need_package"), ...looked];

test("the names are found", () => {
  expect(functions).toContain("system_packages");
  expect(programs).toEqual(expect.arrayContaining(["containerd", "etcd", "go", "node", "apt-get"]));
});

test("no function has the name of a program that is needed: it would be found in the program's place", () => {
  expect(functions.filter((name) => programs.includes(name))).toEqual([]);
});

test("programs are looked for where functions are not seen", () => {
  const lookups = lines.filter(
    (line) => /\b(command -v|which|hash|type) /.test(line) && !line.startsWith("#"),
  );
  expect(lookups).toEqual(['type -P "$1" >/dev/null']);
});

test("the version of kube-apiserver is found in its module", () => {
  const [line] = lines.filter((each) => each.startsWith("version=$(sed "));
  const folder = join(import.meta.dirname, "kubernetes");
  const said = execFileSync("bash", ["-c", `folder=${folder}; ${line}; echo "$version"`], {
    encoding: "utf8",
  });
  expect(said).toMatch(/^v1\.\d+\.\d+\n$/);
});
