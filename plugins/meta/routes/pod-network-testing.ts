import type { Family } from "../../../cni/address.ts";
import { addAddress } from "../../../net/addresses.ts";
import { getLink, listLinks, makeLink, removeLink } from "../../../net/links.ts";
import { appendRoute, listRoutes, removeRoute } from "../../../net/routes.ts";
import { createKernel } from "../../../net/simulation/simulated-kernel.ts";
import { type Request, talk } from "../../../net/talk.ts";
import type { NetlinkSocket, Network } from "../../../sys/network.ts";
import { fail, ok } from "../../../sys/outcome.ts";
import { must } from "../../../sys/outcome-testing.ts";
import { familyNumber, subnetOf } from "../../link/ip-bytes.ts";
import { asAdded, asRemoved, defaultRoutes, routeOf } from "./route-words.ts";

/** For tests: the network of one pod in memory. Its default routes are such as `4 default via 10.1.0.1 dev eth0`. */
export interface PodNetwork {
  readonly network: Network;
  /** Makes a link that is up. Does nothing if it is there. */
  add(name: string, addresses: readonly string[], hardware?: string): void;
  /** Removes a link, and its routes with it. */
  remove(name: string): void;
  routes(): string[];
  /** Takes all default routes away, and adds these. */
  setRoutes(routes: readonly string[]): void;
}

export async function createPodNetwork(path: string, { hasIpv6 = true } = {}): Promise<PodNetwork> {
  const kernel = createKernel();
  kernel.addNamespace(path);
  const network = hasIpv6 ? kernel : withoutIpv6(kernel);
  const namespace = must(await network.open(path));
  const socket = must(namespace.socket("route"));
  const ask = <T>(request: Request<T>): T => must(talk(socket, request));
  const families: readonly Family[] = hasIpv6 ? ["4", "6"] : ["4"];
  const routes = (): string[] => {
    const names = new Map(ask(listLinks()).map(({ index, name }) => [index, name]));
    return families
      .flatMap((each) => defaultRoutes(each, ask(listRoutes(familyNumber(each))), names))
      .map((route) => `${route.family} ${route.words.join(" ")}`);
  };
  const read = (text: string) => {
    const indexes = new Map(ask(listLinks()).map(({ index, name }) => [name, index]));
    const [family, ...words] = text.split(" ");
    const route = routeOf({ family: family === "6" ? "6" : "4", words, devices: [] }, indexes);
    if (route === undefined) throw new Error(`${text}: there is no such link`);
    return route;
  };
  return {
    network,
    add: (name, addresses, hardware) => {
      if (talk(socket, getLink(name)).ok) return;
      const octets = hardware?.split(":").map((octet) => Number.parseInt(octet, 16));
      const bytes = octets === undefined ? {} : { hardware: Uint8Array.from(octets) };
      ask(makeLink({ name, up: true, ...bytes }, { kind: "dummy" }));
      const link = ask(getLink(name)).index;
      for (const each of addresses) {
        const { bytes: address, prefix } = subnetOf(each);
        ask(addAddress({ link, address, prefix }));
      }
    },
    remove: (name) => {
      const link = talk(socket, getLink(name));
      if (link.ok) ask(removeLink(link.value.index));
    },
    routes,
    setRoutes: (wanted) => {
      for (const each of routes()) ask(removeRoute(asRemoved(read(each))));
      for (const each of wanted) ask(appendRoute(asAdded(read(each))));
    },
  };
}

/** The same, but for messages about IPv6, which this kernel does not have. */
function withoutIpv6(kernel: Network): Network {
  const refused = fail({ code: "EOPNOTSUPP", message: "EOPNOTSUPP: Operation not supported" });
  const limited = (socket: NetlinkSocket): NetlinkSocket => ({
    ...socket,
    send: (datagram, effect) =>
      datagram[16] === familyNumber("6") ? refused : socket.send(datagram, effect),
  });
  return {
    open: async (path) => {
      const namespace = await kernel.open(path);
      if (!namespace.ok) return namespace;
      return ok({
        ...namespace.value,
        socket: (protocol) => {
          const socket = namespace.value.socket(protocol);
          return socket.ok ? ok(limited(socket.value)) : socket;
        },
      });
    },
  };
}
