import type { MachineLink, Namespace } from "../machine.ts";
import { canonicalCidr, isMac, type Result, resultProblems } from "../oracle.ts";
import { attach, attachNew, expectThat, newContainer, resultOf } from "../probe-steps.ts";
import { everyKind, type Requirement } from "../requirement.ts";
import type { Scene, TestContainer } from "../scene.ts";
import type { Kind } from "../vocabulary.ts";

const section = "5, ADD Success";
/** The kinds of plugins whose results have interfaces. */
const network: readonly Kind[] = ["interface", "chained", "meta"];

interface Attached {
  readonly container: TestContainer;
  readonly result: Result;
}

async function attached(scene: Scene): Promise<Attached> {
  const container = await newContainer(scene);
  return { container, result: await attach(scene, container) };
}

/** The namespace that a result's interface lies in; a sandbox that is none of ours is P-18c's business. */
function namespaceOf(scene: Scene, container: TestContainer, sandbox = ""): Namespace | undefined {
  if (sandbox === "") return scene.machine.node;
  return sandbox === container.netns.path ? container.netns : undefined;
}

async function linksAt(
  scene: Scene,
  container: TestContainer,
  sandbox?: string,
): Promise<readonly MachineLink[] | undefined> {
  const namespace = namespaceOf(scene, container, sandbox);
  return namespace === undefined ? undefined : scene.machine.links(namespace);
}

export const resultRequirements: readonly Requirement[] = [
  {
    id: "P-18a",
    level: "MUST",
    section,
    sentence: "`cniVersion`: the same version supplied on input.",
    title: "the result repeats the configuration's cniVersion",
    operations: ["ADD"],
    // Versions 0.1.0 and 0.2.0 do not require it.
    since: "0.3.0",
    kinds: everyKind,
    probe: async (scene) => {
      const { cniVersion } = resultOf(scene, await attachNew(scene));
      expectThat(scene, cniVersion === scene.version, `cniVersion is ${JSON.stringify(cniVersion)}`);
    },
  },
  {
    id: "P-18b",
    level: "MUST",
    section,
    sentence: "Plugins must output a JSON object with the following keys upon a successful ADD operation.",
    title: "the result is one document of the form that this version has",
    operations: ["ADD"],
    kinds: everyKind,
    probe: async (scene) => {
      const container = await attachNew(scene);
      const withoutAddresses = scene.subject.profile.config.ipam === undefined;
      for (const problem of resultProblems(container.result ?? {}, scene.version)) {
        const excused = withoutAddresses && problem.startsWith("neither ip4");
        expectThat(scene, excused, problem);
      }
    },
  },
  {
    id: "P-18c",
    level: "MUST",
    section,
    sentence: "`sandbox`: empty if on the host; inside the container the value passed via CNI_NETNS.",
    title: "each interface's sandbox is CNI_NETNS or empty",
    operations: ["ADD"],
    since: "0.3.0",
    kinds: network,
    probe: async (scene) => {
      const { container, result } = await attached(scene);
      for (const { name, sandbox = "" } of result.interfaces) {
        const right = sandbox === "" || sandbox === container.netns.path;
        expectThat(scene, right, `the sandbox of ${name} is ${sandbox}, not ${container.netns.path}`);
      }
    },
  },
  {
    id: "P-18d",
    level: "MUST",
    section,
    sentence:
      "`ips`: IPs assigned by this attachment; `interface`: which interface this should be applied to.",
    title: "each address of an interface is on that interface",
    operations: ["ADD"],
    kinds: network,
    probe: async (scene) => {
      const { container, result } = await attached(scene);
      const inside = await scene.machine.links(container.netns);
      for (const { address, interface: index } of result.ips) {
        const owner = index === undefined ? undefined : result.interfaces[index];
        if (index !== undefined && owner === undefined) continue;
        const node = owner !== undefined && (owner.sandbox ?? "") === "";
        const links = node ? await scene.machine.links(scene.machine.node) : inside;
        const bearers = owner === undefined ? links : links.filter(({ name }) => name === owner.name);
        const borne = bearers.some((link) =>
          link.addresses.some((each) => canonicalCidr(each) === canonicalCidr(address)),
        );
        expectThat(scene, borne, `${address} is not on ${owner?.name ?? "any interface"}`);
      }
    },
  },
  {
    id: "P-18e",
    level: "MUST",
    section,
    sentence:
      "`mac`: the hardware address of the interface. `mtu`: the MTU of the interface (if applicable).",
    title: "each interface has the MAC and the MTU that the result says",
    operations: ["ADD"],
    since: "0.3.0",
    kinds: network,
    probe: async (scene) => {
      const { container, result } = await attached(scene);
      for (const { name, mac, mtu, sandbox } of result.interfaces) {
        const links = await linksAt(scene, container, sandbox);
        const link = links?.find((each) => each.name === name);
        if (link === undefined) continue;
        const macRight = !isMac(mac) || link.mac.toLowerCase() === mac?.toLowerCase();
        expectThat(scene, macRight, `the MAC of ${name} is ${link.mac}, the result says ${mac}`);
        const mtuRight = mtu === undefined || mtu === 0 || mtu === link.mtu;
        expectThat(scene, mtuRight, `the MTU of ${name} is ${link.mtu}, the result says ${mtu}`);
      }
    },
  },
  {
    id: "P-18f",
    level: "MUST",
    section,
    sentence: "`routes`: routes created by this attachment.",
    title: "each route of the result is in the container",
    operations: ["ADD"],
    kinds: network,
    probe: async (scene) => {
      const { container, result } = await attached(scene);
      const routes = await scene.machine.routes(container.netns);
      for (const { dst, gw } of result.routes) {
        const there = routes.some(
          (route) =>
            canonicalCidr(route.dst) === canonicalCidr(dst) && (gw === undefined || gw === route.gateway),
        );
        expectThat(scene, there, `there is no route to ${dst}${gw === undefined ? "" : ` by ${gw}`}`);
      }
    },
  },
  {
    id: "P-18g",
    level: "MUST",
    section,
    sentence:
      "`interfaces`: an array of all interfaces created by the attachment, including any host-level interfaces.",
    title: "each interface of the result exists",
    operations: ["ADD"],
    since: "0.3.0",
    kinds: network,
    probe: async (scene) => {
      const { container, result } = await attached(scene);
      for (const { name, sandbox } of result.interfaces) {
        const links = await linksAt(scene, container, sandbox);
        if (links === undefined) continue;
        const place = (sandbox ?? "") === "" ? "on the node" : "in the container";
        expectThat(
          scene,
          links.some((each) => each.name === name),
          `there is no ${name} ${place}`,
        );
      }
    },
  },
  {
    id: "P-18h",
    level: "MUST",
    section,
    sentence: "`interface` (uint): the index into the `interfaces` list.",
    title: "each index of an address is that of an interface",
    operations: ["ADD"],
    since: "0.3.0",
    kinds: network,
    probe: async (scene) => {
      const { result } = await attached(scene);
      for (const { address, interface: index } of result.ips) {
        const valid = index === undefined || result.interfaces[index] !== undefined;
        expectThat(scene, valid, `${address} has index ${index} of ${result.interfaces.length} interfaces`);
      }
    },
  },
  {
    id: "P-18i",
    level: "MUST",
    section,
    sentence: "`interfaces`: an array of all interfaces created by the attachment.",
    title: "the interface CNI_IFNAME of the container is in the result",
    operations: ["ADD"],
    since: "0.3.0",
    kinds: ["interface", "meta"],
    probe: async (scene) => {
      const { container, result } = await attached(scene);
      const told = result.interfaces.some(
        ({ name, sandbox = "" }) => name === container.ifname && sandbox !== "",
      );
      expectThat(scene, told, `the result does not tell of ${container.ifname} in the container`);
    },
  },
  {
    id: "P-46a",
    level: "MUST",
    section: "5, Delegated plugins (IPAM)",
    sentence:
      "Delegated IPAM plugins must return an abbreviated Success object: it is missing the `interfaces` array.",
    title: "the result of an IPAM plugin has no interfaces",
    operations: ["ADD"],
    since: "0.3.0",
    kinds: ["ipam"],
    probe: async (scene) => {
      const { result } = await attached(scene);
      expectThat(scene, result.interfaces.length === 0, "the result has interfaces");
    },
  },
  {
    id: "P-46b",
    level: "MUST",
    section: "5, Delegated plugins (IPAM)",
    sentence: "... as well as the `interface` entry in `ips`.",
    title: "the addresses of an IPAM plugin have no index of an interface",
    operations: ["ADD"],
    since: "0.3.0",
    kinds: ["ipam"],
    probe: async (scene) => {
      const { result } = await attached(scene);
      const indexed = result.ips.filter((ip) => ip.interface !== undefined);
      expectThat(scene, indexed.length === 0, `${indexed[0]?.address} has an index of an interface`);
    },
  },
];
