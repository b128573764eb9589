import * as fs from "node:fs";
import * as path from "node:path";
import { describe, expect, test } from "vitest";

const root = path.dirname(import.meta.dirname);
const pages = ["README.md", "CONTRIBUTING.md", "docs", "examples"].flatMap((name) =>
  name.endsWith(".md")
    ? [name]
    : fs
        .readdirSync(`${root}/${name}`, { recursive: true, encoding: "utf8" })
        .filter((file) => file.endsWith(".md"))
        .map((file) => `${name}/${file}`),
);

function pageText(page: string): string {
  return fs.readFileSync(`${root}/${page}`, "utf8");
}

/** The anchors that GitHub makes of headings. */
function anchors(page: string): string[] {
  return [...pageText(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

describe.each(pages)("%s", (page) => {
  test("has no link into nothing", () => {
    const links = [...pageText(page).matchAll(/\]\(([^)]+)\)/g)].map(([, link = ""]) => link);
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
    for (const [, block = ""] of pageText(page).matchAll(/```json\n([\s\S]*?)```/g)) {
      expect(() => JSON.parse(block), block).not.toThrow();
    }
  });
});

describe("what pages name", () => {
  const skipped = ["node_modules", "build", "dist", ".git"];
  const tree = fs
    .readdirSync(root, { withFileTypes: true })
    .filter(({ name }) => !skipped.includes(name))
    .flatMap((entry) =>
      entry.isDirectory()
        ? [
            `${entry.name}/`,
            ...fs
              .readdirSync(`${root}/${entry.name}`, { recursive: true, withFileTypes: true })
              .map(
                (below) =>
                  `${path.relative(root, below.parentPath)}/${below.name}${below.isDirectory() ? "/" : ""}`,
              ),
          ]
        : [entry.name],
    );
  const ends = new Set(tree.flatMap((file) => endsOf(file)));

  /** A folder of device plugins, and files that stand for any. */
  const others = ["dp/", "x.ts", "x.test.ts"];

  /** `install/merge.ts`, `plugins/meta/trust/`, `sys/linux*.ts`; no path of a node, and no command. */
  test.each(pages)("%s: each source file and folder in backticks exists", (page) => {
    const named = [...pageText(page).matchAll(/`([\w.*-]+(?:\/[\w.*-]+)*(?:\.ts|\/))`/g)].map(
      ([, name = ""]) => name,
    );
    const missing = named.filter((name) =>
      name.includes("*") ? !tree.some((file) => path.matchesGlob(file, `**/${name}`)) : !ends.has(name),
    );
    expect(missing.filter((name) => !others.includes(name))).toEqual([]);
  });

  const folders = [
    "sys",
    "cni",
    "kube",
    "ipam",
    "net",
    "plugins",
    "cmd",
    "conformance",
    "bench",
    "tools",
    "examples",
  ];
  const words = new Set(
    tree
      .filter(
        (file) => folders.includes(file.split("/")[0] ?? "") && /\.(ts|json|yaml|conf|conflist)$/.test(file),
      )
      .flatMap((file) => fs.readFileSync(`${root}/${file}`, "utf8").match(/\w+/g) ?? []),
  );
  /** The kubelet's, Multus's and skel's. */
  const othersNames = ["KubeletPodResourcesGet", "AddedInterface", "CmdArgs"];

  test.each(pages)("%s: each name of two words in backticks is one of ours", (page) => {
    const named = [...pageText(page).matchAll(/`([a-z]+[A-Z]\w*|[A-Z][a-z0-9]+[A-Z]\w*)`/g)].map(
      ([, name = ""]) => name,
    );
    expect(named.filter((name) => !words.has(name) && !othersNames.includes(name))).toEqual([]);
  });
});

test("each page and section that the code or a manifest names is there", () => {
  const folders = ["sys", "net", "cni", "kube", "ipam", "plugins", "cmd", "conformance", "examples"];
  const missing = folders.flatMap((folder) =>
    fs
      .readdirSync(`${root}/${folder}`, { recursive: true, encoding: "utf8" })
      .filter((file) => /\.(ts|yaml)$/.test(file))
      .flatMap((file) =>
        [...fs.readFileSync(`${root}/${folder}/${file}`, "utf8").matchAll(/docs\/[\w-]+\.md(?:#[\w-]+)?/g)]
          .map(([name]) => name.split("#") as [page: string, anchor?: string])
          .filter(
            ([page, anchor]) =>
              !fs.existsSync(`${root}/${page}`) || (anchor !== undefined && !anchors(page).includes(anchor)),
          )
          .map((name) => `${folder}/${file}: ${name.join("#")}`),
      ),
  );
  expect(missing).toEqual([]);
});

/** `b/c.ts` and `c.ts` of `a/b/c.ts`: a page that has named a folder names a file by its end. */
function endsOf(file: string): string[] {
  const parts = file.split(/(?<=\/)/);
  return parts.map((_, at) => parts.slice(at).join(""));
}

/** The floors that docs/architecture.md draws, from the top, each as its folder. */
function floorsOf(base: string, column: number): string[] {
  const [, picture = ""] =
    /^### Floors$[\s\S]*?```\n([\s\S]*?)```/m.exec(pageText("docs/architecture.md")) ?? [];
  const names = picture.split("\n").map((line) => line.slice(column).split("  ")[0] ?? "");
  expect(names[0]).toBe(base);
  return names.slice(2).filter((name) => name !== "" && !name.includes(","));
}

test.each([
  ["plugins/meta", 0],
  ["ipam/flat", 24],
])(
  "docs/architecture.md has the floors of %s, and no file imports from one above its own",
  (base, column) => {
    const floors = floorsOf(base, column);
    const inside = fs
      .readdirSync(`${root}/${base}`, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !["live", "testdata", "simulation"].includes(entry.name));
    expect(floors.toSorted()).toEqual(inside.map(({ name }) => name).toSorted());
    const upward = floors.flatMap((floor, at) =>
      fs
        .readdirSync(`${root}/${base}/${floor}`, { recursive: true, encoding: "utf8" })
        .filter((name) => name.endsWith(".ts") && !/\.test\.ts$|-testing\.ts$|-contract\.ts$/.test(name))
        .flatMap((name) => {
          const text = fs.readFileSync(`${root}/${base}/${floor}/${name}`, "utf8");
          const imports = [...text.matchAll(/(?:from|import\() ?"((?:\.\.\/)+)([\w-]+)\//g)].map(
            ([, , to = ""]) => to,
          );
          return imports
            .filter((to) => floors.slice(0, at).includes(to))
            .map((to) => `${floor}/${name} imports ${to}`);
        }),
    );
    expect(upward).toEqual([]);
  },
);
