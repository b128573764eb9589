import { answer } from "../delegates/behaviour.ts";
import { isSame } from "../json-document.ts";
import {
  attach,
  call,
  expectRefused,
  expectSuccess,
  expectThat,
  given,
  hasRefused,
  hasSucceeded,
  newContainer,
  waitUntil,
} from "../probe-steps.ts";
import type { Requirement } from "../requirement.ts";
import { NotApplicable, type Scene } from "../scene.ts";
import { holesOf } from "../template.ts";
import type { Kind, Need } from "../vocabulary.ts";
import { attachList, firstType, secondType, useList } from "./list.ts";
import { callsOf, configIn, interfaceResult, marked } from "./recorder.ts";

const kinds: readonly Kind[] = ["meta"];
const needs: readonly Need[] = ["list"];
/** How long a probe waits for an operation that may be waiting for another one. */
const reachMs = 2_000;
/** How long a probe waits until the plugin of a list is run. */
const startMs = 20_000;

/**
 * Holds the ADD of a list's plugin at a gate, starts another operation, and opens the gate once that has reached the
 * plugin, or has ended, or has had the time to: so a plugin that keeps them apart can never seem not to.
 */
async function expectApart(scene: Scene, verb: "DEL" | "GC"): Promise<void> {
  const gate = "add";
  useList(scene, [{ verbs: { ADD: { ...answer(interfaceResult(scene.version)), gate } } }]);
  const container = await newContainer(scene);
  const adding = call(scene, "ADD", container, { atOnce: true });
  const started = await waitUntil(() => callsOf(scene, "ADD").length > 0, startMs);
  const change = { atOnce: true, ...(verb === "GC" && { valid: [container] }) };
  const other = call(scene, verb, verb === "GC" ? undefined : container, change);
  await Promise.race([other, waitUntil(() => callsOf(scene, verb).length > 0, reachMs)]);
  scene.machine.openGate(gate);
  await Promise.all([adding, other]);
  given(started, "the plugin of the list is not run");
  for (const add of callsOf(scene, "ADD")) {
    const met = callsOf(scene, verb).some(({ startNs }) => add.endNs === undefined || startNs < add.endNs);
    expectThat(scene, !met, `${verb} of ${firstType} ran while its ADD did`);
  }
}

export const delegatorStateRequirements: readonly Requirement[] = [
  {
    id: "D-8a",
    level: "MUST",
    section: "3, Adding an attachment",
    sentence:
      "The runtime must store the result returned by the final plugin persistently, as it is required for _check_ and _delete_.",
    title: "DEL of a plugin has the final result although the caller gave none",
    operations: ["DEL"],
    since: "0.4.0",
    kinds,
    needs,
    probe: async (scene) => {
      const container = await attachList(scene, [{}]);
      await call(scene, "DEL", container, { prevResult: null });
      const [del] = callsOf(scene, "DEL");
      given(del !== undefined, "DEL is not executed");
      const { prevResult } = configIn(del);
      expectThat(scene, prevResult !== undefined, "DEL has no prevResult");
    },
  },
  {
    id: "D-8b",
    level: "advisory",
    section: "3, Adding an attachment",
    sentence: "The runtime must store the result returned by the final plugin persistently.",
    title: "what is stored is for nobody else to read",
    operations: ["ADD"],
    kinds,
    needs,
    probe: async (scene) => {
      const state = `${scene.machine.folder}/state`;
      const before = new Set(scene.machine.files(state).map(({ path }) => path));
      await attachList(scene, [{}]);
      const open = scene.machine
        .files(state)
        .filter(({ path, mode }) => !before.has(path) && (mode & 0o077) !== 0);
      expectThat(scene, open.length === 0, `${open[0]?.path} can be read by others`);
    },
  },
  {
    id: "D-8c",
    level: "advisory",
    section: "3, Lifecycle & Ordering",
    sentence: "The network configuration should not change between _add_ and _delete_.",
    title: "DEL runs the plugins that ADD has run although the configuration has changed",
    operations: ["DEL"],
    kinds,
    needs,
    probe: async (scene) => {
      const container = await attachList(scene, [{}, {}]);
      useList(scene, [{ config: { type: "hwcchanged" } }]);
      scene.machine.installDelegate(scene.machine.binDir, { name: "hwcchanged", verbs: {} });
      given(
        hasSucceeded(await call(scene, "DEL", container)),
        "DEL fails once the configuration has changed",
      );
      const types = callsOf(scene, "DEL").map(({ delegate }) => delegate);
      for (const type of [firstType, secondType]) {
        expectThat(scene, types.includes(type), `DEL ran ${types.join(", ") || "nothing"}, not ${type}`);
      }
    },
  },
  {
    id: "D-9a",
    level: "MUST",
    section: "1, Configuration format",
    sentence:
      "If `disableCheck` is `true`, runtimes must not call CHECK for this network configuration list.",
    title: "CHECK runs no plugin of a list with disableCheck",
    operations: ["CHECK"],
    since: "0.4.0",
    kinds,
    needs,
    probe: async (scene) => {
      const container = await attachList(scene, [{}, {}], { disableCheck: true });
      expectSuccess(scene, await call(scene, "CHECK", container), "CHECK of a list with disableCheck");
      expectThat(scene, callsOf(scene, "CHECK").length === 0, "CHECK was executed");
    },
  },
  {
    id: "D-9b",
    level: "MUST",
    section: "1, Configuration format",
    sentence: "If `disableGC` is `true`, runtimes must not call GC for this network configuration list.",
    title: "GC runs no plugin of a list with disableGC",
    operations: ["GC"],
    since: "1.1.0",
    kinds,
    needs,
    probe: async (scene) => {
      await attachList(scene, [{}, {}], { disableGC: true });
      await call(scene, "GC", undefined, { valid: [] });
      expectThat(scene, callsOf(scene, "GC").length === 0, "GC was executed");
    },
  },
  {
    id: "D-10a",
    level: "MUST",
    section: "1, Configuration format",
    sentence:
      "If `loadOnlyInlinedPlugins` is `false` (default), plugins from other sources must be appended to the list.",
    title:
      "a list that is read from a folder has the plugins of the folder beside it, of the network's name, too",
    operations: ["ADD"],
    kinds,
    needs,
    settled: "libcni ignores the sibling folder when it is true; so does this suite.",
    probe: async (scene) => {
      if (!holesOf(scene.subject.profile.listConfig).has("confDir")) {
        throw new NotApplicable("the configuration has no hole {{confDir}}");
      }
      useList(scene, [{}, {}]);
      const folder = `${scene.machine.folder}/net.d`;
      const list = { cniVersion: scene.version, name: "hwclist", plugins: [{ type: firstType }] };
      scene.machine.writeFile(`${folder}/10-hwclist.conflist`, JSON.stringify(list));
      scene.machine.writeFile(`${folder}/hwclist/20-more.conf`, JSON.stringify({ type: secondType }));
      scene.holes.confDir = folder;
      scene.holes.list = { name: "hwclist" };
      await attach(scene, await newContainer(scene));
      expectThat(scene, callsOf(scene, "ADD", secondType).length > 0, "the plugin of the folder was not run");
    },
  },
  {
    id: "D-11a",
    level: "MUST",
    section: "2, GC",
    sentence: "`cni.dev/valid-attachments`: the list of **still valid** attachments to this network.",
    title: "GC of each plugin of a list has the list of valid attachments",
    operations: ["GC"],
    since: "1.1.0",
    kinds,
    needs,
    probe: async (scene) => {
      const container = await attachList(scene);
      await call(scene, "GC", undefined, { valid: [container] });
      const calls = callsOf(scene, "GC");
      given(calls.length > 0, "GC is not executed");
      const expected = [{ containerID: container.id, ifname: container.ifname }];
      for (const each of calls) {
        const got = configIn(each)["cni.dev/valid-attachments"];
        expectThat(
          scene,
          isSame(got, expected),
          `the list of ${each.delegate} is ${JSON.stringify(got) ?? "missing"}`,
        );
      }
    },
  },
  {
    id: "D-11b",
    level: "MUST",
    section: "3, Lifecycle & Ordering",
    sentence: "The runtime must exclusively execute either _gc_ or _add_ and _delete_.",
    title: "GC of a plugin does not run while its ADD does",
    operations: ["GC", "ADD"],
    since: "1.1.0",
    kinds,
    needs,
    probe: (scene) => expectApart(scene, "GC"),
  },
  {
    id: "D-12a",
    level: "MUST",
    section: "3, Lifecycle & Ordering",
    sentence: "The container runtime must not invoke parallel operations for the same container.",
    title: "DEL of a plugin does not run while the ADD of the same container does",
    operations: ["ADD", "DEL"],
    kinds,
    needs,
    probe: (scene) => expectApart(scene, "DEL"),
  },
  {
    id: "D-12b",
    level: "MUST",
    section: "3, Lifecycle & Ordering",
    sentence:
      "_add_ is eventually followed by a corresponding _delete_. A _delete_ must still be executed even if the _add_ fails.",
    title: "the plugins of a list whose ADD has failed get a DEL, at the latest with the caller's",
    operations: ["ADD", "DEL"],
    kinds,
    needs,
    probe: async (scene) => {
      useList(scene, [{}, { verbs: { ADD: marked(scene) } }]);
      const container = await newContainer(scene);
      given(hasRefused(await call(scene, "ADD", container)), "ADD succeeds although its last plugin fails");
      given(hasSucceeded(await call(scene, "DEL", container)), "DEL after a failed ADD fails");
      for (const type of [firstType, secondType]) {
        expectThat(scene, callsOf(scene, "DEL", type).length > 0, `${type} got no DEL`);
      }
    },
  },
  {
    id: "D-13a",
    level: "MUST",
    section: "1, Plugin configuration objects",
    sentence: "`type` must not contain characters disallowed in file paths for the system (e.g. / or \\).",
    title: "a list with a plugin of type ../x, a/b or a\\b is refused",
    operations: ["ADD"],
    kinds,
    needs,
    probe: async (scene) => {
      for (const type of [`../bin/${firstType}`, `./${firstType}`, "a\\b"]) {
        useList(scene, [{ config: { type } }]);
        const exchange = await call(scene, "ADD", await newContainer(scene));
        expectRefused(scene, exchange, `ADD with a plugin of type ${type}`);
      }
      expectThat(scene, callsOf(scene, "ADD").length === 0, "a plugin was run by its path");
    },
  },
  {
    id: "D-13b",
    level: "advisory",
    section: "2, Parameters",
    sentence: "CNI_PATH: list of paths to search for CNI plugin executables.",
    title: "an empty element of CNI_PATH is not the working folder",
    operations: ["ADD"],
    kinds,
    needs,
    probe: async (scene) => {
      useList(scene, [{}]);
      const env = { CNI_PATH: `:${scene.subject.pluginPath}:` };
      const exchange = await call(scene, "ADD", await newContainer(scene), {
        env,
        cwd: scene.machine.binDir,
      });
      expectThat(scene, callsOf(scene, "ADD").length === 0, "a plugin of the working folder was run");
      expectRefused(scene, exchange, "ADD with a plugin that is in the working folder only");
    },
  },
  {
    id: "D-13c",
    level: "advisory",
    section: "3, Adding an attachment",
    sentence: "Look up the executable specified in the `type` field.",
    title: "a folder of the plugin's name is passed over",
    operations: ["ADD"],
    kinds,
    needs,
    probe: async (scene) => {
      const { machine, subject } = scene;
      useList(scene, [{}]);
      machine.writeFile(`${machine.folder}/first/${firstType}/file`, "");
      const env = { CNI_PATH: `${machine.folder}/first:${machine.binDir}:${subject.pluginPath}` };
      expectSuccess(
        scene,
        await call(scene, "ADD", await newContainer(scene), { env }),
        "ADD with such a folder on CNI_PATH",
      );
    },
  },
];
