import { describe, expect, test } from "vitest";
import { parseUsage } from "../usage.ts";
import { actionHelps, ipamHelp } from "./help.ts";
import type { IpamAction } from "./options.ts";

const defaults = { stateDir: "/state", confDir: "/confs", columns: 110, version: "" };
const usage = (args: readonly string[]) => parseUsage(args, defaults);
const names = Object.keys(actionHelps);

async function action(...args: string[]): Promise<IpamAction> {
  const parsed = await usage(["ipam", ...args]);
  if (parsed.kind !== "command" || parsed.command.kind !== "ipam") throw new Error(JSON.stringify(parsed));
  return parsed.command.ipam;
}

describe("help", () => {
  test("lists every command, and hawser's own help lists ipam", async () => {
    const help = await usage(["ipam", "--help"]);
    for (const name of names)
      expect(help).toMatchObject({ text: expect.stringContaining(`  hawser ipam ${name} `) });
    expect(await usage(["--help"])).toMatchObject({ text: expect.stringContaining("  hawser ipam ") });
  });

  test.each([[], ...names.map((name) => [name])])(
    "ipam %s --help: an example that begins so, and the exit status",
    async (...name) => {
      const help = await usage(["ipam", ...name, "--help"]);
      const text = help.kind === "text" ? help.text : "";
      expect(text).toMatch(new RegExp(`\n  ${["hawser", "ipam", ...name].join(" ")}`));
      expect(text).toMatch(/\nExit status: 0 .*, 1 .*, 2 .*\.\n?/);
    },
  );

  test.each(
    [ipamHelp, ...Object.values(actionHelps)].flatMap(({ examples }) => examples.map(([, line]) => line)),
  )("the example `%s` is right usage", async (line) => {
    expect(await usage(line.split(" ").slice(1))).toMatchObject({ kind: "command" });
  });
});

test.each([
  [[], "Missing command after ipam", "hawser ipam --help"],
  [["shw"], "Unknown command: shw", "hawser ipam --help"],
  [["show", "more"], "Unknown command: more", "hawser ipam show --help"],
  [["why"], "Missing argument: address", "hawser ipam why --help"],
  [["predict"], "Missing argument: NAMESPACE/POD/INTERFACE", "hawser ipam predict --help"],
  [["import"], "Missing argument: source", "hawser ipam import --help"],
  [["reserve", "--for", "a/b/c"], "Missing argument: address", "hawser ipam reserve --help"],
  [["release", "10.60.0.7", "--forse"], "Unknown argument: forse", "hawser ipam release --help"],
  [
    ["show", "--etcd", "http://a", "--dir", "/b"],
    "Arguments etcd and dir are mutually exclusive",
    "hawser ipam show --help",
  ],
  [
    ["show", "--config", "a", "--dir", "/b"],
    "Arguments config and dir are mutually exclusive",
    "hawser ipam show --help",
  ],
  [
    ["list", "--state", "live"],
    'Invalid values: Argument: state, Given: "live", Choices: "used", "held", "expired", "reserved", "quarantined"',
    "hawser ipam list --help",
  ],
])("wrong usage %j", async (args, message, helpCommand) => {
  expect(await usage(["ipam", ...args])).toEqual({ kind: "wrong", message, helpCommand });
});

test("every option arrives", async () => {
  const tls = ["--ca-file", "/ca", "--cert-file", "/cert", "--key-file", "/key"];
  const user = ["--username", "u", "--password-file", "/p"];
  expect(
    await action(
      "show",
      "--etcd",
      "https://a,https://b",
      "--etcd-prefix",
      "/x",
      ...tls,
      ...user,
      "--all",
      "--json",
    ),
  ).toEqual({
    action: "show",
    config: undefined,
    pool: undefined,
    etcd: "https://a,https://b",
    etcdPrefix: "/x",
    caFile: "/ca",
    certFile: "/cert",
    keyFile: "/key",
    username: "u",
    passwordFile: "/p",
    dir: undefined,
    confDir: "/confs",
    definitionsDir: "/etc/cni/hawser/net.d",
    json: true,
    all: true,
  });
  expect(await action("reserve", "10.60.0.7,fd00::7", "--for", "a/b/c")).toMatchObject({
    addresses: ["10.60.0.7", "fd00::7"],
    for: "a/b/c",
  });
  expect(await action("release", "10.60.0.7", "--pool", "p", "--yes", "--force")).toMatchObject({
    address: "10.60.0.7",
    pool: "p",
    yes: true,
    force: true,
  });
  expect(await action("check", "--valid", "v", "--node", "n", "--repair")).toMatchObject({
    stateDir: "/state",
    valid: "v",
    node: "n",
    repair: true,
    yes: false,
  });
  expect(await action("import", "f", "--ifname", "eth1", "--dry-run")).toMatchObject({
    source: "f",
    ifname: "eth1",
    hold: "forever",
    results: "/var/lib/cni/results",
    dryRun: true,
    yes: false,
  });
});
