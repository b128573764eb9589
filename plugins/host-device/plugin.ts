import type { Plugin } from "../../cni/plugin.ts";
import { versions } from "../../cni/version.ts";
import { add } from "./add.ts";
import { del } from "./del.ts";
import { check, gc, status } from "./inspect-device.ts";

/** The reference plugin `host-device`. The container gets a device of the node for as long as it lives. */
export const hostDevice: Plugin = {
  about: "moves a device of the node into a container",
  versions,
  add,
  del,
  check,
  status,
  gc,
};
