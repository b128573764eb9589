import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { mutants } from "./mutants/catalogue.ts";
import { kinds } from "./vocabulary.ts";

const repository = dirname(import.meta.dirname);
const suite = join(repository, "dist/hawser-conformance");
const references = process.env.HAWSER_TEST_PLUGINS ?? join(repository, "build/plugins");
/** The executables that are built. CI needs both. */
const builds = ["hawser", "hawser-node"].filter(
  (name) => process.env.CI === "true" || fs.existsSync(join(repository, "dist", name)),
);
const pinned = "v1.8.0";
const isRoot = process.getuid?.() === 0;
/** In CI a missing right is a mistake of the set-up, and no reason to skip. */
const skips = !isRoot && process.env.CI !== "true";

let folder = "";
beforeAll(() => {
  if (!fs.existsSync(suite))
    throw new Error("there is no dist/hawser-conformance: run make dist/hawser-conformance");
  folder = fs.mkdtempSync(join(tmpdir(), `hwt-${process.pid}-`));
});
afterAll(() => fs.rmSync(folder, { recursive: true }));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(args: readonly string[]): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(suite, args, { stdio: ["ignore", "pipe", "pipe"] });
  const said = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said.stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said.stderr += text;
  });
  const ended = new Promise<Ended>((resolve) => child.once("close", (code) => resolve({ code, ...said })));
  return { child, ended };
}

interface Case {
  readonly id: string;
  readonly verdict: string;
  readonly findings: readonly string[];
  readonly reproduce: readonly string[];
}

async function casesOf(args: readonly string[]): Promise<readonly Case[]> {
  const { stdout, stderr } = await start([...args, "--format", "json", "--quiet"]).ended;
  expect(stderr).toBe("");
  return (JSON.parse(stdout) as { cases: Case[] }).cases;
}

/** Runs an action for each item, several at a time. The actions are independent, and mostly wait for the kernel. */
async function severalAtOnce<T>(items: readonly T[], action: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const work = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await action(item);
  };
  await Promise.all(Array.from({ length: 4 }, work));
}

/** What runs of the suite have left. The name of everything that the suite makes begins with one prefix. */
function leftovers(pid = ""): string[] {
  const prefix = `hwc-${pid}`;
  const namesIn = (path: string) => (fs.existsSync(path) ? fs.readdirSync(path) : []);
  return [...namesIn("/var/run/netns"), ...namesIn(tmpdir())].filter((name) => name.startsWith(prefix));
}

/** Processes that were started for a case of the suite. Their command lines name the suite's folder or namespaces. */
function processesOf(pid: number | undefined): string[] {
  return fs.readdirSync("/proc").flatMap((name) => {
    const file = `/proc/${name}/cmdline`;
    if (!/^\d+$/.test(name) || !fs.existsSync(file)) return [];
    try {
      const line = fs.readFileSync(file, "utf8").replaceAll("\0", " ");
      return line.includes(`/hwc-${pid}-`) ? [line] : [];
    } catch {
      // The process has ended meanwhile.
      return [];
    }
  });
}

/** Waits until the kernel has removed the processes that were ended. */
function noProcessOf(pid: number | undefined): Promise<unknown> {
  return vi.waitUntil(() => processesOf(pid).length === 0, { timeout: 10_000, interval: 20 });
}

/** Makes a folder of links: the names by which an executable of ours is called. */
function linksTo(build: string): string {
  const links = join(folder, build);
  fs.mkdirSync(links, { recursive: true });
  for (const name of [...ours, ...mains]) {
    const path = join(links, name);
    if (!fs.existsSync(path)) fs.symlinkSync(join(repository, "dist", build), path);
  }
  return links;
}

const ours = ["hawser", "hawser-two", "hawser-chained", "hawser-static", "hawser-host-local", "hawser-flat"];
/** Our own main plugins that make links of one kind, and chained ones. */
const links = ["bridge", "ptp", "loopback", "macvlan", "ipvlan", "vlan", "dummy", "tap", "host-device"];
const mains = [...links, "tuning", "sbr"].map((name) => `hawser-${name}`);

describe.skipIf(skips)("ours (skipped without root)", () => {
  test.each(builds.flatMap((build) => [...ours, ...mains].map((profile) => [build, profile] as const)))(
    "%s as %s, at every version: what is written down",
    async (build, profile) => {
      const plugin = join(linksTo(build), profile.replace(/-(two|chained)$/, ""));
      // The executables of pkg are slow to start, and have their own cases. As IPAM plugins, both builds run Bun's executable.
      const folders = [linksTo("hawser"), references].flatMap((each) => ["--plugin-dir", each]);
      const { code, stderr, stdout } = await start([
        ...[plugin, "--profile", profile, ...folders],
        ...["--quiet", "--expectations", join(import.meta.dirname, "expectations", `${profile}.json`)],
      ]).ended;
      expect(code, `${stderr}\n${stdout.slice(0, 4000)}`).toBe(0);
    },
    900_000,
  );
});

describe.skipIf(skips)("reference plugins (skipped without root)", () => {
  const ledgers = fs
    .readdirSync(join(import.meta.dirname, "expectations"))
    .map((name) => name.replace(".json", ""));
  const version = fs.existsSync(join(references, ".version"))
    ? fs.readFileSync(join(references, ".version"), "utf8")
    : "";
  test.for(ledgers.filter((name) => !name.startsWith("hawser")))(
    "%s: what is written down",
    async (profile, context) => {
      const plugin = join(references, profile.replace(/-l2$/, ""));
      if (!version.includes(pinned))
        context.skip(`the ledgers are of ${pinned}, the plugins are ${version.trim() || "unknown"}`);
      const { code, stderr } = await start([
        ...[plugin, "--profile", profile, "--versions", "1.1.0", "--quiet"],
        ...["--expectations", join(import.meta.dirname, "expectations", `${profile}.json`)],
      ]).ended;
      expect(code, stderr).toBe(0);
    },
  );
});

describe.skipIf(skips)("the test plugin in real namespaces (skipped without root)", () => {
  const named = (name: string): string => {
    const path = join(folder, name);
    if (!fs.existsSync(path)) fs.symlinkSync(suite, path);
    return path;
  };

  test.each(kinds)("as it should be, as %s", async (kind) => {
    for (const each of kinds) named(`hwcmodel-${each}`);
    const { code, stdout } = await start([
      ...[named(`hwcmodel-${kind}`), "--profile", `hwcmodel-${kind}`, "--versions", "1.1.0", "--quiet"],
    ]).ended;
    expect(code, stdout.slice(0, 4000)).toBe(0);
  });

  test.each(kinds)("wrong in each way, as %s", async (kind) => {
    for (const each of kinds) named(`hwcmodel-${each}`);
    const missed: string[] = [];
    const wrong = mutants.filter((mutant) => mutant.kind === kind && mutant.only !== "memory");
    await severalAtOnce(wrong, async ({ id, version = "1.1.0" }) => {
      const plugin = named(`hwcmodel-${kind}-${id}`);
      const only = ["--versions", version, "--only", id];
      const [found] = await casesOf([plugin, "--profile", `hwcmodel-${kind}`, ...only]);
      if (found?.verdict !== "fail") missed.push(`${id}: ${found?.verdict} ${found?.findings.join("; ")}`);
    });
    expect(missed).toEqual([]);
  });
});

describe.skipIf(skips)("what it leaves (skipped without root)", () => {
  test("nothing after a run", async () => {
    const { child, ended } = start([
      join(references, "bridge"),
      "--profile",
      "bridge",
      "--only",
      "P-16,P-22,P-37",
    ]);
    await ended;
    expect(leftovers(String(child.pid))).toEqual([]);
  });

  test.each([
    ["SIGINT", "bridge"],
    ["SIGTERM", "dhcp"],
  ] as const)("nothing after %s (%s)", async (signal, profile) => {
    const { child, ended } = start([join(references, profile), "--profile", profile]);
    await new Promise((resolve) => child.stderr?.once("data", resolve));
    expect(leftovers(String(child.pid)).length).toBeGreaterThan(0);
    child.kill(signal);
    expect((await ended).code).toBe(signal === "SIGINT" ? 130 : 143);
    expect(leftovers(String(child.pid))).toEqual([]);
    await noProcessOf(child.pid);
  });

  test("after a kill, no daemon that ran beside a plugin", async () => {
    const { child, ended } = start([join(references, "dhcp"), "--profile", "dhcp", "--only", "P-22a"]);
    await vi.waitUntil(() => processesOf(child.pid).some((line) => line.includes("dhcp daemon")));
    child.kill("SIGKILL");
    await ended;
    await noProcessOf(child.pid);
  });

  test("what a kill leaves, the next run takes away", async () => {
    const { child, ended } = start([join(references, "bridge"), "--profile", "bridge"]);
    await new Promise((resolve) => child.stderr?.once("data", resolve));
    child.kill("SIGKILL");
    await ended;
    expect(leftovers(String(child.pid)).length).toBeGreaterThan(0);
    await start([join(references, "bridge"), "--profile", "bridge", "--only", "P-14a", "--quiet"]).ended;
    expect(leftovers(String(child.pid))).toEqual([]);
  });
});

test.skipIf(skips)(
  "a finding is seen by hand with the lines that are printed (skipped without root)",
  async () => {
    const plugin = join(references, "host-device");
    const only = ["--profile", "host-device", "--versions", "1.1.0", "--only", "P-24b"];
    const [finding] = await casesOf([plugin, ...only]);
    expect(finding?.verdict).toBe("fail");
    const script = (finding?.reproduce ?? []).join("\n");
    const said = execFileSync("bash", ["-c", script], { encoding: "utf8" });
    expect(finding?.findings.join()).toContain('failed to find "eth0" in containerNS');
    expect(said).toContain('failed to find \\"eth0\\" in containerNS');
    expect(leftovers()).toEqual([]);
  },
);
