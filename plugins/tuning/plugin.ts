import type { Plugin } from "../../cni/plugin.ts";
import { versions } from "../../cni/version.ts";
import { add } from "./add.ts";
import { check, status } from "./check.ts";
import { del, gc } from "./del.ts";

/** The reference plugin `tuning`. It sets sysctls and attributes of an interface that another plugin has made. */
export const tuning: Plugin = {
  about: "sets sysctls and attributes of an interface that another plugin has made",
  versions,
  add,
  del,
  check,
  status,
  gc,
};
