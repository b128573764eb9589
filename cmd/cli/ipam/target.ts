import { parseNetworkConfig } from "../../../cni/config.ts";
import { type CniError, failWith, within } from "../../../cni/errors.ts";
import { isObject, type JsonObject, parseJson, printJson } from "../../../cni/json.ts";
import { newNotes } from "../../../cni/readers.ts";
import type { NetworkConfig } from "../../../cni/types.ts";
import { parseFlatConfig } from "../../../ipam/flat/config.ts";
import type { PoolDefinition } from "../../../ipam/flat/pool/audit.ts";
import { definitionsOfAll, keysOf, poolOfKey } from "../../../ipam/flat/pool/keys.ts";
import type { Entry, Store } from "../../../ipam/flat/store/store.ts";
import { openStore, parseTeardownConfig, type TeardownConfig } from "../../../ipam/flat/teardown-config.ts";
import type { RangeSet } from "../../../ipam/range.ts";
import { readRangeSets } from "../../../ipam/range-config.ts";
import { fail, type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import { readJsonFile } from "../configuration.ts";
import { type FlatNetwork, flatNetworksIn } from "./find.ts";
import type { Pool } from "./pool.ts";
import { readEntries } from "./read.ts";
import { refusalOf } from "./refusal.ts";
import type { TargetOptions } from "./target-options.ts";

/** A pool as its configuration or a person names it, before the store is asked. */
interface Target {
  readonly places: TeardownConfig;
  readonly network: FlatNetwork | undefined;
  readonly sets: readonly RangeSet[];
  /** The hash of the configuration's definition of the pool. Undefined when there is no valid one. */
  readonly hash: string | undefined;
  /** Why every ADD of the configuration fails. */
  readonly refusal?: CniError;
}

/** Finds the one pool that the person means. Errors: `cli.which-pool` and those of `findPools`. */
export async function findPool(sys: Sys, options: TargetOptions): Promise<Outcome<Pool, CniError>> {
  const pools = await findPools(sys, options);
  if (!pools.ok) return pools;
  const [pool, ...others] = pools.value;
  if (pool !== undefined && others.length === 0) return ok(pool);
  const names = pools.value.map(({ name }) => name);
  return failWith(
    "invalidConfig",
    "cli.which-pool",
    `find the pool: ${names.length === 0 ? "the store has none" : `there are ${names.join(", ")}`}`,
    "Name one by --pool.",
  );
}

/**
 * Finds all pools that the person means: those of a configuration, of a store, or of every configuration of this node.
 * Errors: `cli.no-flat`, `cli.file`, `cli.json`, `ipam.config` and the store's.
 */
export async function findPools(sys: Sys, options: TargetOptions): Promise<Outcome<Pool[], CniError>> {
  const targets = await findTargets(sys, options);
  if (!targets.ok) return targets;
  const pools: Pool[] = [];
  for (const target of targets.value) {
    const pool = await openPool(sys, target);
    if (!pool.ok) return pool;
    pools.push(pool.value);
  }
  return ok(pools);
}

async function findTargets(sys: Sys, options: TargetOptions): Promise<Outcome<Target[], CniError>> {
  if (options.etcd !== undefined || options.dir !== undefined) return targetsOfStore(sys, options);
  const networks =
    options.config === undefined
      ? ok(networksOfNode(sys, options))
      : await networksNamed(sys, options.config);
  if (!networks.ok) return networks;
  const targets: Target[] = [];
  for (const network of networks.value) {
    const target = targetOf(sys, network);
    if (!target.ok) return target;
    targets.push(target.value);
  }
  const wanted = targets.filter(({ places }) => options.pool === undefined || places.pool === options.pool);
  const refusal = wanted.find((target) => target.refusal !== undefined)?.refusal;
  if (options.config !== undefined && refusal !== undefined) return fail(refusal);
  const sound = wanted.filter((target) => target.refusal === undefined);
  if (wanted.length > 0) return ok(distinct([...sound, ...wanted.filter((each) => !sound.includes(each))]));
  const where = options.config ?? `${options.confDir} and ${options.definitionsDir}`;
  const what = options.pool === undefined ? "an ipam of type hawser-flat" : `pool ${options.pool}`;
  return failWith(
    "invalidConfig",
    "cli.no-flat",
    `find the pool: ${where} has no ${what.replace(/^an /, "")}`,
    "Name the file that has it by --config, or its store by --etcd or --dir.",
  );
}

/**
 * Reads the networks of the file that a person named. Refuses a configuration that every ADD refuses, because nothing
 * would be certain about its pool.
 */
async function networksNamed(sys: Sys, path: string): Promise<Outcome<FlatNetwork[], CniError>> {
  const document = readJsonFile(sys, path);
  if (!document.ok) return document;
  const refusal = await refusalOf(sys, path, document.value);
  return refusal === undefined ? ok(flatNetworksIn(path, document.value)) : fail(refusal);
}

function networksIn(sys: Sys, path: string): Outcome<FlatNetwork[], CniError> {
  const document = readJsonFile(sys, path);
  return document.ok ? ok(flatNetworksIn(path, document.value)) : document;
}

/**
 * Finds the networks of this node's configurations. `hawser doctor` tells of files that cannot be read or are not JSON.
 */
function networksOfNode(sys: Sys, { confDir, definitionsDir }: TargetOptions): FlatNetwork[] {
  const namesIn = (folder: string): string[] => {
    const names = sys.files.list(folder);
    return names.ok ? names.value.map((name) => `${folder}/${name}`) : [];
  };
  const paths = [...namesIn(confDir), ...namesIn(definitionsDir).flatMap(namesIn)];
  return paths
    .filter((path) => /\.(conf|conflist|json)$/.test(path))
    .flatMap((path) => {
      const networks = networksIn(sys, path);
      return networks.ok ? networks.value : [];
    });
}

/** Leaves out targets with the same pool: several networks may share one. */
function distinct(targets: readonly Target[]): Target[] {
  const seen = new Set<string>();
  return targets.filter(({ places }) => {
    const key = printJson([places.store, places.pool]);
    return seen.has(key) ? false : seen.add(key);
  });
}

/** Makes the target of a network. A configuration with a mistake elsewhere still says where its pool is. */
function targetOf(sys: Sys, network: FlatNetwork): Outcome<Target, CniError> {
  const parsed = parseNetworkConfig(printJson(network.config));
  if (!parsed.ok) return fail(within(`read ${network.path}`, parsed.error.error));
  const whole = parseFlatConfig(sys, parsed.value);
  if (whole.ok) {
    return ok({ places: whole.value, network, sets: whole.value.sets, hash: whole.value.definition.hash });
  }
  const places = parseTeardownConfig(sys, parsed.value);
  if (!places.ok) return fail(whole.error);
  return ok({ places: places.value, network, sets: [], hash: undefined, refusal: whole.error });
}

async function targetsOfStore(sys: Sys, options: TargetOptions): Promise<Outcome<Target[], CniError>> {
  const named = parseTeardownConfig(sys, networkNamed(options, options.pool ?? "any"));
  if (!named.ok) return named;
  // A person may name a store on any machine. Nothing is written there.
  const first = { ...named.value, journalDir: "" };
  const names = options.pool === undefined ? await poolNames(sys, first) : ok([options.pool]);
  if (!names.ok) return names;
  return ok(
    names.value.map((pool) => ({
      places: { ...first, pool },
      network: undefined,
      sets: [],
      hash: undefined,
    })),
  );
}

function networkNamed(options: TargetOptions, pool: string): NetworkConfig {
  const ipam: JsonObject = { type: "hawser-flat", pool, store: storeOf(options) };
  return { cniVersion: "1.1.0", name: pool, type: "hawser-flat", raw: { ipam } };
}

function storeOf({ etcd, dir, etcdPrefix, ...options }: TargetOptions): JsonObject {
  if (etcd === undefined) return { dir: dir ?? "" };
  const { caFile, certFile, keyFile, username, passwordFile } = options;
  const texts = { prefix: etcdPrefix, caFile, certFile, keyFile, username, passwordFile };
  const given = Object.entries(texts).flatMap(([key, text]) => (text === undefined ? [] : [[key, text]]));
  return { etcd: { endpoints: etcd.split(","), ...Object.fromEntries(given) } };
}

async function poolNames(sys: Sys, places: TeardownConfig): Promise<Outcome<string[], CniError>> {
  const entries = await readEntries(await open(sys, places), definitionsOfAll);
  if (!entries.ok) return entries;
  return ok([...new Set(entries.value.map(({ key }) => poolOfKey(key)))]);
}

async function openPool(sys: Sys, { places, network, sets, hash }: Target): Promise<Outcome<Pool, CniError>> {
  const store = await open(sys, places);
  const keys = keysOf(places.pool);
  const entries = await readEntries(store, keys.all.def);
  if (!entries.ok) return entries;
  const definitions = entries.value.map((entry): PoolDefinition => {
    return { ...entry, isOurs: hash !== undefined && entry.key === keys.def(hash) };
  });
  const { pool: name, node, holdMs } = places;
  const known = sets.length > 0 ? sets : setsOf(newest(entries.value));
  return ok({ name, store, keys, node, holdMs, sets: known, network, definitions });
}

async function open(sys: Sys, places: TeardownConfig): Promise<Store> {
  const opened = await openStore(sys, places);
  const { store } = places;
  const isThere = store.kind === "etcd" || sys.files.stat(store.dir).ok;
  return isThere ? opened : { ...opened, label: `${opened.label} (not there yet)` };
}

function newest(entries: readonly Entry[]): Entry | undefined {
  return entries.toSorted((one, other) => (BigInt(one.modRevision) > BigInt(other.modRevision) ? -1 : 1))[0];
}

/** Reads the ranges from a pool's definition in the store. */
function setsOf(entry: Entry | undefined): RangeSet[] {
  const json = parseJson(entry?.value ?? "");
  if (!json.ok || !isObject(json.value)) return [];
  const notes = newNotes();
  const sets = readRangeSets(json.value.ranges, "ranges", { strict: true }, notes);
  return notes.problems.length === 0 ? sets : [];
}
