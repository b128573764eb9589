import { defaultConfDir, json } from "../common-options.ts";
import { type Conflicts, text, type ValuesOf } from "../option.ts";

/**
 * Options of every command: which pool of which store. Without `config`, `etcd` and `dir` the commands look into the
 * node's configurations.
 */
export const targetOptions = {
  config: text("configuration or list with hawser-flat in it"),
  pool: text("the pool, where there are several"),
  etcd: text("its store: etcd's endpoints, between commas"),
  etcdPrefix: text("what its keys in etcd begin with"),
  caFile: text("who signed etcd's certificates"),
  certFile: text("our certificate for etcd"),
  keyFile: text("its key"),
  username: text("our user in etcd"),
  passwordFile: text("its password"),
  dir: text("its store: a folder"),
  confDir: text("the runtime's configurations", { default: defaultConfDir }),
  definitionsDir: text("hawser's network definitions", { default: "/etc/cni/hawser/net.d" }),
  json,
};
export type TargetOptions = ValuesOf<typeof targetOptions>;

/** A person names a pool in one way only. */
export const targetConflicts: Conflicts<typeof targetOptions> = { config: ["etcd", "dir"], etcd: ["dir"] };

/** The option by which examples name a pool. */
export const exampleConfig = "--config 10-pods.conflist";

/** The meaning of the exit statuses of commands that change nothing, and of commands that change the store. */
export const exitsOfLooks =
  "0 printed, 1 the pool or its store could not be read, 2 the command was used wrongly";
export const exitsOfChanges = "0 done, 1 refused, 2 the command was used wrongly";
