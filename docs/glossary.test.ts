import * as fs from "node:fs";
import { describe, expect, test } from "vitest";

const root = `${import.meta.dirname}/..`;
const text = fs.readFileSync(`${import.meta.dirname}/glossary.md`, "utf8");
const [glossary = "", notUsed = ""] = text.split("## Not used");

/** Folders whose exported words are the house's. Programs that only build, measure or try it have their own. */
const housesFolders = ["net", "cni", "kube", "ipam", "plugins"];
const folders = [...housesFolders, "cmd", "sys", "conformance", "bench", "tools"];

interface Row {
  readonly words: readonly string[];
  readonly code: readonly string[];
}

function cellsOf(table: string): string[][] {
  const lines = table
    .split("\n")
    .filter((line) => /^\| (?!Word|Not this|---)/.test(line) && !line.startsWith("|--"));
  return lines.map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const rows: readonly Row[] = cellsOf(glossary).map(([word = "", , , code = ""]) => ({
  words: word.split(", "),
  code: [...code.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name),
}));

function sourcesOf(folder: string): { readonly file: string; readonly source: string }[] {
  return fs
    .readdirSync(`${root}/${folder}`, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.includes("testdata/"))
    .map((name) => `${folder}/${name}`)
    .map((file) => ({ file, source: fs.readFileSync(`${root}/${file}`, "utf8") }));
}

const sources = folders.flatMap((folder) => sourcesOf(folder));
const products = sources.filter(
  ({ file }) => !/\.test\.ts$|-testing\.ts$|-contract\.ts$|simulation\/|\/live\//.test(file),
);

/** `RuntimeConf` as `runtime`, `conf`. */
function partsOf(name: string): string[] {
  return (name.match(/[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])/g) ?? []).map((part) => part.toLowerCase());
}

test("no word has two rows", () => {
  const words = rows.flatMap((row) => row.words.map((word) => word.toLowerCase()));
  expect(words.filter((word, index) => words.indexOf(word) !== index)).toEqual([]);
});

test("the rows of each group are sorted", () => {
  for (const group of text.split(/^## /m)) {
    const words = cellsOf(group).map(([word = ""]) => word.toLowerCase());
    expect(words).toEqual(words.toSorted());
  }
});

test("what the glossary says is in the code is there", () => {
  const declared = new Set(
    products.flatMap(({ source }) => [...source.matchAll(/[A-Za-z_]\w*/g)].map(([name]) => name)),
  );
  const isThere = (name: string) =>
    name.includes("/") ? fs.existsSync(`${root}/${name}`) : declared.has(name);
  expect(rows.filter(({ code }) => code.length === 0).map(({ words }) => words)).toEqual([]);
  expect(rows.flatMap(({ code }) => code.filter((name) => !isThere(name)))).toEqual([]);
});

/** A type that is exported under one bare word takes that word for the whole project. */
test("a type that is exported under one bare word has a row", () => {
  const known = new Set(rows.flatMap(({ code }) => code));
  const bare = products
    .filter(({ file }) => housesFolders.some((folder) => file.startsWith(`${folder}/`)))
    .flatMap(({ file, source }) =>
      [...source.matchAll(/^export (?:type|interface) ([A-Z][a-z]+)\b/gm)].map(([, name = ""]) => ({
        file,
        name,
      })),
    );
  expect(bare.filter(({ name }) => !known.has(name))).toEqual([]);
});

describe.each(cellsOf(notUsed).map(([word = ""]) => word))("%s is not used", (word) => {
  const parts = partsOf(word);
  /** The last part also with an ending: `equip`, `equipped`. */
  const isIn = (name: string) => `_${partsOf(name).join("_")}`.includes(`_${parts.join("_")}`);

  test("in a name of the code", () => {
    const names = sources.flatMap(({ file, source }) =>
      [...withoutTexts(source).matchAll(/[A-Za-z]\w*/g)].flatMap(([name]) =>
        isIn(name) ? `${file}: ${name}` : [],
      ),
    );
    expect([...new Set(names)]).toEqual([]);
  });

  test("on a page", () => {
    const pages = fs
      .readdirSync(import.meta.dirname)
      .filter((name) => name.endsWith(".md") && name !== "glossary.md");
    const found = pages.filter((page) =>
      [...fs.readFileSync(`${import.meta.dirname}/${page}`, "utf8").matchAll(/[A-Za-z]\w*/g)].some(([name]) =>
        isIn(name),
      ),
    );
    expect(found).toEqual([]);
  });
});

/** The source without comments and without texts in quotes. Names are left. */
function withoutTexts(source: string): string {
  return source
    .replaceAll(/\/\*[\s\S]*?\*\//g, "")
    .replaceAll(/\/\/.*$/gm, "")
    .replaceAll(/"(?:[^"\\\n]|\\.)*"/g, "")
    .replaceAll(/`(?:[^`\\]|\\.)*`/g, "");
}
