import type { JsonDocument } from "../json-document.ts";
import { call, given, hasRefused, newContainer } from "../probe-steps.ts";
import type { Exchange, Scene } from "../scene.ts";
import { hasVerb } from "../versions.ts";

/** Operations that every plugin has to refuse, once its stdin has been parsed. */
export async function refusals(scene: Scene): Promise<Exchange[]> {
  const container = await newContainer(scene);
  const bad: JsonDocument = { name: "../x" };
  const all = [
    await call(scene, "ADD", container, { config: bad }),
    await call(scene, "DEL", container, { config: bad }),
    await call(scene, "ADD", { ...container, id: "../x" }),
    await call(scene, "ADD", { ...container, ifname: "a/b" }),
    await call(scene, "ADD", container, { env: { CNI_CONTAINERID: undefined } }),
  ];
  if (hasVerb(scene.version, "CHECK")) all.push(await call(scene, "CHECK", container, { config: bad }));
  if (hasVerb(scene.version, "GC")) all.push(await call(scene, "GC", undefined, { config: bad, valid: [] }));
  const refused = all.filter(hasRefused);
  given(refused.length > 0, "the plugin refuses nothing");
  return refused;
}
