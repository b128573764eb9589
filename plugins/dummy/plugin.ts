import { containerLinkPlugin } from "../link/container-link.ts";
import type { IpamConfig } from "../link/main-config.ts";
import { makeInside } from "../link/make-inside.ts";
import { parseDummy } from "./config.ts";

/** The reference plugin `dummy`. The container gets an interface that leads nowhere, to have addresses on. */
export const dummy = containerLinkPlugin<IpamConfig>({
  about: "gives a container an interface that leads nowhere, for its addresses",
  kind: "dummy",
  notifies: [],
  parse: parseDummy,
  make: (site, _config, { environment: { containerId, ifname } }) =>
    makeInside(site, { containerId, ifname }, { kind: "dummy" }),
});
