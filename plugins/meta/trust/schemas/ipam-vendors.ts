import { addressFamily, cidrFamily } from "../../../../cni/address.ts";
import { flag } from "../../../../cni/readers.ts";
import type { Schema, Schemas } from "../schema.ts";
import {
  address,
  addressOrCidr,
  dns,
  leftOut,
  list,
  matching,
  object,
  oneOf,
  operators,
  operatorsBut,
  routes,
  text,
  whole,
} from "../tenant-fields.ts";
import { isSubdomain, logFields, maybe, subdomainName } from "./readers.ts";

/**
 * Schemas of other projects' IPAM plugins: whereabouts v0.9.4 (with fields of its older versions), Spiderpool v1.2.2, NVIDIA's
 * IPAM plugin of 2026, and Antrea's.
 */

/** A range is `10.0.0.0/24` or `10.0.0.10-10.0.0.20/24`. */
const range = text((value) => {
  const at = value.indexOf("-");
  const family = cidrFamily(value.slice(at + 1));
  const isRight = family !== undefined && (at < 0 || addressFamily(value.slice(0, at)) === family);
  return isRight ? undefined : "is no range like 10.0.0.0/24 or 10.0.0.10-10.0.0.20/24";
});
const bound = maybe(addressOrCidr);
const whereaboutsRange = { range, range_start: bound, range_end: bound, exclude: list(addressOrCidr) };

/** whereabouts keeps ranges of the same addresses apart by this name. */
const networkName = text((value) => (isSubdomain(value) ? undefined : "is no network's name"));

const etcd = operators("Say nothing of etcd: whereabouts keeps its addresses in the Kubernetes API");
const tests = leftOut("it is for whereabouts' own tests");

const whereabouts = (): Schema => ({
  role: "ipam",
  namesState: ["network_name"],
  fields: {
    ...whereaboutsRange,
    range: maybe(range),
    ipRanges: list(object(whereaboutsRange)),
    network_name: maybe(networkName),
    node_slice_size: maybe(matching(/^\/?[0-9]{1,3}$/, "is no prefix length")),
    gateway: maybe(address),
    addresses: list(object({ address: maybe(addressOrCidr), gateway: maybe(address) })),
    routes,
    dns,
    enable_overlapping_ranges: flag,
    datastore: oneOf("", "kubernetes"),
    kubernetes: object({
      kubeconfig: maybe(
        operatorsBut(
          [
            "/etc/cni/net.d/whereabouts.d/whereabouts.kubeconfig",
            "/etc/kubernetes/cni/net.d/whereabouts.d/whereabouts.kubeconfig",
            "/host/etc/cni/net.d/whereabouts.d/whereabouts.kubeconfig",
          ],
          "Leave it out; it is in whereabouts' own file",
        ),
      ),
      k8s_api_root: operators("Leave it out; it is in whereabouts' own file"),
    }),
    configuration_path: maybe(
      operatorsBut(
        [
          "/etc/cni/net.d/whereabouts.d/whereabouts.conf",
          "/etc/kubernetes/cni/net.d/whereabouts.d/whereabouts.conf",
          "/host/etc/cni/net.d/whereabouts.d/whereabouts.conf",
        ],
        "Leave it out",
      ),
    ),
    // All networks wait for one lease. So a tenant cannot make its duration longer than a minute.
    leader_lease_duration: whole(0, 60_000),
    leader_renew_deadline: whole(0, 60_000),
    leader_retry_period: whole(0, 60_000),
    reconciler_cron_expression: leftOut("the reconciler has it from whereabouts' own file"),
    sleep_for_race: tests,
    fast_ipam: leftOut("node_slice_size says it"),
    etcd_host: etcd,
    etcd_username: etcd,
    etcd_password: etcd,
    etcd_key_file: etcd,
    etcd_cert_file: etcd,
    etcd_ca_cert_file: etcd,
    ...logFields("log_file", "log_level"),
  },
});

const poolNames = list(subdomainName);

/** Names of pools or patterns of names. Each pool says which of the pods may use it. */
const poolPatterns = list(
  matching(/^[a-z0-9*?[][a-z0-9.*?[\]-]{0,252}$/, "is neither a pool's name nor a pattern of names"),
);

const spiderpool = (): Schema => ({
  role: "ipam",
  fields: {
    // The operator writes the pool, and the pool says which namespaces may use it.
    default_ipv4_ippool: poolPatterns,
    default_ipv6_ippool: poolPatterns,
    clean_gateway: flag,
    match_master_subnet: flag,
    ipam_unix_socket_path: maybe(operatorsBut(["/var/run/spidernet/spiderpool.sock"], "Leave it out")),
    ...logFields("log_level", "log_file_path", "log_file_max_size", "log_file_max_age", "log_file_max_count"),
  },
});

const poolList = text((value) =>
  value.split(",").every((each) => isSubdomain(each.trim())) ? undefined : "is no list of pools' names",
);
const poolType = matching(/^(ippool|cidrpool)?$/i, "is neither ippool nor cidrpool");

/** The administrator of NVIDIA's pools decides which namespaces' pods may use which pool. */
const nvIpam = (): Schema => ({
  role: "ipam",
  fields: {
    poolName: maybe(poolList),
    poolType,
    forcePoolName: flag,
    daemonSocket: maybe(operatorsBut(["unix:///var/lib/cni/nv-ipam/daemon.sock"], "Leave it out")),
    daemonCallTimeoutSeconds: whole(0, 60),
    confDir: maybe(operatorsBut(["/etc/cni/net.d/nv-ipam.d"], "Leave it out")),
    ...logFields("logFile", "logLevel"),
  },
  args: {
    poolNames,
    poolType,
    allocateDefaultGateway: flag,
    allocateIPWithIndex: whole(0, 2_147_483_647),
  },
});

const antrea = (): Schema => ({ role: "ipam", fields: { ippools: poolNames } });

export const vendorIpamSchemas: Schemas = { whereabouts, spiderpool, "nv-ipam": nvIpam, antrea };
