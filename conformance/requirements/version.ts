import { describeEnd } from "../error-document.ts";
import { listOf } from "../json-document.ts";
import { isError, oneDocument } from "../oracle.ts";
import { call, expectSuccess, expectThat, given, hasSucceeded, newContainer } from "../probe-steps.ts";
import { everyKind, type Requirement } from "../requirement.ts";
import { isSpecVersion } from "../versions.ts";

const section = "2, VERSION";

export const versionRequirements: readonly Requirement[] = [
  {
    id: "P-14a",
    level: "MUST",
    section: "5, VERSION Success",
    sentence: "`cniVersion`: the value of `cniVersion` specified on input.",
    title: "VERSION repeats the cniVersion that it is asked in",
    operations: ["VERSION"],
    kinds: everyKind,
    probe: async (scene) => {
      const exchange = await call(scene, "VERSION");
      const { document, problem } = oneDocument(exchange.stdout);
      given(document !== undefined, `VERSION: ${problem}`);
      const said = JSON.stringify(document?.cniVersion);
      expectThat(
        scene,
        document?.cniVersion === scene.version,
        `cniVersion is ${said}, not "${scene.version}"`,
      );
    },
  },
  {
    id: "P-14b",
    level: "MUST",
    section: "5, VERSION Success",
    sentence: "`supportedVersions`: a list of supported specification versions.",
    title: "VERSION prints one document with a list of released versions",
    operations: ["VERSION"],
    kinds: everyKind,
    probe: async (scene) => {
      const { document, problem } = oneDocument((await call(scene, "VERSION")).stdout);
      if (document === undefined) return expectThat(scene, false, `VERSION: ${problem}`);
      given(!isError(document), "VERSION is refused");
      const versions = listOf(document.supportedVersions);
      expectThat(scene, versions.length > 0, "supportedVersions is no list, or empty");
      const unknown = versions.filter((version) => !isSpecVersion(version));
      expectThat(
        scene,
        unknown.length === 0,
        `supportedVersions has ${JSON.stringify(unknown)}, never released`,
      );
    },
  },
  {
    id: "P-15a",
    level: "MUST",
    section,
    sentence: "VERSION. Required environment parameters: CNI_COMMAND.",
    title: "VERSION answers although all else in the environment is unset",
    operations: ["VERSION"],
    kinds: everyKind,
    probe: async (scene) => {
      const exchange = await call(scene, "VERSION");
      const { document } = oneDocument(exchange.stdout);
      const answered = document !== undefined && !isError(document);
      expectThat(scene, answered, `VERSION with CNI_COMMAND alone: ${describeEnd(exchange)}`);
    },
  },
  {
    id: "P-15b",
    level: "advisory",
    section,
    sentence: "The plugin should output via standard-out a json-serialized version result object.",
    title: "VERSION answers on an empty stdin",
    operations: ["VERSION"],
    kinds: everyKind,
    probe: async (scene) => {
      const exchange = await call(scene, "VERSION", undefined, { stdin: "" });
      const { document } = oneDocument(exchange.stdout);
      const answered = document !== undefined && !isError(document);
      expectThat(scene, answered, `VERSION on an empty stdin: ${describeEnd(exchange)}`);
    },
  },
  {
    id: "P-16a",
    level: "MUST",
    section: "1, Version considerations",
    sentence: "Plugins indicate their set of supported versions through the VERSION command.",
    title: "ADD and DEL work at this version, which the plugin advertises",
    operations: ["ADD", "DEL"],
    kinds: everyKind,
    probe: async (scene) => {
      const container = await newContainer(scene);
      const add = await call(scene, "ADD", container);
      expectSuccess(scene, add, "ADD");
      container.result = oneDocument(add.stdout).document;
      if (hasSucceeded(add)) expectSuccess(scene, await call(scene, "DEL", container), "DEL");
    },
  },
];
