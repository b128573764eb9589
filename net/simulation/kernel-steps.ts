import type { NetlinkSocket, NetworkNamespace } from "../../sys/network.ts";
import { must } from "../../sys/outcome-testing.ts";
import { addAddress, type FoundAddress, listAddresses, printBytes, removeAddress } from "../addresses.ts";
import { printHardware } from "../bytes.ts";
import { type LinkKind, linkFlag } from "../link-kinds.ts";
import { getLink, type Link, type LinkChange, listLinks, makeLink, removeLink, setLink } from "../links.ts";
import { addRoute, appendRoute, type IpRoute, listRoutes, removeRoute, replaceRoute } from "../routes.ts";
import { addRule, listRules, type RoutingRule, removeRule } from "../routing-rules.ts";
import { type Request, talk } from "../talk.ts";

/** Steps that any kernel can be asked for, the simulated one and a real one, and what they have led to. */

/** Two namespaces of one kernel. */
export interface KernelLab {
  readonly host: LabPlace;
  readonly pod: LabPlace;
}

export interface LabPlace {
  readonly namespace: NetworkNamespace;
  readonly socket: NetlinkSocket;
}

export type LabSide = keyof KernelLab;

interface OnSide {
  readonly in: LabSide;
}

/** Links are named, since their numbers may differ. Hardware addresses are `02:00:00:00:00:` and the number. */
export type KernelStep =
  | (OnSide & {
      readonly do: "make";
      readonly name: string;
      readonly kind: "veth" | "bridge" | "macvlan" | "ipvlan" | "dummy";
      readonly hardware: number;
      readonly mtu?: number;
      readonly up?: boolean;
      readonly peer?: string;
      readonly peerUp?: boolean;
      readonly parent?: string;
      readonly master?: string;
      readonly mode?: "private" | "bridge" | "passthru";
      /** Where it is made, or its peer if it is a veth. */
      readonly into?: LabSide;
    })
  | (OnSide & { readonly do: "remove"; readonly name: string })
  | (OnSide & {
      readonly do: "set";
      readonly name: string;
      readonly change: Omit<LinkChange, "master" | "namespace" | "hardware">;
      readonly hardware?: number;
      readonly master?: string;
      readonly into?: LabSide;
    })
  | (OnSide & {
      readonly do: "give" | "take";
      readonly name: string;
      readonly address: Uint8Array;
      readonly prefix: number;
    })
  | (OnSide & {
      readonly do: "add" | "replace" | "append" | "unroute";
      readonly name?: string;
      readonly route: Omit<IpRoute, "link">;
    })
  | (OnSide & { readonly do: "rule" | "unrule"; readonly rule: RoutingRule });

const hardwareOf = (number: number): Uint8Array => Uint8Array.of(2, 0, 0, 0, 0, number);
/** A name that no link has is a number that none has. */
const nobody = 9999;

/** Takes a step. Returns the code by which the kernel refuses, or `ok`. */
export function takeStep(lab: KernelLab, step: KernelStep): string {
  const answer = talk(lab[step.in].socket, requestOf(lab, step));
  return answer.ok ? "ok" : answer.error.code;
}

function requestOf(lab: KernelLab, step: KernelStep): Request<unknown> {
  const { socket } = lab[step.in];
  const index = (name: string): number => {
    const found = talk(socket, getLink(name));
    return found.ok ? found.value.index : nobody;
  };
  switch (step.do) {
    case "make":
      return makeRequest(lab, step, index);
    case "remove":
      return removeLink(index(step.name));
    case "set":
      return setLink(index(step.name), {
        ...step.change,
        ...(step.hardware === undefined ? {} : { hardware: hardwareOf(step.hardware) }),
        ...(step.master === undefined ? {} : { master: step.master === "" ? 0 : index(step.master) }),
        ...(step.into === undefined ? {} : { namespace: lab[step.into].namespace.descriptor }),
      });
    case "give":
      return addAddress({ link: index(step.name), address: step.address, prefix: step.prefix });
    case "take":
      return removeAddress({ link: index(step.name), address: step.address, prefix: step.prefix });
    case "rule":
      return addRule(step.rule);
    case "unrule":
      return removeRule(step.rule);
    default: {
      const requests = { add: addRoute, replace: replaceRoute, append: appendRoute, unroute: removeRoute };
      const link = step.name === undefined ? {} : { link: index(step.name) };
      return requests[step.do]({ ...step.route, ...link });
    }
  }
}

function makeRequest(
  lab: KernelLab,
  step: KernelStep & { readonly do: "make" },
  index: (name: string) => number,
): Request<unknown> {
  const { name, kind, hardware, mtu, up, parent, master, into, mode = "bridge" } = step;
  const common = { ...(mtu === undefined ? {} : { mtu }) };
  const namespace = into === undefined ? {} : { namespace: lab[into].namespace.descriptor };
  const spec = {
    name,
    ...common,
    hardware: hardwareOf(hardware),
    ...(up === undefined ? {} : { up }),
    ...(parent === undefined ? {} : { parent: index(parent) }),
    ...(master === undefined ? {} : { master: index(master) }),
  };
  if (kind !== "veth") {
    const kinds: Record<typeof kind, LinkKind> = {
      bridge: { kind: "bridge" },
      macvlan: { kind: "macvlan", mode },
      ipvlan: { kind: "ipvlan", mode: "l2" },
      dummy: { kind: "dummy" },
    };
    return makeLink({ ...spec, ...namespace }, kinds[kind]);
  }
  const peerUp = step.peerUp === undefined ? {} : { up: step.peerUp };
  const peer = {
    name: step.peer ?? "peer",
    ...common,
    hardware: hardwareOf(hardware + 100),
    ...peerUp,
    ...namespace,
  };
  return makeLink(spec, { kind, peer });
}

/** What a namespace holds, in lines that two kernels have in common. */
export function viewOfPlace({ socket }: LabPlace): string[] {
  const ask = <T>(request: Request<T>): T => must(talk(socket, request));
  const links = ask(listLinks());
  const names = new Map(links.map(({ index, name }) => [index, name]));
  const named = (index: number | undefined): string =>
    index === undefined ? "-" : (names.get(index) ?? "?");
  const addresses = ask(listAddresses());
  return [
    ...links.map((link) => printLink(link, named)).sort(),
    ...addresses.map((address) => printAddress(address, named)).sort(),
    ...[2, 10].flatMap((of) => ask(listRoutes(of)).map((route) => printRoute(route, named))).sort(),
    ...[2, 10].flatMap((of) => ask(listRules(of)).map(printRule)),
  ];
}

/** Whether a link is running is said with a delay of up to a second. */
const told = linkFlag.up | linkFlag.loopback | linkFlag.noArp | linkFlag.lowerUp;

function printLink(link: Link, named: (index: number | undefined) => string): string {
  const {
    name,
    kind = "-",
    mtu,
    hardware,
    flags,
    alias = "",
    master,
    parent,
    parentNamespace,
    portKind,
  } = link;
  const relative = parentNamespace === undefined ? named(parent) : "elsewhere";
  const state = `mtu ${mtu} ${printHardware(hardware)} flags ${(flags & told).toString(16)} queue ${link.transmitQueue}`;
  return `link ${name} ${kind} ${state} master ${named(master)} ${portKind ?? "-"} of ${relative} ${alias}`.trimEnd();
}

/** Whether an address is tried out is a question of time. */
const timely = 0x40;

function printAddress(found: FoundAddress, named: (index: number | undefined) => string): string {
  const { link, address, prefix, flags, scope } = found;
  return `address ${named(link)} ${printBytes(address)}/${prefix} scope ${scope} flags ${(flags & ~timely).toString(16)}`;
}

function printRoute(route: IpRoute, named: (index: number | undefined) => string): string {
  const { destination, prefix, table, type, scope, protocol, priority = 0, flags = 0 } = route;
  const hops = (route.multipath ?? [route]).map(
    ({ gateway, link }) => `${gateway === undefined ? "" : `via ${printBytes(gateway)} `}dev ${named(link)}`,
  );
  const source = route.preferredSource === undefined ? "" : ` src ${printBytes(route.preferredSource)}`;
  const metrics = route.mtu === undefined ? "" : ` mtu ${route.mtu}`;
  const place = `table ${table} type ${type} scope ${scope} proto ${protocol} metric ${priority} flags ${flags}`;
  return `route ${route.family} ${printBytes(destination)}/${prefix} ${hops.sort().join(", ")} ${place}${source}${metrics}`;
}

function printRule({
  family,
  table,
  priority = 0,
  source,
  sourcePrefix = 0,
  inLink,
  mark,
}: RoutingRule): string {
  const from = source === undefined ? "" : ` from ${printBytes(source)}/${sourcePrefix}`;
  return `rule ${family} ${priority}${from} iif ${inLink ?? "-"} mark ${mark ?? 0} table ${table}`;
}
