import { execFileSync } from "node:child_process";
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { addNamespace, useBed } from "../../tools/testbed/bed.ts";
import { answerOf, call } from "../../tools/testbed/call.ts";
import { suite } from "../../tools/testbed/executables.ts";

/**
 * An address that was another container's is now a new one's, with another hardware address. Its neighbours know the old one, and
 * would send there for minutes.
 */

const addresses = ["10.9.0.9", "fd09::9"];
const stale = "02:00:00:00:00:99";

suite("containers that take over an address", ["root", "bridge", "macvlan", "static"], (executable) => {
  const bed = useBed({ node: true });

  test.each<[string, object]>([
    ["bridge", { bridge: "br9" }],
    ["bridge", { bridge: "br9", isDefaultGateway: true }],
    ["bridge", { bridge: "br9", enabledad: true }],
    ["macvlan", { master: "uplink0" }],
  ])("%s %j: the neighbours learn of the new one at once", async (type, more) => {
    symlinkSync(executable.path, join(bed().binDir, type));
    const plugin = { name: executable.name, path: join(bed().binDir, type) };
    const attach = async (last: number) => {
      const { name, path } = addNamespace(bed());
      const ipam = {
        type: "static",
        addresses: [{ address: `10.9.0.${last}/24` }, { address: `fd09::${last}/64` }],
      };
      const config = { cniVersion: "1.1.0", name: "n", type, ...more, ipam };
      const operation = { netns: path, containerId: `c${last}`, path: bed().path };
      const added = answerOf<{ interfaces: { mac: string; sandbox?: string }[] }>(
        await call(bed(), plugin, { ...operation, verb: "ADD", config }),
      );
      return { name, mac: added.interfaces.find(({ sandbox }) => sandbox === path)?.mac };
    };
    const neighbour = await attach(2);
    const neigh = (...args: string[]) =>
      execFileSync("ip", ["-n", neighbour.name, "-j", "neigh", ...args], { encoding: "utf8" });
    for (const address of addresses)
      neigh("replace", address, "lladdr", stale, "dev", "eth0", "nud", "stale");
    const { mac } = await attach(9);
    const known = JSON.parse(neigh("show")) as { dst: string; lladdr?: string }[];
    for (const address of addresses)
      expect([address, known.find(({ dst }) => dst === address)?.lladdr]).toEqual([address, mac]);
  });
});
