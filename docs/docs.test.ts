import * as fs from "node:fs";
import * as path from "node:path";
import { describe, expect, test } from "vitest";
import { metaSchema } from "../plugins/meta/config/schema.ts";
import { drawPicture } from "../tools/demo/picture.ts";

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

test("docs/configuration.md has every field of the schema, and none beside", () => {
  const [, fields = ""] = /^## Fields$([\s\S]*?)^## /m.exec(textOf("docs/configuration.md")) ?? [];
  const rows = [...fields.matchAll(/^\| ((?:`\w+`(?:, )?)+) \|/gm)];
  const documented = rows.flatMap(([, names = ""]) => [...names.matchAll(/\w+/g)].map(([name]) => name));
  expect(documented.sort()).toEqual(Object.keys(metaSchema.shape).sort());
});

test("README.md has the picture that the demonstration draws", () => {
  const moorings = (pod: number, lan: number, data: number) => [
    { ifname: "eth0", address: `10.244.0.${pod}/24`, device: "bridge cni0" },
    { ifname: "net1", address: `192.168.50.${lan}/24`, device: "macvlan uplink0" },
    { ifname: "data0", address: `10.60.30.${data}/24`, device: "bridge storage0" },
  ];
  const picture = drawPicture(
    { name: "pod web", moorings: moorings(2, 100, 11) },
    { name: "pod db", moorings: moorings(3, 101, 12) },
  );
  expect(textOf("README.md")).toContain(`\n${picture.join("\n")}\n`);
});
