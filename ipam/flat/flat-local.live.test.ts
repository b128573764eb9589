import * as fs from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Verb } from "../../cni/version.ts";
import { linux } from "../../sys/linux.ts";
import { addNamespace, type Bed, type BedNamespace, useBed } from "../../tools/testbed/bed.ts";
import { answerOf, call, type Ended, errorOf, expectSilence, start } from "../../tools/testbed/call.ts";
import { type Executable, executables, pluginDir, suite } from "../../tools/testbed/executables.ts";
import { links, type PrintedResult } from "../../tools/testbed/kernel-state.ts";
import { bridge, macvlan } from "../../tools/testbed/networks.ts";
import { stableMac } from "../hash.ts";
import { keysOf } from "./pool/keys.ts";
import { audit, holdingAt } from "./pool/pool-testing.ts";
import { openLocalStore } from "./store/local-store.ts";
import type { Entry } from "./store/store.ts";

/** The compiled plugin, its store a folder: through real main plugins, many at once, and killed. */

const podArgs = (pod: string): string => `IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=${pod}`;

function ipamOf(bed: Bed, more: object = {}): object {
  const store = { dir: join(bed.root, "store") };
  const ranges = [[{ subnet: "10.71.0.0/24" }], [{ subnet: "fd00:71::/64" }]];
  return {
    type: "hawser-flat",
    pool: "pods",
    node: "node1",
    journalDir: join(bed.root, "journal"),
    store,
    ranges,
    ...more,
  };
}

/** The executable under the name that makes it this plugin, where main plugins find it too. */
function flatOf(bed: Bed, executable: Executable): Executable {
  const path = join(bed.binDir, "hawser-flat");
  if (!fs.existsSync(path)) fs.symlinkSync(executable.path, path);
  return { name: "hawser-flat", path };
}

async function contentOf(bed: Bed): Promise<readonly Entry[]> {
  const all = { kind: "range", from: "", to: "~", limit: 1e6 } as const;
  const reply = await openLocalStore(linux, join(bed.root, "store")).txn({
    compare: [],
    success: [all],
    failure: [],
  });
  const first = reply.ok ? reply.value.replies[0] : undefined;
  if (first?.kind !== "entries") throw new Error(reply.ok ? "no entries" : reply.error.msg);
  expect(audit("pods", first.entries)).toEqual([]);
  return first.entries;
}

const attached = (entries: readonly Entry[]): number =>
  entries.filter(({ key }) => key.startsWith("att/")).length;

suite("a pod keeps its address", ["root", "bridge", "macvlan"], (executable) => {
  const bed = useBed({ node: true });

  describe.each<[string, (ipam: object) => Record<string, unknown>]>([
    ["bridge", (ipam) => ({ ...bridge(bed(), 71), ipam })],
    ["macvlan", (ipam) => macvlan("", { ipam })],
  ])("with %s", (type, configWith) => {
    const main: Executable = { name: type, path: join(pluginDir, type) };
    const perform = (
      verb: Verb,
      pod: string,
      containerId: string,
      { path }: BedNamespace,
      more: object = {},
    ) => {
      flatOf(bed(), executable);
      const config = { name: "pods", ...configWith(ipamOf(bed())), ...more };
      return call(bed(), main, { verb, config, containerId, netns: path, args: podArgs(pod) });
    };
    const addressesIn = ({ name }: BedNamespace): readonly string[] =>
      links(name).find((link) => link.name === "eth0")?.addresses ?? [];

    test("when it is deleted and made again in another namespace, and another pod came meanwhile", async () => {
      const [first, other, second] = [addNamespace(bed()), addNamespace(bed()), addNamespace(bed())];
      const before = answerOf<PrintedResult>(await perform("ADD", "web", "c1", first));
      const addresses = (before.ips ?? []).map(({ address }) => address);
      expect(addresses).toEqual([
        expect.stringMatching(/^10\.71\.0\.\d+\/24$/),
        expect.stringMatching(/^fd00:71::/),
      ]);
      expect(addressesIn(first)).toEqual(addresses);
      expectSilence(await perform("CHECK", "web", "c1", first, { prevResult: before }));
      expectSilence(await perform("DEL", "web", "c1", first));
      const stranger = answerOf<PrintedResult>(await perform("ADD", "db", "c2", other));
      expect(
        (stranger.ips ?? []).map(({ address }) => address).filter((each) => addresses.includes(each)),
      ).toEqual([]);
      answerOf(await perform("ADD", "web", "c3", second));
      expect(addressesIn(second)).toEqual(addresses);
      // The first sandbox's DEL, repeated late, takes nothing from the second.
      expectSilence(await perform("DEL", "web", "c1", first));
      expect(attached(await contentOf(bed()))).toBe(2);
    });

    test("and its MAC address, where the main plugin is told it", async () => {
      const mac = stableMac("pods", "default/web/eth0", 0);
      const pod = addNamespace(bed());
      answerOf(await perform("ADD", "web", "c1", pod, { runtimeConfig: { mac } }));
      expect(links(pod.name).find(({ name }) => name === "eth0")?.mac).toBe(mac);
      expect(holdingAt(await contentOf(bed()), keysOf("pods").own("default/web/eth0"))?.mac).toBe(mac);
    });
  });
});

suite("many at once on one node", [], (executable) => {
  const bed = useBed({ node: false });
  // This tests the store, which is the same in all executables. So the first one gets the most calls.
  const [size, count] = executable === executables[0] ? [90, 100] : [12, 16];
  const ranges = (): object => ({
    ranges: [[{ subnet: "10.72.0.0/24", rangeStart: "10.72.0.2", rangeEnd: `10.72.0.${size + 1}` }]],
    hold: "0",
  });
  const operation = (verb: Verb, containerId: string, more: object = {}) => ({
    verb,
    containerId,
    config: { cniVersion: "1.1.0", name: "pods", type: "bridge", ipam: ipamOf(bed(), ranges()), ...more },
    args: podArgs(containerId),
  });
  const all = (verb: Verb): Promise<Ended[]> =>
    Promise.all(
      Array.from({ length: count }, (_each, n) =>
        call(bed(), flatOf(bed(), executable), operation(verb, `c${n}`)),
      ),
    );

  test(`${count} pods, ${size} addresses: each is given once, the others are told why, and all come back`, async () => {
    const ended = await all("ADD");
    const given = ended
      .filter(({ exitCode }) => exitCode === 0)
      .map((each) => answerOf<PrintedResult>(each).ips?.[0]?.address);
    const refused = ended.filter(({ exitCode }) => exitCode !== 0).map((each) => errorOf(each).details);
    expect(new Set(given).size).toBe(size);
    expect(given).toHaveLength(size);
    expect(refused.filter((each) => each.includes("[ipam.pool-exhausted]"))).toHaveLength(count - size);
    expect(attached(await contentOf(bed()))).toBe(size);
    for (const each of await all("DEL")) expectSilence(each);
    expect((await contentOf(bed())).filter(({ key }) => !key.startsWith("pool/"))).toEqual([]);
  });

  test("killed at any moment: nothing is half done, and GC frees what is left", async () => {
    const executableFlat = flatOf(bed(), executable);
    answerOf(await call(bed(), executableFlat, operation("ADD", "keeper")));
    for (let n = 0; n < 12; n++) {
      const running = start(bed(), executableFlat, operation("ADD", `v${n}`));
      // Each kill comes a little later. It may strike anywhere, and must never do harm.
      await new Promise((resolve) => setTimeout(resolve, 3 + n * 2));
      running.kill("SIGKILL");
      await running.ended;
      await contentOf(bed());
    }
    const valid = [{ containerID: "keeper", ifname: "eth0" }];
    const { config } = operation("GC", "", { "cni.dev/valid-attachments": valid });
    expectSilence(await call(bed(), executableFlat, { verb: "GC", config }));
    expect(attached(await contentOf(bed()))).toBe(1);
  });
});
