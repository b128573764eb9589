import { validAttachments } from "../../cni/config.ts";
import type { Plugin } from "../../cni/plugin.ts";
import { versions } from "../../cni/version.ts";
import { ok } from "../../sys/outcome.ts";
import { add } from "./add.ts";
import { check, status } from "./check.ts";
import { del } from "./del.ts";

/** The reference plugin `sbr`. It gives each address of an interface routes of its own. */
export const sbr: Plugin = {
  about: "routes what an interface sends by its source address",
  versions,
  add,
  del,
  check,
  status,
  // Rules and routes are the container's namespace's, and go with it.
  gc: async (_sys, { config }) => {
    const valid = validAttachments(config.raw);
    return valid.ok ? ok(undefined) : valid;
  },
};
