import { makeLink } from "../../net/links.ts";
import { talk } from "../../net/talk.ts";
import { must } from "../../sys/outcome-testing.ts";
import { sweepSuite } from "../link/sweep-suite-testing.ts";
import { netnsOf, type SweepCase, withoutPart } from "../link/sweep-testing.ts";
import { tuning } from "./plugin.ts";

/** The interface that another plugin has made. */
const onInterface = {
  plugin: tuning,
  afterDel: withoutPart("settings"),
  prepare: async ({ kernel, netns }) => {
    const namespace = must(await kernel.open(netns));
    const hardware = Uint8Array.of(2, 0, 0, 0, 0, 1);
    must(
      talk(
        must(namespace.socket("route")),
        makeLink({ name: "eth0", hardware, up: true }, { kind: "dummy" }),
      ),
    );
    namespace.close();
  },
  prevResult: (containerId) => ({
    interfaces: [{ name: "eth0", mac: "02:00:00:00:00:01", mtu: 1500, sandbox: netnsOf(containerId) }],
    ips: [],
  }),
} as const satisfies Partial<SweepCase>;

sweepSuite({
  "attributes of the interface": {
    ...onInterface,
    config: {
      mac: "02:00:00:00:00:77",
      mtu: 1400,
      promisc: true,
      allmulti: true,
      txQLen: 7,
      dataDir: "/run/tuning",
    },
  },
  "sysctls and attributes": {
    ...onInterface,
    config: { sysctl: { "net.ipv4.conf.IFNAME.arp_filter": "1", "net.core.somaxconn": "500" }, mtu: 1300 },
  },
});
