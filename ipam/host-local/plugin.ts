import type { Plugin } from "../../cni/plugin.ts";
import { versions } from "../../cni/version.ts";
import { add } from "./add.ts";
import { del, gc } from "./free.ts";
import { check, status } from "./inspect.ts";

/** The reference plugin `host-local`. It gives addresses of this node's ranges, a file for each. Both can share a folder. */
export const hostLocal: Plugin = {
  about: "gives addresses of this node's ranges, kept in files",
  versions,
  add,
  del,
  check,
  status,
  gc,
};
