import { errorOf, wordsOf } from "../errors.ts";
import { isSame, merge } from "../json.ts";
import { type Kind, makers, type Need, type Requirement } from "../requirement.ts";
import { type Change, type Container, configOf, type Exchange, type Scene } from "../scene.ts";
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
} from "../steps.ts";
import { callsOf, configIn, marked, markedCode, useDelegate } from "./recorder.ts";

const section = "4, Delegated plugin execution procedure";
const protocol = "4, Delegated Plugin protocol";
const needs: readonly Need[] = ["delegate"];
const owners: readonly Kind[] = ["interface"];
const passOn = "If any of the delegated plugins return error, error should be returned by the upper plugin.";
const alsoExecute = "If executed with CHECK, DEL, or GC, it must also execute any delegated plugins.";

/** The delegate's own failure is in what its caller says. */
function expectPassedOn(scene: Scene, exchange: Exchange, what: string): void {
  expectRefused(scene, exchange, what);
  if (!hasRefused(exchange)) return;
  expectThat(
    scene,
    wordsOf(exchange).includes("hwc-refusal"),
    `${what}: the error does not tell the delegate's message`,
  );
}

async function withFailing(scene: Scene, verb: "DEL" | "CHECK" | "STATUS" | "GC"): Promise<Exchange> {
  useDelegate(scene);
  if (verb === "STATUS" || verb === "GC") {
    useDelegate(scene, { [verb]: marked(scene) });
    return call(scene, verb, undefined, verb === "GC" ? { valid: [] } : {});
  }
  const container = await attachNew(scene);
  useDelegate(scene, { [verb]: marked(scene) });
  return call(scene, verb, container);
}

async function wasCalled(scene: Scene, verb: "DEL" | "CHECK" | "STATUS" | "GC"): Promise<void> {
  useDelegate(scene);
  const attachment = verb === "DEL" || verb === "CHECK";
  const container = attachment ? await attachNew(scene) : undefined;
  const exchange = await call(scene, verb, container, verb === "GC" ? { valid: [] } : {});
  given(hasSucceeded(exchange), `${verb} fails`);
  expectThat(scene, callsOf(scene, verb).length > 0, `${verb} was not executed on the delegate`);
}

async function isReady(scene: Scene): Promise<Container> {
  useDelegate(scene);
  return attachNew(scene);
}

export const delegationRequirements: readonly Requirement[] = [
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
    id: "P-33a",
    level: "SHOULD",
    section: "2, CHECK",
    sentence: "The plugin should call CHECK on any delegated (e.g. IPAM) plugins.",
    title: "CHECK is executed on the delegate",
    operations: ["CHECK"],
    since: "0.4.0",
    kinds: makers,
    needs,
    probe: async (scene) => {
      const container = await isReady(scene);
      await call(scene, "CHECK", container);
      expectThat(scene, callsOf(scene, "CHECK").length > 0, "CHECK was not executed on the delegate");
    },
  },
  {
    id: "P-33b",
    level: "SHOULD",
    section: "2, CHECK",
    sentence: "The plugin should ... pass any errors on to its caller.",
    title: "CHECK fails with the delegate's error",
    operations: ["CHECK"],
    since: "0.4.0",
    kinds: makers,
    needs,
    probe: async (scene) => {
      const exchange = await withFailing(scene, "CHECK");
      given(callsOf(scene, "CHECK").length > 0, "CHECK is not executed on the delegate");
      expectPassedOn(scene, exchange, "CHECK, the delegate's having failed");
    },
  },
  {
    id: "P-36a",
    level: "MUST",
    section: "2, STATUS",
    sentence:
      "If a plugin relies on a delegated plugin to service ADD requests, it must also execute a STATUS request to that plugin.",
    title: "STATUS is executed on the delegate",
    operations: ["STATUS"],
    since: "1.1.0",
    kinds: makers,
    needs,
    probe: (scene) => wasCalled(scene, "STATUS"),
  },
  {
    id: "P-36b",
    level: "SHOULD",
    section: "2, STATUS",
    sentence:
      "If the delegated plugin return an error result, the executing plugin should return an error result.",
    title: "STATUS fails with the delegate's error",
    operations: ["STATUS"],
    since: "1.1.0",
    kinds: makers,
    needs,
    probe: async (scene) => {
      const exchange = await withFailing(scene, "STATUS");
      given(callsOf(scene, "STATUS").length > 0, "STATUS is not executed on the delegate");
      expectPassedOn(scene, exchange, "STATUS, the delegate's having failed");
    },
  },
  {
    id: "P-39a",
    level: "MUST",
    section: "2, GC",
    sentence:
      "Plugins MUST, additionally, forward any GC calls to delegated plugins they are configured to use.",
    title: "GC is executed on the delegate",
    operations: ["GC"],
    since: "1.1.0",
    kinds: makers,
    needs,
    probe: (scene) => wasCalled(scene, "GC"),
  },
  {
    id: "P-39b",
    level: "MUST",
    section: "2, GC",
    sentence:
      "Plugins MUST, additionally, forward any GC calls to delegated plugins they are configured to use.",
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
    id: "P-39c",
    level: "SHOULD",
    section,
    sentence: passOn,
    title: "GC fails with the delegate's error",
    operations: ["GC"],
    since: "1.1.0",
    kinds: makers,
    needs,
    probe: async (scene) => {
      const exchange = await withFailing(scene, "GC");
      given(callsOf(scene, "GC").length > 0, "GC is not executed on the delegate");
      expectPassedOn(scene, exchange, "GC, the delegate's having failed");
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
      const change: Change = { env: { CNI_ARGS: "IgnoreUnknown=1;HWC=1" } };
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
    id: "P-45a",
    level: "MUST",
    section,
    sentence: alsoExecute,
    title: "DEL is executed on the delegate",
    operations: ["DEL"],
    kinds: makers,
    needs,
    probe: (scene) => wasCalled(scene, "DEL"),
  },
  {
    id: "P-45b",
    level: "SHOULD",
    section,
    sentence: passOn,
    title: "DEL fails with the delegate's error",
    operations: ["DEL"],
    kinds: makers,
    needs,
    probe: async (scene) => {
      const exchange = await withFailing(scene, "DEL");
      given(callsOf(scene, "DEL").length > 0, "DEL is not executed on the delegate");
      expectPassedOn(scene, exchange, "DEL, the delegate's having failed");
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
