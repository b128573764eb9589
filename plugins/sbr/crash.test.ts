import { addAddress } from "../../net/addresses.ts";
import { getLink, makeLink, setLink } from "../../net/links.ts";
import { addRoute } from "../../net/routes.ts";
import { type Request, talk } from "../../net/talk.ts";
import { must } from "../../sys/outcome-testing.ts";
import { bytesOf } from "../link/ip-bytes.ts";
import { sweepSuite } from "../link/sweep-suite-testing.ts";
import { netnsOf, type SweepCase, withoutPart } from "../link/sweep-testing.ts";
import { sbr } from "./plugin.ts";

/** An interface with addresses and a default route, as another plugin has made it. */
const onInterface = {
  plugin: sbr,
  afterDel: withoutPart("routes"),
  prepare: async ({ kernel, netns }) => {
    const namespace = must(await kernel.open(netns));
    const socket = must(namespace.socket("route"));
    const ask = <T>(request: Request<T>): T => must(talk(socket, request));
    ask(makeLink({ name: "eth0", hardware: Uint8Array.of(2, 0, 0, 0, 0, 1) }, { kind: "dummy" }));
    const { index: link } = ask(getLink("eth0"));
    ask(setLink(link, { up: true }));
    ask(addAddress({ link, address: bytesOf("10.1.0.5"), prefix: 24 }));
    ask(addAddress({ link, address: bytesOf("fd00:1::5"), prefix: 64 }));
    const all = { destination: new Uint8Array(), prefix: 0 };
    ask(addRoute({ family: 2, ...all, gateway: bytesOf("10.1.0.1") }));
    ask(addRoute({ family: 10, ...all, gateway: bytesOf("fd00:1::1") }));
    namespace.close();
  },
  prevResult: (containerId) => ({
    interfaces: [{ name: "eth0", mac: "02:00:00:00:00:01", sandbox: netnsOf(containerId) }],
    ips: [
      { address: "10.1.0.5/24", gateway: "10.1.0.1", interface: 0 },
      { address: "fd00:1::5/64", gateway: "fd00:1::1", interface: 0 },
    ],
  }),
} as const satisfies Partial<SweepCase>;

sweepSuite({
  "a table that is found": { ...onInterface, config: {} },
  "a table that is given": { ...onInterface, config: { table: 1000 } },
  "hints and a gateway": { ...onInterface, config: { addSourceHints: true, gateways: ["10.1.0.7"] } },
});
