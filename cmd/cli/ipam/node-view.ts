import { parseCidr } from "../../../cni/address.ts";
import { type CniError, failWith } from "../../../cni/errors.ts";
import { isObject, type JsonObject, parseJson } from "../../../cni/json.ts";
import { list, object, readWhole, text } from "../../../cni/readers.ts";
import type { NodeAttachment, NodeAudit } from "../../../ipam/flat/pool/audit-node.ts";
import { codeOfAddress } from "../../../ipam/flat/pool/keys.ts";
import { parseTeardownConfig } from "../../../ipam/flat/teardown-config.ts";
import { printIdentity } from "../../../ipam/identity.ts";
import type { StepResult } from "../../../plugins/meta/execute/execute.ts";
import type { AttachmentRecord } from "../../../plugins/meta/record/record.ts";
import { type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import { readHeldRecords } from "../held.ts";
import type { Pool } from "./pool.ts";

/** Reads what this node knows of its sandboxes. Errors: `cli.file`, `cli.valid`, and those of the records. */
export function readNodeView(
  sys: Sys,
  pool: Pool,
  { stateDir, valid: path }: { readonly stateDir: string; readonly valid: string | undefined },
): Outcome<NodeAudit, CniError> {
  const held = readHeldRecords(sys, stateDir);
  if (!held.ok) return held;
  const valid = path === undefined ? ok(undefined) : readValid(sys, path);
  if (!valid.ok) return valid;
  // Only complete records are judged. For an operation at work or interrupted, DEL or GC is still to come.
  const records = held.value.flatMap(({ state }) => (state.kind === "attached" ? [state.record] : []));
  const attached = records.flatMap((record) =>
    record.carried.flatMap((each) => attachedOf(sys, pool, record, each)),
  );
  return ok({ attached, valid: valid.value, nowMs: sys.clock.nowMs() });
}

/** The addresses that a step of a record got from the pool. */
function attachedOf(
  sys: Sys,
  pool: Pool,
  record: AttachmentRecord,
  { step, result }: StepResult,
): NodeAttachment[] {
  const { chain, ifname } = step;
  const plugin = chain.plugins.find(({ ipam }) => isObject(ipam) && ipam.type === "hawser-flat");
  if (plugin === undefined || result === undefined) return [];
  const { name, cniVersion } = chain;
  const places = parseTeardownConfig(sys, { cniVersion, name, type: String(plugin.type), raw: plugin });
  if (!places.ok || places.value.pool !== pool.name || places.value.node !== pool.node) return [];
  const addresses = (result.result.ips ?? []).flatMap(({ address }) => parseCidr(address)?.address ?? []);
  const { containerId } = record;
  return [
    {
      containerId,
      ifname,
      network: name,
      identity: identityOf(record, plugin, ifname),
      codes: addresses.map(codeOfAddress),
      ...macOf(chain.plugins),
    },
  ];
}

function macOf(plugins: readonly JsonObject[]): Pick<NodeAttachment, "mac"> {
  const told = plugins.map(({ runtimeConfig }) => (isObject(runtimeConfig) ? runtimeConfig.mac : undefined));
  const mac = told.find((each) => typeof each === "string");
  return mac === undefined ? {} : { mac };
}

function identityOf({ pod, containerId }: AttachmentRecord, plugin: JsonObject, ifname: string): string {
  const byContainer = isObject(plugin.ipam) && plugin.ipam.identity === "container";
  if (pod === undefined || byContainer) return printIdentity({ kind: "container", containerId, ifname });
  return printIdentity({ kind: "pod", namespace: pod.namespace, pod: pod.name, ifname, uid: undefined });
}

const validAttachments = list(object({ containerID: text }));

/**
 * Reads the runtime's list, alone or inside GC's input. Only its containers count, because the list lacks secondary
 * interfaces.
 */
function readValid(sys: Sys, path: string): Outcome<ReadonlySet<string>, CniError> {
  const doing = `read the valid attachments in ${path}`;
  const content = sys.files.read(path);
  if (!content.ok) return failWith("ioFailure", "cli.file", `${doing}: ${content.error.message}`);
  const json = parseJson(content.value);
  const document = json.ok ? json.value : null;
  const lives = isObject(document) ? (document["cni.dev/valid-attachments"] ?? null) : document;
  const read = readWhole(validAttachments, lives);
  if (read !== undefined) return ok(new Set(read.map(({ containerID }) => containerID)));
  const hint = 'It must be like [{"containerID": "3f2a...", "ifname": "eth0"}].';
  return failWith("undecodable", "cli.valid", `${doing}: it is no such list`, hint);
}
