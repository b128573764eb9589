import type { Plugin } from "../../cni/plugin.ts";
import { versions } from "../../cni/version.ts";
import { add } from "./add.ts";
import { check } from "./check.ts";
import { del } from "./del.ts";
import { gc } from "./gc.ts";
import { status } from "./status.ts";

/** hawser-flat: one pool of addresses for a whole cluster, or for a node. An address stays with its identity. */
export const flat: Plugin = {
  about: "gives addresses of a pool that all nodes share; they stay with their pods",
  versions,
  add,
  del,
  check,
  status,
  gc,
};
