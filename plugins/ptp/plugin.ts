import type { Plugin } from "../../cni/plugin.ts";
import { versions } from "../../cni/version.ts";
import { add } from "./add.ts";
import { check, status } from "./check.ts";
import { del, gc } from "./del.ts";

/** The reference plugin `ptp`: a veth pair from the node to each container, and routes instead of a bridge. */
export const ptp: Plugin = {
  about: "connects each container to the node by a link of its own",
  versions,
  add,
  del,
  check,
  status,
  gc,
};
