import { answer, type Behaviour, type Delegate, type DelegateCall, refusal } from "../delegates/behaviour.ts";
import type { JsonDocument } from "../json-document.ts";
import { printResult } from "../oracle.ts";
import type { Scene } from "../scene.ts";
import type { SpecVersion } from "../versions.ts";
import type { SpecVerb } from "../vocabulary.ts";

/** The address that every recorder gives. */
export const recordedAddress = "10.75.0.5/24";
const code = 117;

/** What an IPAM plugin answers. */
export function ipamResult(version: SpecVersion): JsonDocument {
  const ips = [{ address: recordedAddress, gateway: "10.75.0.1" }];
  return printResult({ interfaces: [], ips, routes: [], dns: {} }, version);
}

/** The answer of a plugin that has made an interface. `number` makes it differ from another plugin's. */
export function interfaceResult(version: SpecVersion, number = 5): JsonDocument {
  return printResult(
    {
      interfaces: [{ name: "$CNI_IFNAME", mac: `02:00:00:00:00:0${number}`, sandbox: "$CNI_NETNS" }],
      ips: [{ address: `10.75.0.${number}/24`, gateway: "10.75.0.1", interface: 0 }],
      routes: [],
      dns: {},
    },
    version,
  );
}

/** The ADD of a recorder in the place of what the plugin runs. */
export function goodAdd(scene: Scene): Behaviour {
  const isMeta = scene.subject.profile.kind === "meta";
  return answer(isMeta ? interfaceResult(scene.version) : ipamResult(scene.version));
}

/** Puts a recorder in the place of the plugin's delegate: from now on it is what the plugin runs. */
export function useDelegate(scene: Scene, verbs: Partial<Record<SpecVerb, Behaviour>> = {}): Delegate {
  const delegate: Delegate = { name: "hwcrecorder", verbs: { ADD: goodAdd(scene), ...verbs } };
  scene.machine.installDelegate(scene.machine.binDir, delegate);
  scene.holes.delegate = delegate.name;
  return delegate;
}

/** A failure whose words can be recognised in the plugin's error. */
export function marked(scene: Scene, what = "hwc-refusal"): Behaviour {
  return refusal(scene.version, code, what, "hwc-details");
}
export const markedCode = code;

export function callsOf(scene: Scene, verb: SpecVerb, delegate?: string): DelegateCall[] {
  return scene.machine
    .delegateCalls()
    .filter((each) => each.verb === verb && (delegate === undefined || each.delegate === delegate));
}

export function configIn(call: DelegateCall | undefined): JsonDocument {
  try {
    return JSON.parse(call?.stdin ?? "{}") as JsonDocument;
  } catch {
    return {};
  }
}
