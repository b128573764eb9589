import type { Plugin } from "../../cni/plugin.ts";
import { versions } from "../../cni/version.ts";
import { add } from "./add.ts";
import { check } from "./check.ts";
import { del, gc } from "./del.ts";
import { status } from "./status.ts";

/** The reference plugin `bridge`: a bridge of the node, and a veth pair from it to each pod. */
export const bridge: Plugin = {
  about: "connects containers to a bridge of the node",
  versions,
  add,
  del,
  check,
  status,
  gc,
};
