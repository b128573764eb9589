import { interfaceNameProblem } from "../../cni/environment.ts";
import { type CniError, cut } from "../../cni/errors.ts";
import type { Invocation } from "../../cni/plugin.ts";
import {
  flag,
  list,
  maybe,
  type Notes,
  newNotes,
  object,
  oneOf,
  type Reader,
  refuse,
  text,
} from "../../cni/readers.ts";
import type { VlanSpec } from "../../net/bridge-vlans.ts";
import type { Outcome } from "../../sys/outcome.ts";
import {
  judged,
  type MacConfig,
  type MainConfig,
  noteEmptyResult,
  optional,
  readAskedMac,
  readMainConfig,
  wholeNumber,
} from "../link/main-config.ts";
import { type MasqueradeBackend, masqueradeBackends } from "../link/masquerade-backend.ts";

/** The configuration of a network of a bridge. */
export interface BridgeConfig extends MainConfig, MacConfig {
  /** The name of the bridge. */
  readonly bridge: string;
  /** The bridge has the gateway's address. */
  readonly isGateway: boolean;
  /** The pod's default route goes by that address. */
  readonly isDefaultGateway: boolean;
  /** Another address of the bridge is replaced by the gateway's. */
  readonly forceAddress: boolean;
  readonly masquerades: boolean;
  readonly masqueradeBackend: MasqueradeBackend | undefined;
  readonly hairpin: boolean;
  readonly promiscuous: boolean;
  /** The VLAN of the pod's frames; 0: none. */
  readonly vlan: number;
  /** Further VLANs, whose frames the pod tags. */
  readonly trunk: readonly VlanSpec[];
  /** The bridge tells VLANs apart. */
  readonly filtersVlans: boolean;
  readonly preservesDefaultVlan: boolean;
  readonly checksSpoofing: boolean;
  readonly detectsDuplicates: boolean;
  /** The container's interface stays down. */
  readonly leavesDown: boolean;
  readonly isolated: boolean;
}

const defaultBridge = "cni0";
const mostVlan = 4094;

/** Errors: `link.config` with every problem at once. */
export function parseBridgeConfig(invocation: Invocation): Outcome<BridgeConfig, CniError> {
  const notes = newNotes();
  return judged(invocation.config, readBridgeConfig(invocation, notes), notes);
}

/** What can be read of a configuration: a DEL goes by that. */
export function readBridgeConfig(invocation: Invocation, notes: Notes): BridgeConfig {
  const { raw } = invocation.config;
  const is = (key: string): boolean => optional(raw, key, flag, notes) ?? false;
  const trunk = optional(raw, "vlanTrunk", trunkField, notes);
  const vlan = optional(raw, "vlan", wholeNumber(0, mostVlan), notes) ?? 0;
  const config: BridgeConfig = {
    ...readMainConfig(invocation, notes),
    mac: readAskedMac(invocation, ["runtimeConfig.mac", "args.cni.mac", "CNI_ARGS MAC"], notes),
    bridge: optional(raw, "bridge", bridgeField, notes) ?? defaultBridge,
    isGateway: is("isGateway") || is("isDefaultGateway"),
    isDefaultGateway: is("isDefaultGateway"),
    forceAddress: is("forceAddress"),
    masquerades: is("ipMasq"),
    masqueradeBackend: optional(raw, "ipMasqBackend", backendField, notes),
    hairpin: is("hairpinMode"),
    promiscuous: is("promiscMode"),
    vlan,
    trunk: joinTrunk(trunk ?? []),
    filtersVlans: vlan !== 0 || trunk !== undefined,
    preservesDefaultVlan: is("preserveDefaultVlan"),
    checksSpoofing: is("macspoofchk"),
    detectsDuplicates: is("enabledad"),
    leavesDown: is("disableContainerInterface"),
    isolated: is("portIsolation"),
  };
  noteContradictions(config, notes);
  noteEmptyResult(invocation.config, config.ipam, notes);
  return config;
}

function noteContradictions(config: BridgeConfig, notes: Notes): void {
  const { ipam, leavesDown, hairpin, promiscuous, vlan, isGateway, bridge } = config;
  if (ipam !== undefined && leavesDown)
    refuse(
      notes,
      "disableContainerInterface",
      "an interface that stays down gets no addresses: leave ipam out",
    );
  if (hairpin && promiscuous) refuse(notes, "hairpinMode", "cannot be true where promiscMode is");
  if (vlan === 0 || !isGateway) return;
  const problem = interfaceNameProblem(gatewayLink(bridge, vlan));
  if (problem !== undefined)
    refuse(notes, "bridge", `the gateway's interface would be ${gatewayLink(bridge, vlan)}: ${problem}`);
}

/** The link that has the gateway's address in a VLAN. */
export function gatewayLink(bridge: string, vlan: number): string {
  return `${bridge}.${vlan}`;
}

/** An empty name is the default's. */
const bridgeField: Reader<string> = (value, place, notes) => {
  const name = text(value, place, notes);
  if (name === undefined || name === "") return name === "" ? defaultBridge : undefined;
  const problem = interfaceNameProblem(name);
  return problem === undefined
    ? name
    : refuse(notes, place, `${JSON.stringify(cut(name))} cannot name an interface. ${problem}`);
};

const backendField = oneOf(masqueradeBackends, () => `is none of ${masqueradeBackends.join(", ")}`);

const vlanField = wholeNumber(1, mostVlan);
const entryField = object({ id: maybe(vlanField), minID: maybe(vlanField), maxID: maybe(vlanField) });

/** One entry may name a VLAN, a range of VLANs, or both. */
const trunkEntry: Reader<readonly VlanSpec[]> = (value, place, notes) => {
  const before = notes.problems.length;
  const entry = entryField(value, place, notes);
  if (entry === undefined || notes.problems.length > before) return undefined;
  const { id, minID, maxID } = entry;
  if ((minID === undefined) !== (maxID === undefined))
    return refuse(notes, place, `${minID === undefined ? "minID" : "maxID"} is missing`);
  if (minID !== undefined && maxID !== undefined && minID > maxID)
    return refuse(notes, place, `minID ${minID} is above maxID ${maxID}`);
  return [
    ...(minID === undefined || maxID === undefined ? [] : [{ id: minID, last: maxID }]),
    ...(id === undefined ? [] : [{ id }]),
  ];
};
const trunkField = list(trunkEntry);

/** The VLANs in order, each once: what touches is one range. */
function joinTrunk(entries: readonly (readonly VlanSpec[])[]): VlanSpec[] {
  const sorted = entries.flat().sort((one, other) => one.id - other.id);
  const joined: { id: number; last: number }[] = [];
  for (const { id, last = id } of sorted) {
    const before = joined.at(-1);
    if (before !== undefined && id <= before.last + 1) before.last = Math.max(before.last, last);
    else joined.push({ id, last });
  }
  return joined;
}
