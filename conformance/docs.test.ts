import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Ledger, parseLedger } from "./ledger.ts";
import { mutants } from "./mutants/catalogue.ts";
import { parseProfile } from "./profile.ts";
import { builtInProfile, profileNames } from "./profiles.ts";
import { requirementsTable, resultsTable } from "./report/markdown.ts";
import { requirements } from "./requirements/all.ts";

const file = join(dirname(import.meta.dirname), "docs/conformance.md");
const ledgerDir = join(import.meta.dirname, "expectations");

function ledgers(): Ledger[] {
  return fs
    .readdirSync(ledgerDir)
    .sort()
    .map((name) => {
      const ledger = parseLedger(fs.readFileSync(join(ledgerDir, name), "utf8"));
      if (typeof ledger === "string") throw new Error(`${name}: ${ledger}`);
      return ledger;
    });
}

function proven(id: string): string | undefined {
  const mutant = mutants.find((each) => each.id === id);
  return mutant === undefined ? undefined : mutant.kind;
}

const levels = new Map(requirements.map(({ id, level }) => [id, level] as const));

/** The generated parts of the pages. `UPDATE=1 vitest run conformance/docs.test.ts` writes them. */
test.each([
  ["requirements", () => requirementsTable(requirements, proven)],
  ["results", () => resultsTable(ledgers(), (id) => levels.get(id) ?? "")],
])("docs/conformance.md has today's %s", (name, table) => {
  const text = fs.readFileSync(file, "utf8");
  const [before = "", rest = ""] = text.split(`<!-- ${name} -->\n`);
  const [written = "", after = ""] = rest.split(`<!-- end of ${name} -->`);
  const fresh = `${table()}\n`;
  if (process.env.UPDATE === "1") {
    fs.writeFileSync(file, `${before}<!-- ${name} -->\n${fresh}<!-- end of ${name} -->${after}`);
  } else expect(written).toBe(fresh);
});

describe("the reference plugins: what is known to be wrong is found", () => {
  const failing = new Map(
    ledgers().map(({ plugin, outcomes }) => [
      plugin,
      Object.entries(outcomes).flatMap(([id, verdicts]) => (verdicts.fail === undefined ? [] : [id])),
    ]),
  );
  const forwarding = ["bridge", "ptp", "macvlan", "ipvlan", "vlan", "host-device", "dummy", "tap"];
  test.each([
    ["errors lack cniVersion", "P-2c", ["bridge", "host-local", "tuning"]],
    ["VERSION always answers 1.1.0", "P-14a", ["bridge", "host-local"]],
    ["CNI_PATH is required where it is optional", "P-4g", ["host-local", "static", "loopback"]],
    ["a missing command exits 0", "P-1c", ["bridge", "ptp", "portmap"]],
    ["a reserved code is used", "P-13a", ["host-local", "static"]],
    ["config errors are 999", "P-13b", ["host-local", "bridge", "macvlan"]],
    ["GC is not forwarded to IPAM", "P-39a", forwarding],
    ["a failed IPAM ADD gets no DEL", "P-23a", ["bridge", "ptp", "macvlan"]],
    ["DEL with a missing netns creates a file there", "P-25e", ["sbr"]],
    ["unknown fields of prevResult are dropped", "P-20c", ["tuning", "bandwidth", "portmap"]],
    ["CHECK of an L2 bridge always fails", "P-32a", ["bridge-l2"]],
    ["CHECK ignores prevResult", "P-29e", ["host-local", "static", "dhcp"]],
    ["GC removes nothing", "P-37a", ["host-local"]],
    ["STATUS is 0 when exhausted", "P-34b", ["host-local"]],
    ["bandwidth panics without prevResult", "P-21a", ["bandwidth"]],
    ["dhcp panics where ipam is null", "P-3a", ["dhcp"]],
    ["a result and an error at once", "P-2f", ["host-local", "static"]],
    ["the interface is left when the IPAM plugin cannot be run", "P-43c", ["bridge", "ipvlan", "vlan"]],
    ["CHECK looks at no route", "P-29d", ["dummy"]],
  ])("%s: %s of %j", (_what, id, plugins) => {
    for (const plugin of plugins) expect(failing.get(plugin), plugin).toContain(id);
  });
});

test("ours fail no MUST and no SHOULD", () => {
  for (const { plugin, outcomes } of ledgers().filter((ledger) => ledger.plugin.startsWith("hawser"))) {
    const wrong = Object.entries(outcomes).filter(([id, { fail, blocked }]) => {
      return (fail ?? blocked) !== undefined && ["MUST", "SHOULD"].includes(levels.get(id) ?? "");
    });
    expect(wrong, plugin).toEqual([]);
  }
});

describe("profiles", () => {
  test.each(profileNames)("%s can be read, and is in its file", (name) => {
    const text = builtInProfile(name) ?? "";
    const profile = parseProfile(text);
    expect(profile).toMatchObject({ name });
    const written = fs.readFileSync(join(import.meta.dirname, "profiles", `${name}.json`), "utf8");
    expect(JSON.parse(written)).toEqual(JSON.parse(text));
  });

  test("each file is one that the suite knows by name, and excludes only requirements that there are", () => {
    const files = fs
      .readdirSync(join(import.meta.dirname, "profiles"))
      .map((name) => name.replace(/\.json$/, ""));
    expect(files.sort()).toEqual([...profileNames].sort());
    for (const name of profileNames) {
      const profile = parseProfile(builtInProfile(name) ?? "");
      if (typeof profile === "string") throw new Error(profile);
      for (const id of Object.keys(profile.exclude ?? {}))
        expect(levels.has(id), `${name}: ${id}`).toBe(true);
    }
  });
});
