import { errorOf, wordsOf } from "../error-document.ts";
import { isSame, merge } from "../json-document.ts";
import {
  attachNew,
  call,
  expectRefused,
  expectThat,
  given,
  hasRefused,
  hasSucceeded,
  newContainer,
  tryAttach,
} from "../probe-steps.ts";
import { makers, type Requirement } from "../requirement.ts";
import { type CallChange, configOf, type Exchange, type Scene, type TestContainer } from "../scene.ts";
import type { SpecVersion } from "../versions.ts";
import type { Kind, Level, Need } from "../vocabulary.ts";
import { callsOf, configIn, marked, markedCode, useDelegate } from "./recorder.ts";

const section = "4, Delegated plugin execution procedure";
const protocol = "4, Delegated Plugin protocol";
const needs: readonly Need[] = ["delegate"];
const owners: readonly Kind[] = ["interface"];
const passOn = "If any of the delegated plugins return error, error should be returned by the upper plugin.";
const statusToo =
  "If a plugin relies on a delegated plugin to service ADD requests, it must also execute a STATUS request to that plugin.";
const statusFails =
  "If the delegated plugin return an error result, the executing plugin should return an error result.";
const forwardGc =
  "Plugins MUST, additionally, forward any GC calls to delegated plugins they are configured to use.";
const alsoExecute = "If executed with CHECK, DEL, or GC, it must also execute any delegated plugins.";

/** Expects that the plugin's error contains the delegate's error. */
function expectPassedOn(scene: Scene, exchange: Exchange, what: string): void {
  expectRefused(scene, exchange, what);
  if (!hasRefused(exchange)) return;
  expectThat(
    scene,
    wordsOf(exchange).includes("hwc-refusal"),
    `${what}: the error does not tell the delegate's message`,
  );
}

type Forwarded = "DEL" | "CHECK" | "STATUS" | "GC";

/** Calls a verb on what a recorder has attached; `failing` makes the recorder refuse that verb. */
async function callOnDelegate(scene: Scene, verb: Forwarded, failing = false): Promise<Exchange> {
  useDelegate(scene);
  const container = verb === "DEL" || verb === "CHECK" ? await attachNew(scene) : undefined;
  if (failing) useDelegate(scene, { [verb]: marked(scene) });
  return call(scene, verb, container, verb === "GC" ? { valid: [] } : {});
}

async function expectExecuted(scene: Scene, verb: Forwarded): Promise<void> {
  const exchange = await callOnDelegate(scene, verb);
  const executed = callsOf(scene, verb).length > 0;
  given(executed || hasSucceeded(exchange), `${verb} fails`);
  expectThat(scene, executed, `${verb} was not executed on the delegate`);
}

async function expectFailureOf(scene: Scene, verb: Forwarded): Promise<void> {
  const exchange = await callOnDelegate(scene, verb, true);
  given(callsOf(scene, verb).length > 0, `${verb} is not executed on the delegate`);
  expectPassedOn(scene, exchange, `${verb}, the delegate's having failed`);
}

async function isReady(scene: Scene): Promise<TestContainer> {
  useDelegate(scene);
  return attachNew(scene);
}

type Said = Pick<Requirement, "id" | "level" | "section" | "sentence">;

/** Two requirements: the plugin runs this verb on its delegate, too, and fails if the delegate fails. */
function forwarded(
  verb: Forwarded,
  since: SpecVersion | undefined,
  executed: Said,
  passed: Said,
): Requirement[] {
  const common = { operations: [verb], ...(since !== undefined && { since }), kinds: makers, needs };
  return [
    {
      ...executed,
      ...common,
      title: `${verb} is executed on the delegate`,
      probe: (scene) => expectExecuted(scene, verb),
    },
    {
      ...passed,
      ...common,
      title: `${verb} fails with the delegate's error`,
      probe: (scene) => expectFailureOf(scene, verb),
    },
  ];
}

function said(id: string, level: Level, where: string, sentence: string): Said {
  return { id, level, section: where, sentence };
}

export const delegationRequirements: readonly Requirement[] = [
  ...forwarded(
    "CHECK",
    "0.4.0",
    said("P-33a", "SHOULD", "2, CHECK", "The plugin should call CHECK on any delegated (e.g. IPAM) plugins."),
    said("P-33b", "SHOULD", "2, CHECK", "The plugin should ... pass any errors on to its caller."),
  ),
  ...forwarded(
    "STATUS",
    "1.1.0",
    said("P-36a", "MUST", "2, STATUS", statusToo),
    said("P-36b", "SHOULD", "2, STATUS", statusFails),
  ),
  ...forwarded(
    "GC",
    "1.1.0",
    said("P-39a", "MUST", "2, GC", forwardGc),
    said("P-39c", "SHOULD", section, passOn),
  ),
  ...forwarded(
    "DEL",
    undefined,
    said("P-45a", "MUST", section, alsoExecute),
    said("P-45b", "SHOULD", section, passOn),
  ),
  {
    id: "P-23a",
    level: "SHOULD",
    section,
    sentence:
      "If, on ADD, a delegated plugin fails, the upper plugin should execute again with DEL before returning failure.",
    title: "a delegate whose ADD has failed gets a DEL before the plugin returns",
    operations: ["ADD"],
    kinds: owners,
    needs,
    probe: async (scene) => {
      useDelegate(scene, { ADD: marked(scene) });
      given(
        hasRefused(await call(scene, "ADD", await newContainer(scene))),
        "ADD hides that its delegate failed",
      );
      expectThat(scene, callsOf(scene, "DEL").length > 0, "the delegate got no DEL");
    },
  },
  {
    id: "P-39b",
    level: "MUST",
    section: "2, GC",
    sentence: forwardGc,
    title: "the delegate's GC has the list of valid attachments",
    operations: ["GC"],
    since: "1.1.0",
    kinds: owners,
    needs,
    probe: async (scene) => {
      const container = await isReady(scene);
      await call(scene, "GC", undefined, { valid: [container] });
      const [gc] = callsOf(scene, "GC");
      given(gc !== undefined, "GC is not executed on the delegate");
      const sent = configIn(gc)["cni.dev/valid-attachments"];
      const right = isSame(sent, [{ containerID: container.id, ifname: container.ifname }]);
      expectThat(
        scene,
        right,
        `the delegate's list of valid attachments is ${JSON.stringify(sent) ?? "missing"}`,
      );
    },
  },
  {
    id: "P-42a",
    level: "MUST",
    section: protocol,
    sentence:
      "The delegated plugin must receive all the same environment variables that were passed in to the CNI plugin.",
    title: "the delegate of ADD has the same CNI_ variables",
    operations: ["ADD"],
    kinds: owners,
    needs,
    probe: async (scene) => {
      useDelegate(scene);
      const change: CallChange = { env: { CNI_ARGS: "IgnoreUnknown=1;HWC=1" } };
      const exchange = await call(scene, "ADD", await newContainer(scene), change);
      given(hasSucceeded(exchange), "ADD with a recorder fails");
      const [add] = callsOf(scene, "ADD");
      for (const [name, value] of Object.entries(exchange.env)) {
        const got = add?.env[name];
        expectThat(
          scene,
          got === value,
          `the delegate's ${name} is ${JSON.stringify(got) ?? "unset"}, not ${value}`,
        );
      }
    },
  },
  {
    id: "P-42b",
    level: "MUST",
    section: protocol,
    sentence: "Delegated plugins are provided the complete network configuration passed to the upper plugin.",
    title: "the delegate of ADD has the same configuration, unknown fields and all",
    operations: ["ADD"],
    kinds: owners,
    needs,
    probe: async (scene) => {
      useDelegate(scene);
      const config = { args: { "hwc.example/x": 7 }, dns: { nameservers: ["10.75.0.53"] } };
      const container = await newContainer(scene);
      given(await tryAttach(scene, container, { config }), "ADD with a recorder fails");
      const sent = merge(configOf(scene, "ADD", container, {}), config);
      const got = configIn(callsOf(scene, "ADD")[0]);
      for (const key of Object.keys(sent)) {
        expectThat(
          scene,
          isSame(got[key], sent[key]),
          `the delegate's ${key} is ${JSON.stringify(got[key]) ?? "missing"}`,
        );
      }
    },
  },
  {
    id: "P-45c",
    level: "advisory",
    section,
    sentence: passOn,
    title: "the failure of an ADD has the delegate's code and message",
    operations: ["ADD"],
    kinds: owners,
    needs,
    probe: async (scene) => {
      useDelegate(scene, { ADD: marked(scene) });
      const exchange = await call(scene, "ADD", await newContainer(scene));
      given(hasRefused(exchange), "ADD hides that its delegate failed");
      expectThat(
        scene,
        errorOf(exchange)?.code === markedCode,
        `the code is ${String(errorOf(exchange)?.code)}, not ${markedCode}`,
      );
      expectThat(
        scene,
        wordsOf(exchange).includes("hwc-refusal"),
        "the delegate's message is not in the error",
      );
    },
  },
  {
    id: "P-45d",
    level: "SHOULD",
    section: "2, DEL",
    sentence:
      "It should delegate the DEL action to the IPAM plugin even if the network namespace no longer exists.",
    title: "DEL is executed on the delegate once the namespace is gone",
    operations: ["DEL"],
    kinds: makers,
    needs,
    probe: async (scene) => {
      const control = await isReady(scene);
      await call(scene, "DEL", control);
      given(callsOf(scene, "DEL").length > 0, "DEL is not executed on the delegate at all");
      const container = await attachNew(scene);
      await scene.machine.removeNamespace(container.netns);
      await call(scene, "DEL", container);
      expectThat(scene, callsOf(scene, "DEL").length > 1, "DEL was not executed on the delegate");
    },
  },
];
