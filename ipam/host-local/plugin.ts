import type { Plugin } from "../../cni/plugin.ts";
import { versions } from "../../cni/version.ts";
import { add } from "./add.ts";
import { del, gc } from "./free.ts";
import { check, status } from "./inspect.ts";

/** The reference plugin `host-local`: addresses of this node's ranges, one file each; the two can share a data folder. */
export const hostLocal: Plugin = {
  about: "gives addresses of this node's ranges, kept in files",
  versions,
  add,
  del,
  check,
  status,
  gc,
};
