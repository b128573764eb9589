import { describeEnd } from "../error-document.ts";
import { canonical, isSame } from "../json-document.ts";
import { printResult, type Result, readResult } from "../oracle.ts";
import {
  addressesOf,
  attach,
  attachNew,
  call,
  detach,
  exhaust,
  expectRefused,
  expectThat,
  given,
  hasCrashed,
  hasRefused,
  newContainer,
  tinySubnet,
  tryAttach,
} from "../probe-steps.ts";
import { everyKind, makers, type Requirement } from "../requirement.ts";
import { NotApplicable, type Scene, type TestContainer } from "../scene.ts";
import { isSince } from "../versions.ts";

const section = "2, ADD";
const existing =
  "If an interface of the requested name already exists in the container, the CNI plugin MUST return with an error.";
const existingSettled =
  "It contradicts 'adjust the interface' (cni#901): applied to plugins that create the interface only.";
const passThrough =
  "If supplied a `prevResult`, it MUST handle it by passing it through, or modifying it appropriately.";

/** The interfaces, addresses and routes of a result that are not there as they were, in words. */
function lost(before: Result, after: Result): string[] {
  const parts = ["interfaces", "ips", "routes"] as const;
  return parts.flatMap((part) => {
    const kept = new Set<string>(after[part].map((each) => identity(part, each)));
    return before[part].map((each) => identity(part, each)).filter((each) => !kept.has(each));
  });
}

/** The properties that an element keeps when a plugin modifies it appropriately. By them the element is recognised. */
function identity(part: string, each: object): string {
  const { name, sandbox = "", address, dst, gw = "" } = each as Record<string, string>;
  if (part === "interfaces") return `interface ${name} ${sandbox}`;
  return part === "ips" ? `address ${address}` : `route ${dst} ${gw}`;
}

/** A prevResult in which everything is said that a result can say in this version. */
function fullPrevResult(scene: Scene, container: TestContainer) {
  if (container.base === undefined) throw new NotApplicable("no plugin came before it");
  const base = readResult(container.base, scene.version);
  const [first, ...others] = base.interfaces;
  const extra = isSince(scene.version, "1.1.0");
  const full: Omit<Result, "cniVersion"> = {
    ...base,
    interfaces: [
      ...(first === undefined ? [] : [{ ...first, ...(extra && { mtu: 1500 }) }]),
      ...others.map((each) => ({ ...each, ...(extra && { mtu: 1500, pciID: "0000:00:1f.6" }) })),
    ],
    routes: [
      ...base.routes,
      {
        dst: "10.78.0.0/16",
        gw: base.ips[0]?.gateway ?? "",
        ...(extra && { mtu: 1400, advmss: 1360, priority: 100, scope: 0 }),
      },
    ],
    dns: {
      nameservers: ["10.77.0.53"],
      domain: "example.com",
      search: ["example.com"],
      options: ["ndots:5"],
    },
  };
  return { full, document: printResult(full, scene.version) };
}

export const addRequirements: readonly Requirement[] = [
  {
    id: "P-17a",
    level: "SHOULD",
    section,
    sentence: "ADD should create the interface defined by CNI_IFNAME inside the container at CNI_NETNS.",
    title: "after ADD the interface is there and up",
    operations: ["ADD"],
    kinds: makers,
    probe: async (scene) => {
      const { netns, ifname } = await attachNew(scene);
      const link = (await scene.machine.links(netns)).find(({ name }) => name === ifname);
      expectThat(scene, link !== undefined, `there is no ${ifname} in the container`);
      if (link !== undefined) expectThat(scene, link.up, `${ifname} is down`);
    },
  },
  {
    id: "P-17b",
    level: "SHOULD",
    section,
    sentence:
      "ADD should adjust the configuration of the interface defined by CNI_IFNAME inside the container.",
    title: "after ADD of a chained plugin the interface and its addresses are still there",
    operations: ["ADD"],
    kinds: ["chained"],
    probe: async (scene) => {
      const container = await newContainer(scene);
      await scene.machine.addAddress(container.netns, container.ifname, "10.77.200.9/24");
      const before = await scene.machine.links(container.netns);
      await attach(scene, container);
      const after = await scene.machine.links(container.netns);
      const addresses = new Set(
        after.flatMap((link) => link.addresses.map((each) => `${link.name} ${each}`)),
      );
      for (const { name, addresses: had } of before) {
        expectThat(
          scene,
          after.some((link) => link.name === name),
          `${name} is gone`,
        );
        for (const each of had)
          expectThat(scene, addresses.has(`${name} ${each}`), `${name} has lost ${each}`);
      }
    },
  },
  {
    id: "P-19a",
    level: "MUST",
    section,
    sentence: existing,
    title: "ADD of an interface name that exists is an error",
    operations: ["ADD"],
    kinds: makers,
    settled: existingSettled,
    probe: async (scene) => {
      const container = await newContainer(scene);
      await scene.machine.addLink(container.netns, container.ifname, "hwcother0");
      expectRefused(scene, await call(scene, "ADD", container), `ADD of ${container.ifname}, which exists,`);
    },
  },
  {
    id: "P-19b",
    level: "advisory",
    section,
    sentence: existing,
    title: "the interface that was there is not touched",
    operations: ["ADD"],
    kinds: makers,
    settled: existingSettled,
    probe: async (scene) => {
      const { machine } = scene;
      const container = await newContainer(scene);
      await machine.addLink(container.netns, container.ifname, "hwcother0");
      await machine.addAddress(container.netns, container.ifname, "10.79.0.2/24");
      const before = await machine.links(container.netns);
      const exchange = await call(scene, "ADD", container);
      given(hasRefused(exchange), "ADD accepts an interface name that exists");
      const after = (await machine.links(container.netns)).find(({ name }) => name === container.ifname);
      const same = isSame(
        after,
        before.find(({ name }) => name === container.ifname),
      );
      expectThat(scene, same, `${container.ifname} was changed: ${canonical(after ?? "it is gone")}`);
    },
  },
  {
    id: "P-19c",
    level: "advisory",
    section,
    sentence: existing,
    title: "such an ADD leaves no address reserved",
    operations: ["ADD"],
    kinds: makers,
    needs: ["pool"],
    settled: existingSettled,
    probe: async (scene) => {
      scene.holes.subnet = tinySubnet;
      for (let round = 0; round < 8; round++) {
        const container = await newContainer(scene);
        await scene.machine.addLink(container.netns, container.ifname, `hwcother${round}`);
        given(hasRefused(await call(scene, "ADD", container)), "ADD accepts an interface name that exists");
      }
      const attached = await tryAttach(scene, await newContainer(scene));
      expectThat(scene, attached, "after 8 refused ADDs the 5 addresses of the range are taken");
    },
  },
  {
    id: "P-20a",
    level: "MUST",
    section,
    sentence: passThrough,
    title: "the interfaces, addresses and routes of prevResult are in the result",
    operations: ["ADD"],
    since: "0.3.0",
    kinds: ["chained"],
    probe: async (scene) => {
      const container = await newContainer(scene);
      const { full, document } = fullPrevResult(scene, container);
      const after = await attach(scene, container, { prevResult: document });
      for (const each of lost({ cniVersion: scene.version, ...full }, after)) {
        expectThat(scene, false, `${each} of prevResult is not in the result`);
      }
    },
  },
  {
    id: "P-20b",
    level: "MUST",
    section: "5, ADD Success",
    sentence:
      "If a plugin makes no changes, it must output a result equivalent to the provided `prevResult`.",
    title:
      "what prevResult says of them (gateway, mtu, pciID, advmss, priority, scope) and dns is in the result",
    operations: ["ADD"],
    since: "0.3.0",
    kinds: ["chained"],
    probe: async (scene) => {
      const container = await newContainer(scene);
      const { full, document } = fullPrevResult(scene, container);
      const after = await attach(scene, container, { prevResult: document });
      given(
        lost({ cniVersion: scene.version, ...full }, after).length === 0,
        "elements of prevResult are lost",
      );
      for (const part of ["interfaces", "ips", "routes"] as const) {
        for (const before of full[part]) {
          const same = after[part].find((each) => identity(part, each) === identity(part, before));
          expectFields(scene, identity(part, before), before, same ?? {});
        }
      }
      expectFields(scene, "dns", full.dns, after.dns);
    },
  },
  {
    id: "P-20c",
    level: "advisory",
    section,
    sentence: passThrough,
    title: "a field of prevResult that the plugin does not know is in the result",
    operations: ["ADD"],
    since: "0.3.0",
    kinds: ["chained"],
    probe: async (scene) => {
      const container = await newContainer(scene);
      const prevResult = { ...container.base, "hwc.example/unknown": { kept: true } };
      await attach(scene, container, { prevResult });
      const kept = isSame(container.result?.["hwc.example/unknown"], { kept: true });
      expectThat(scene, kept, "the field hwc.example/unknown of prevResult is not in the result");
    },
  },
  {
    id: "P-21a",
    level: "advisory",
    section,
    sentence:
      "A chained plugin adjusts an interface that exists: without prevResult it has nothing to adjust.",
    title: "without prevResult a chained plugin succeeds or fails, and never crashes",
    operations: ["ADD"],
    kinds: ["chained"],
    probe: async (scene) => {
      const container = await newContainer(scene);
      // A configuration that asks for nothing takes other paths through a plugin than one that does.
      const { type } = scene.subject.profile.config;
      const bare = JSON.stringify({ cniVersion: scene.version, name: "hwcnet", type });
      for (const change of [{ prevResult: null }, { stdin: bare }]) {
        const exchange = await call(scene, "ADD", container, change);
        const said = `ADD without prevResult: the plugin crashed (${describeEnd(exchange)})`;
        expectThat(scene, !hasCrashed(exchange), said);
      }
    },
  },
  {
    id: "P-22a",
    level: "MUST",
    section: "3, Lifecycle & Ordering",
    sentence: "Plugins must handle being executed concurrently across different containers.",
    title: "12 parallel ADDs succeed",
    operations: ["ADD"],
    kinds: everyKind,
    probe: async (scene) => {
      const containers = await containersInTurn(scene, 12);
      const attached = await Promise.all(containers.map((each) => tryAttach(scene, each)));
      const failed = attached.filter((each) => !each).length;
      given(
        failed === 0 || (await tryAttach(scene, await newContainer(scene))),
        "an ordinary ADD fails, too",
      );
      expectThat(scene, failed === 0, `${failed} of 12 parallel ADDs failed`);
    },
  },
  {
    id: "P-22b",
    level: "MUST",
    section: "3, Lifecycle & Ordering",
    sentence: "If necessary, they must implement locking on shared resources (e.g. IPAM databases).",
    title: "parallel ADDs get an address each, and exactly as many as there are",
    operations: ["ADD"],
    kinds: ["interface", "ipam", "meta"],
    needs: ["pool"],
    probe: async (scene) => {
      scene.holes.subnet = tinySubnet;
      const first = { config: { name: "hwcfirst" } };
      const attachedFirst = await exhaust(scene, first);
      const room = attachedFirst.length;
      given(room > 0, "the range gives no address at all");
      // Two interfaces of one network card may not have one address (ipvlan), even if their networks are two.
      for (const each of attachedFirst) await detach(scene, each, first);
      const containers = await containersInTurn(scene, room + 4);
      const change = { config: { name: "hwcsecond" } };
      const attached = await Promise.all(containers.map((each) => tryAttach(scene, each, change)));
      const lucky = containers.filter((_each, at) => attached[at]);
      expectThat(scene, lucky.length === room, `${lucky.length} ADDs succeeded with ${room} addresses`);
      const addresses = lucky.flatMap((each) => addressesOf(scene, each).slice(0, 1));
      const twice = addresses.filter((each, at) => addresses.indexOf(each) !== at);
      expectThat(scene, twice.length === 0, `given to two containers: ${twice.join(", ")}`);
    },
  },
];

async function containersInTurn(scene: Scene, count: number): Promise<TestContainer[]> {
  const containers: TestContainer[] = [];
  for (let at = 0; at < count; at++) containers.push(await newContainer(scene));
  return containers;
}

function expectFields(scene: Scene, what: string, before: object, after: object): void {
  for (const [key, value] of Object.entries(before)) {
    const now = (after as Record<string, unknown>)[key];
    expectThat(
      scene,
      isSame(now, value),
      `${what}: ${key} was ${canonical(value)}, is ${canonical(now ?? null)}`,
    );
  }
}
