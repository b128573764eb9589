import * as fs from "node:fs";
import * as path from "node:path";
import { describe, expect, test } from "vitest";

const root = path.dirname(import.meta.dirname);
const pages = ["README.md", ...fs.readdirSync(import.meta.dirname).map((name) => `docs/${name}`)].filter(
  (name) => name.endsWith(".md") && fs.existsSync(`${root}/${name}`),
);

function textOf(page: string): string {
  return fs.readFileSync(`${root}/${page}`, "utf8");
}

/** As GitHub makes them of headings. */
function anchors(page: string): string[] {
  return [...textOf(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

describe.each(pages)("%s", (page) => {
  test("has no link into nothing", () => {
    const links = [...textOf(page).matchAll(/\]\(([^)]+)\)/g)].map(([, link = ""]) => link);
    const own = links.filter((link) => !/^https?:/.test(link));
    const broken = own.filter((link) => {
      const [file = "", anchor] = link.split("#");
      const target = file === "" ? page : path.join(path.dirname(page), file);
      if (!fs.existsSync(`${root}/${target}`)) return true;
      return anchor !== undefined && !anchors(target).includes(anchor);
    });
    expect(broken).toEqual([]);
  });

  test("has JSON where it says so", () => {
    for (const [, block = ""] of textOf(page).matchAll(/```json\n([\s\S]*?)```/g)) {
      expect(() => JSON.parse(block), block).not.toThrow();
    }
  });
});
