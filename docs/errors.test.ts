import * as fs from "node:fs";
import * as path from "node:path";
import { describe, expect, test } from "vitest";
import { errorIds } from "../cni/error-ids.ts";
import { type CodeName, codes } from "../cni/errors.ts";

const root = path.dirname(import.meta.dirname);
const folders = ["cmd", "cni", "ipam", "kube", "plugins"];

interface Row {
  readonly id: string;
  readonly codes: readonly number[];
}

/** `| \`area.kebab-case\` | 7 | ... | ... |` */
function documented(): Row[] {
  const text = fs.readFileSync(`${import.meta.dirname}/errors.md`, "utf8");
  return [...text.matchAll(/^\| `([a-z]+\.[a-z-]+)` \| ([\d, ]+) \| [^|]+ \| [^|]+ \|$/gm)].map(
    ([, id = "", numbers = ""]) => ({ id, codes: numbers.split(",").map(Number) }),
  );
}

function sources(): { file: string; text: string }[] {
  return folders.flatMap((folder) =>
    fs
      .readdirSync(`${root}/${folder}`, { recursive: true, encoding: "utf8" })
      .filter(
        (name) => name.endsWith(".ts") && !/\.test\.ts$|-testing\.ts$|-contract\.ts$|simulation\//.test(name),
      )
      .map((name) => `${folder}/${name}`)
      .map((file) => ({ file, text: withoutComments(fs.readFileSync(`${root}/${file}`, "utf8")) })),
  );
}

function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/^\s*\/\/.*$/gm, "");
}

/** Every text literal of the sources, however it gets to `cniError`, but for those of the list of ids itself. */
function literals(): Set<string> {
  const users = sources().filter(({ file }) => file !== "cni/error-ids.ts");
  return new Set(
    users.flatMap(({ text }) => [...text.matchAll(/"([^"\n]*)"/g)].map(([, literal = ""]) => literal)),
  );
}

/** Where the code's name stands beside the id: `cniError("delegate", "delegate.start", ...)`. */
function usedCodes(): { id: string; code: number; file: string }[] {
  const call = /(?:cniError|failWith)(?:<[^>]*>)?\(\s*"([a-zA-Z]+)",\s*"([a-z]+\.[a-z-]+)"/g;
  return sources().flatMap(({ file, text }) =>
    [...text.matchAll(call)].map(([, name = "", id = ""]) => ({ id, code: codes[name as CodeName], file })),
  );
}

describe("the table of errors", () => {
  const rows = documented();

  test("names no id twice", () => {
    const ids = rows.map(({ id }) => id);
    expect(ids.filter((id, at) => ids.indexOf(id) !== at)).toEqual([]);
  });

  test("has the ids that an error can have, no other ones, in the order of cni/error-ids.ts", () => {
    expect(rows.map(({ id }) => id)).toEqual(errorIds);
  });

  test("has no id that the code does not answer any more", () => {
    const known = literals();
    expect(rows.map(({ id }) => id).filter((id) => !known.has(id))).toEqual([]);
  });

  test("gives the code that the id comes with", () => {
    const calls = usedCodes();
    expect(calls.length).toBeGreaterThan(30);
    const wrong = calls.filter(({ id, code }) => !rows.find((row) => row.id === id)?.codes.includes(code));
    expect(wrong).toEqual([]);
  });

  test("explains every code of ours and of the specification that is used", () => {
    const text = fs.readFileSync(`${import.meta.dirname}/errors.md`, "utf8");
    const explained = [...text.matchAll(/^\| (\d+) \| /gm)].map(([, code]) => Number(code));
    const wanted = new Set(rows.flatMap((row) => row.codes));
    expect([...wanted].filter((code) => !explained.includes(code))).toEqual([]);
  });
});
