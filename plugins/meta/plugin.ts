import type { Plugin } from "../../cni/plugin.ts";
import { versions } from "../../cni/version.ts";
import { add } from "./add.ts";
import { check } from "./check.ts";
import { del } from "./del.ts";
import { gc } from "./gc.ts";
import { status } from "./status.ts";

export const meta: Plugin = {
  about: "attaches a pod to several networks",
  versions,
  add,
  del,
  check,
  status,
  gc,
};
