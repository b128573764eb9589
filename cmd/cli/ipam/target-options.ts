import { defaultConfDir, json } from "../common-options.ts";
import { text, type ValuesOf } from "../option.ts";

/** Which pool of which store: the same for every command. Without `config`, `etcd` and `dir` the node's own configurations tell. */
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

/** A pool is named in one way. */
export const targetConflicts = { config: ["etcd", "dir"], etcd: ["dir"] };

/** What examples name a pool by. */
export const exampleConfig = "--config 10-pods.conflist";

/** What the exit statuses mean where nothing is changed, and where something is. */
export const exitsOfLooks =
  "0 printed, 1 the pool or its store could not be read, 2 the command was used wrongly";
export const exitsOfChanges = "0 done, 1 refused, 2 the command was used wrongly";
