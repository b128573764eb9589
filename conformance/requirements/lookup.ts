import {
  call,
  expectRefused,
  expectSuccess,
  expectThat,
  given,
  hasRefused,
  newContainer,
} from "../probe-steps.ts";
import { makers, type Requirement } from "../requirement.ts";
import type { Need } from "../vocabulary.ts";
import { callsOf, goodAdd, marked, useDelegate } from "./recorder.ts";

const section = "4, Delegated plugin execution procedure";
const needs: readonly Need[] = ["delegate"];

/** How a delegate is found, and what it says is heard. */
export const lookupRequirements: readonly Requirement[] = [
  {
    id: "P-43a",
    level: "SHOULD",
    section,
    sentence: "It should look up the plugin binary by searching the directories provided in CNI_PATH.",
    title: "the delegate is the first of its name on CNI_PATH",
    operations: ["ADD"],
    kinds: makers,
    needs,
    probe: async (scene) => {
      const { machine, subject } = scene;
      const delegate = useDelegate(scene);
      const [second, third] = [`${machine.folder}/second`, `${machine.folder}/third`];
      machine.installDelegate(second, { ...delegate, name: "hwclookup" });
      machine.installDelegate(third, { name: "hwclookup", verbs: { ADD: marked(scene) } });
      scene.holes.delegate = "hwclookup";
      const env = { CNI_PATH: [machine.binDir, second, third, subject.pluginPath].join(":") };
      expectSuccess(
        scene,
        await call(scene, "ADD", await newContainer(scene), { env }),
        "ADD with a delegate in the second folder",
      );
    },
  },
  {
    id: "P-43b",
    level: "MUST",
    section: "1, Plugin configuration objects",
    sentence: "`type` must not contain characters disallowed in file paths for the system (e.g. / or \\).",
    title: "a delegate's type with a path separator is refused",
    operations: ["ADD"],
    kinds: makers,
    needs,
    probe: async (scene) => {
      const { name } = useDelegate(scene);
      scene.holes.delegate = `../bin/${name}`;
      const exchange = await call(scene, "ADD", await newContainer(scene));
      expectRefused(scene, exchange, `ADD with the delegate ../bin/${name}`);
      expectThat(scene, callsOf(scene, "ADD").length === 0, `../bin/${name} was executed`);
    },
  },
  {
    id: "P-43c",
    level: "advisory",
    section: "2, ADD",
    sentence: "A failed ADD is followed by DEL, which a runtime may never get to send.",
    title: "an ADD whose delegate cannot be run leaves no interface in the container",
    operations: ["ADD"],
    kinds: makers,
    needs,
    probe: async (scene) => {
      useDelegate(scene);
      scene.holes.delegate = "hwcmissing";
      const container = await newContainer(scene);
      given(hasRefused(await call(scene, "ADD", container)), "ADD succeeds without its delegate");
      const links = await scene.machine.links(container.netns);
      expectThat(
        scene,
        !links.some(({ name }) => name === container.ifname),
        `${container.ifname} is left in the container`,
      );
    },
  },
  {
    id: "P-44a",
    level: "SHOULD",
    section,
    sentence: "It should ensure that the delegated plugin's stderr is output to the calling plugin's stderr.",
    title: "what a delegate says on stderr is on the plugin's stderr",
    operations: ["ADD"],
    kinds: makers,
    needs,
    probe: async (scene) => {
      useDelegate(scene, { ADD: { ...goodAdd(scene), stderr: "hwc-said" } });
      const { stderr } = await call(scene, "ADD", await newContainer(scene));
      expectThat(scene, stderr.includes("hwc-said"), "the delegate's stderr is not on the plugin's");
    },
  },
  {
    id: "P-44b",
    level: "SHOULD",
    section,
    sentence: "It should ensure that the delegated plugin's stderr is output to the calling plugin's stderr.",
    title: "also where the delegate fails",
    operations: ["ADD"],
    kinds: makers,
    needs,
    probe: async (scene) => {
      useDelegate(scene, { ADD: { ...marked(scene), stderr: "hwc-said" } });
      const { stderr } = await call(scene, "ADD", await newContainer(scene));
      expectThat(
        scene,
        stderr.includes("hwc-said"),
        "the stderr of a delegate that failed is not on the plugin's",
      );
    },
  },
];
