import * as fs from "node:fs";
import { expect, test } from "vitest";
import { rules } from "./rules.ts";

const root = `${import.meta.dirname}/../..`;
/** Folders of tests alone, which no table of the house has. */
const testFolders = ["docs", "examples"];

/** Rows of a table whose first cell is a folder and whose third names the folders that it may import. */
function tableOf(page: string, heading: string): Record<string, string[]> {
  const text = fs.readFileSync(`${root}/${page}`, "utf8");
  const [, section = ""] = text.split(`\n## ${heading}\n`);
  const rows = [...(section.split("\n## ")[0] ?? "").matchAll(/^\| `([\w/]+?)\/?` \| .* \| ([^|]*) \|$/gm)];
  return Object.fromEntries(
    rows
      .filter(([, folder = ""]) => !testFolders.includes(folder))
      .map(([, folder = "", imports = ""]) => [
        folder,
        [...imports.matchAll(/`(\w+)`/g)].map(([, name = ""]) => name).toSorted(),
      ]),
  );
}

test.each([
  ["CONTRIBUTING.md", "The house"],
  ["docs/architecture.md", "Folders"],
])("the table of %s is the rules'", (page, heading) => {
  const layers = rules.layers.filter(({ folder }) => !testFolders.includes(folder));
  expect(tableOf(page, heading)).toEqual(
    Object.fromEntries(layers.map(({ folder, imports }) => [folder, imports.toSorted()])),
  );
});
