import { errorOf } from "../error-document.ts";
import {
  call,
  detach,
  exhaust,
  expectSuccess,
  expectThat,
  given,
  hasRefused,
  hasSucceeded,
  newContainer,
  tinySubnet,
  tryAttach,
} from "../probe-steps.ts";
import { everyKind, type Requirement } from "../requirement.ts";
import type { Scene } from "../scene.ts";
import type { Kind } from "../vocabulary.ts";

const section = "2, STATUS";
const since = "1.1.0";
const withPool: readonly Kind[] = ["interface", "ipam", "meta"];
/** The kinds that have this duty themselves. P-36 is for a plugin that asks another plugin for them. */
const givers: readonly Kind[] = ["ipam", "meta"];

/** STATUS of a network that has no address left. */
async function exhausted(scene: Scene) {
  scene.holes.subnet = tinySubnet;
  const containers = await exhaust(scene);
  given(containers.length > 0, "the range gives no address");
  return { containers, exchange: await call(scene, "STATUS") };
}

export const statusRequirements: readonly Requirement[] = [
  {
    id: "P-34a",
    level: "MUST",
    section,
    sentence: "A plugin must exit with a zero return code if the plugin is ready to service ADD requests.",
    title: "STATUS succeeds where ADD does",
    operations: ["STATUS"],
    since,
    kinds: everyKind,
    probe: async (scene) => expectSuccess(scene, await call(scene, "STATUS"), "STATUS"),
  },
  {
    id: "P-34b",
    level: "SHOULD",
    section,
    sentence:
      "If a plugin has a limited number of resources, it should return an error if those are exhausted and no new ADD requests can be serviced.",
    title: "STATUS fails once no address is left",
    operations: ["STATUS"],
    since,
    kinds: givers,
    needs: ["pool"],
    probe: async (scene) => {
      const { exchange, containers } = await exhausted(scene);
      expectThat(
        scene,
        hasRefused(exchange),
        `STATUS succeeds although all ${containers.length} addresses are taken`,
      );
    },
  },
  {
    id: "P-34c",
    level: "SHOULD",
    section,
    sentence:
      "`50`: The plugin is not available. `51`: ... and existing containers may have limited connectivity.",
    title: "that failure has code 50 or 51",
    operations: ["STATUS"],
    since,
    kinds: givers,
    needs: ["pool"],
    probe: async (scene) => {
      const { exchange } = await exhausted(scene);
      given(hasRefused(exchange), "STATUS succeeds although no address is left");
      const code = errorOf(exchange)?.code;
      expectThat(scene, code === 50 || code === 51, `STATUS failed with code ${String(code)}`);
    },
  },
  {
    id: "P-35a",
    level: "MUST",
    section,
    sentence:
      "Plugins should always expect other operations even if STATUS returns an error. It does not prevent them.",
    title: "DEL, and an ADD after it, work after STATUS has failed",
    operations: ["STATUS", "ADD", "DEL"],
    since,
    kinds: withPool,
    needs: ["pool"],
    probe: async (scene) => {
      scene.holes.subnet = tinySubnet;
      const [first, second] = await exhaust(scene);
      given(first !== undefined && second !== undefined, "the range gives fewer than two addresses");
      if (first === undefined || second === undefined) return;
      await detach(scene, first);
      given(await tryAttach(scene, await newContainer(scene)), "DEL frees no address at all");
      await call(scene, "STATUS");
      const del = await call(scene, "DEL", second);
      expectSuccess(scene, del, "DEL after STATUS");
      if (!hasSucceeded(del)) return;
      expectSuccess(scene, await call(scene, "ADD", await newContainer(scene)), "ADD after STATUS");
    },
  },
  {
    id: "P-34d",
    level: "advisory",
    section,
    sentence: "STATUS has no result: on success there is nothing to print.",
    title: "a STATUS that succeeds prints nothing on stdout",
    operations: ["STATUS"],
    since,
    kinds: everyKind,
    probe: async (scene) => {
      const exchange = await call(scene, "STATUS");
      given(!hasRefused(exchange), "STATUS fails");
      expectThat(scene, exchange.stdout.trim() === "", "STATUS printed something on stdout");
    },
  },
];
