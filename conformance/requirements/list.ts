import type { Behaviour } from "../delegates/behaviour.ts";
import { answer } from "../delegates/behaviour.ts";
import type { JsonDocument } from "../json-document.ts";
import { attach, call, newContainer } from "../probe-steps.ts";
import { configOf, type Scene, type TestContainer } from "../scene.ts";
import type { SpecVerb } from "../vocabulary.ts";
import { interfaceResult } from "./recorder.ts";

export interface Listed {
  readonly verbs?: Partial<Record<SpecVerb, Behaviour>>;
  /** Fields of its object in the list. */
  readonly config?: JsonDocument;
}

export const [firstType, secondType] = ["hwca", "hwcb"] as const;
/** A JSON number that no double holds; put in as text, since JavaScript cannot print it. */
export const longDigits = "12345678901234567890";
export const digitsMark = "@@digits@@";

/** Makes the plugin under test run these recorders, in this order, as one list. */
export function useList(scene: Scene, members: readonly Listed[], more: JsonDocument = {}): void {
  const types = [firstType, secondType];
  const plugins = members.map(({ verbs = {}, config = {} }, at) => {
    const name = types[at] ?? `hwcmore${at}`;
    const ADD = answer(interfaceResult(scene.version, at + 1));
    scene.machine.installDelegate(scene.machine.binDir, { name, verbs: { ADD, ...verbs } });
    return { type: name, ...config };
  });
  scene.holes.list = { cniVersion: scene.version, name: "hwclist", plugins, ...more };
}

/** A container that was attached by a list of two. */
export async function attachList(
  scene: Scene,
  members: readonly Listed[] = [{}, {}],
  more: JsonDocument = {},
): Promise<TestContainer> {
  useList(scene, members, more);
  const container = await newContainer(scene);
  await attach(scene, container);
  return container;
}

/** ADD whose configuration has `longDigits` wherever it says `digitsMark`. */
export async function addWithDigits(scene: Scene): Promise<void> {
  const container = await newContainer(scene);
  const text = JSON.stringify(configOf(scene, "ADD", container, {}));
  await call(scene, "ADD", container, { stdin: text.replaceAll(`"${digitsMark}"`, longDigits) });
}
