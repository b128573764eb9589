import { canonical, isSame } from "../json-document.ts";
import { readResult } from "../oracle.ts";
import { call, expectThat, given, hasSucceeded, newContainer, tryAttach } from "../probe-steps.ts";
import type { Requirement } from "../requirement.ts";
import type { Scene } from "../scene.ts";
import type { Kind, Need } from "../vocabulary.ts";
import { addWithDigits, attachList, digitsMark, firstType, longDigits, secondType, useList } from "./list.ts";
import { callsOf, configIn, interfaceResult } from "./recorder.ts";

const derive = "3, Deriving request configuration";
const kinds: readonly Kind[] = ["meta"];
const needs: readonly Need[] = ["list"];

/** The prevResult that a plugin of the list was given at one verb. */
function previousOf(scene: Scene, verb: "ADD" | "CHECK" | "DEL", type: string): unknown {
  return configIn(callsOf(scene, verb, type)[0]).prevResult;
}

/** The addresses of a prevResult, which tell whose it is. */
function addressesIn(scene: Scene, value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  return readResult(value as Record<string, unknown>, scene.version).ips.map(({ address }) => address);
}

function expectPrevious(scene: Scene, verb: "ADD" | "CHECK" | "DEL", type: string, number: number): void {
  const seen = addressesIn(scene, previousOf(scene, verb, type));
  const expected = addressesIn(scene, interfaceResult(scene.version, number));
  const said = `${verb} of ${type} has a prevResult with ${canonical(seen)}, not ${canonical(expected)}`;
  expectThat(scene, isSame(seen, expected), said);
}

export const delegatorRequirements: readonly Requirement[] = [
  {
    id: "D-1a",
    level: "MUST",
    section: "1, Version considerations",
    sentence: "Runtimes MUST select the highest supported version from `cniVersion` and `cniVersions`.",
    title: "a list of cniVersion 0.3.1 and cniVersions 0.3.1, 0.4.0 runs at 0.4.0",
    operations: ["ADD"],
    since: "0.4.0",
    kinds,
    needs,
    probe: async (scene) => {
      useList(scene, [{}], { cniVersion: "0.3.1", cniVersions: ["0.3.1", "0.4.0"] });
      await call(scene, "ADD", await newContainer(scene));
      const [add] = callsOf(scene, "ADD");
      given(add !== undefined, "the plugin of the list is not run");
      const { cniVersion } = configIn(add);
      expectThat(scene, cniVersion === "0.4.0", `its cniVersion is ${JSON.stringify(cniVersion)}`);
    },
  },
  {
    id: "D-2a",
    level: "MUST",
    section: derive,
    sentence: "Always to be inserted: `cniVersion`, and `name`, taken from the network configuration.",
    title: "each plugin of a list gets the list's cniVersion and name",
    operations: ["ADD"],
    kinds,
    needs,
    probe: async (scene) => {
      await attachList(scene);
      for (const each of callsOf(scene, "ADD")) {
        const { cniVersion, name } = configIn(each);
        expectThat(
          scene,
          cniVersion === scene.version,
          `the cniVersion of ${each.delegate} is ${JSON.stringify(cniVersion)}`,
        );
        expectThat(
          scene,
          name === "hwclist",
          `the name that ${each.delegate} got is ${JSON.stringify(name)}`,
        );
      }
    },
  },
  {
    id: "D-2b",
    level: "MUST",
    section: "1, Plugin configuration objects",
    sentence: "The runtime MUST pass through these fields, unchanged, to the invoked plugin.",
    title: "a plugin gets its unknown fields as they are",
    operations: ["ADD"],
    kinds,
    needs,
    probe: async (scene) => {
      const config = { hwcUnknown: { list: [1, null, "zwei", { deep: false }], text: "<&>\u2028" } };
      await attachList(scene, [{ config }]);
      const got = configIn(callsOf(scene, "ADD")[0]).hwcUnknown;
      expectThat(
        scene,
        isSame(got, config.hwcUnknown),
        `the unknown field has become ${canonical(got ?? null)}`,
      );
    },
  },
  {
    id: "D-2c",
    level: "MUST",
    section: "1, Plugin configuration objects",
    sentence: "The runtime MUST pass through these fields, unchanged, to the invoked plugin.",
    title: `a number as long as ${longDigits} loses no digit`,
    operations: ["ADD"],
    kinds,
    needs,
    probe: async (scene) => {
      useList(scene, [{ config: { hwcNumber: digitsMark } }]);
      await addWithDigits(scene);
      const [add] = callsOf(scene, "ADD");
      given(add !== undefined, "the plugin of the list is not run");
      const got = /"hwcNumber":\s*([^,}\s]*)/.exec(add?.stdin ?? "")?.[1];
      expectThat(scene, got === longDigits, `it has become ${got}`);
    },
  },
  {
    id: "D-3a",
    level: "MUST",
    section: derive,
    sentence: "For ADD, DEL, CHECK: `capabilities`: must not be set.",
    title: "no plugin of a list gets capabilities",
    operations: ["ADD", "DEL"],
    kinds,
    needs,
    probe: async (scene) => {
      const container = await attachList(scene, [{ config: { capabilities: { hwcCapability: true } } }]);
      await call(scene, "DEL", container);
      const got = [...callsOf(scene, "ADD"), ...callsOf(scene, "DEL")].filter(
        (each) => "capabilities" in configIn(each),
      );
      expectThat(scene, got.length === 0, `${got[0]?.verb} of ${got[0]?.delegate} has capabilities`);
    },
  },
  {
    id: "D-4a",
    level: "MUST",
    section: "3, Deriving runtimeConfig",
    sentence:
      "Any capability supported by the plugin and provided by the runtime should be inserted in `runtimeConfig`.",
    title: "a plugin gets the capabilities that it declares true, and no other",
    operations: ["ADD"],
    kinds,
    needs,
    probe: async (scene) => {
      const mappings = [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }];
      useList(scene, [{ config: { capabilities: { portMappings: true, bandwidth: false } } }]);
      const config = { runtimeConfig: { portMappings: mappings, bandwidth: { ingressRate: 1 }, dns: {} } };
      await call(scene, "ADD", await newContainer(scene), { config });
      const [add] = callsOf(scene, "ADD");
      given(add !== undefined, "the plugin of the list is not run");
      const got = configIn(add).runtimeConfig;
      expectThat(
        scene,
        isSame(got, { portMappings: mappings }),
        `its runtimeConfig is ${canonical(got ?? null)}`,
      );
    },
  },
  {
    id: "D-4b",
    level: "advisory",
    section: "3, Deriving runtimeConfig",
    sentence:
      "Any capability supported by the plugin and provided by the runtime should be inserted in `runtimeConfig`.",
    title: "a plugin that declares none gets no runtimeConfig",
    operations: ["ADD"],
    kinds,
    needs,
    probe: async (scene) => {
      useList(scene, [{}]);
      await call(scene, "ADD", await newContainer(scene), { config: { runtimeConfig: { dns: {} } } });
      const [add] = callsOf(scene, "ADD");
      given(add !== undefined, "the plugin of the list is not run");
      expectThat(scene, !("runtimeConfig" in configIn(add)), "it has a runtimeConfig");
    },
  },
  {
    id: "D-5a",
    level: "MUST",
    section: derive,
    sentence: "`prevResult` must not be set for the first _add_ in a chain.",
    title: "the first plugin of a list gets no prevResult on ADD",
    operations: ["ADD"],
    kinds,
    needs,
    probe: async (scene) => {
      await attachList(scene);
      expectThat(
        scene,
        previousOf(scene, "ADD", firstType) === undefined,
        `ADD of ${firstType} has a prevResult`,
      );
    },
  },
  {
    id: "D-5b",
    level: "MUST",
    section: "3, Adding an attachment",
    sentence: "For all additional plugins, the previous result is the result of the previous plugins.",
    title: "the second plugin of a list gets the first one's result",
    operations: ["ADD"],
    since: "0.3.0",
    kinds,
    needs,
    probe: async (scene) => {
      await attachList(scene);
      expectPrevious(scene, "ADD", secondType, 1);
    },
  },
  {
    id: "D-5c",
    level: "MUST",
    section: "3, Checking an attachment",
    sentence: "The previous result provided is always the final result of the _add_ operation.",
    title: "CHECK of every plugin has the final result of the list",
    operations: ["CHECK"],
    since: "0.4.0",
    kinds,
    needs,
    probe: async (scene) => {
      const container = await attachList(scene);
      await call(scene, "CHECK", container);
      for (const type of [firstType, secondType]) expectPrevious(scene, "CHECK", type, 2);
    },
  },
  {
    id: "D-5d",
    level: "MUST",
    section: "3, Deleting an attachment",
    sentence: "The previous result provided is always the final result of the _add_ operation.",
    title: "DEL of every plugin has the final result of the list",
    operations: ["DEL"],
    since: "0.4.0",
    kinds,
    needs,
    probe: async (scene) => {
      const container = await attachList(scene);
      await call(scene, "DEL", container);
      for (const type of [firstType, secondType]) expectPrevious(scene, "DEL", type, 2);
    },
  },
  {
    id: "D-5e",
    level: "MUST",
    section: "3, Deleting an attachment",
    sentence: "The list of plugins is executed in **reverse order**.",
    title: "DEL runs the last plugin first",
    operations: ["DEL"],
    kinds,
    needs,
    probe: async (scene) => {
      const container = await attachList(scene);
      await call(scene, "DEL", container);
      const order = callsOf(scene, "DEL").map(({ delegate }) => delegate);
      expectThat(scene, isSame(order, [secondType, firstType]), `DEL ran ${order.join(", ") || "nothing"}`);
    },
  },
  {
    id: "D-6a",
    level: "MUST",
    section: "3, Attachment Parameters",
    sentence:
      "During execution, always set as the CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME, CNI_ARGS, CNI_PATH parameter.",
    title: "each plugin of a list has the container's parameters",
    operations: ["ADD"],
    kinds,
    needs,
    probe: async (scene) => {
      useList(scene, [{}, {}]);
      const env = { CNI_ARGS: "IgnoreUnknown=1;HWC=1" };
      const exchange = await call(scene, "ADD", await newContainer(scene), { env });
      given(hasSucceeded(exchange), "ADD of a list of recorders fails");
      for (const { delegate, env: got } of callsOf(scene, "ADD")) {
        for (const name of ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_ARGS", "CNI_PATH"]) {
          const same = got[name] === exchange.env[name];
          expectThat(scene, same, `the ${name} of ${delegate} is ${JSON.stringify(got[name]) ?? "unset"}`);
        }
      }
    },
  },
  {
    id: "D-6b",
    level: "MUST",
    section: "2, CHECK",
    sentence: "All parameters, with the exception of CNI_PATH, must be the same as the corresponding ADD.",
    title: "CHECK of a plugin has the parameters of its ADD",
    operations: ["CHECK"],
    since: "0.4.0",
    kinds,
    needs,
    probe: async (scene) => {
      useList(scene, [{}]);
      const container = await newContainer(scene);
      const change = { env: { CNI_ARGS: "IgnoreUnknown=1;HWC=1" } };
      given(await tryAttach(scene, container, change), "ADD of a list of recorders fails");
      await call(scene, "CHECK", container, change);
      const [[add], [check]] = [callsOf(scene, "ADD"), callsOf(scene, "CHECK")];
      given(check !== undefined, "CHECK is not executed");
      for (const name of ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_ARGS"]) {
        expectThat(
          scene,
          add?.env[name] === check?.env[name],
          `${name} was ${add?.env[name]}, is ${check?.env[name]}`,
        );
      }
    },
  },
  {
    id: "D-6c",
    level: "MUST",
    section: "2, Overview",
    sentence: "The runtime must execute the plugin in the runtime's networking domain.",
    title: "a plugin of a list runs in the node's network namespace",
    operations: ["ADD"],
    kinds,
    needs,
    probe: async (scene) => {
      await attachList(scene, [{}, {}]);
      const [first] = callsOf(scene, "ADD");
      const { node } = scene.machine;
      const own = await scene.machine.inode(node);
      expectThat(scene, first?.netns === own, `it runs in ${first?.netns}, the node is ${own}`);
    },
  },
];
