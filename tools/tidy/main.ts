import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { checks } from "./checks.ts";
import { makeProject, type Violation } from "./project.ts";
import { rules, type WordRule } from "./rules.ts";

const root = dirname(dirname(import.meta.dirname));
const foreign = new Set(["node_modules", "dist", "build", ".git", "testdata"]);
const readable = /(\.(ts|md|json|conf|conflist|yaml|svg|go)|^Makefile|^run|^setup)$/;

/** The part of `make lint` that checks this project's own rules. It ends with status 1 when it finds something. */
function main(): number {
  const paths = listFiles("");
  const project = makeProject(
    Object.fromEntries(paths.map((path) => [path, readFileSync(join(root, path), "utf8")])),
  );
  const words = [...rules.words, ...ownPath()];
  const findings = checks.flatMap((check) => check(project, { ...rules, words }));
  for (const finding of findings) process.stdout.write(`${print(finding)}\n`);
  if (findings.length > 0)
    process.stdout.write(`tidy: ${findings.length} findings in ${paths.length} files\n`);
  return findings.length > 0 ? 1 : 0;
}

function listFiles(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    if (foreign.has(entry.name)) return [];
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) return listFiles(path);
    return entry.isFile() && readable.test(entry.name) ? [path] : [];
  });
}

/** No file may name the folder of this checkout. One directly below `/` could be any word (`/src`), and is not looked for. */
function ownPath(): WordRule[] {
  if (root.split("/").length < 3) return [];
  const word = new RegExp(root.replaceAll(/[^\w/]/g, "\\$&"));
  return [{ word, where: "text", files: ["**"], message: "names this machine's checkout" }];
}

function print({ path, line, message }: Violation): string {
  return `${path}${line === undefined ? "" : `:${line}`}: ${message}`;
}

process.exitCode = main();
