import { errorProblem, hasResult } from "../error-document.ts";
import { isText, type JsonDocument } from "../json-document.ts";
import { documentsOf, isError, oneDocument } from "../oracle.ts";
import {
  call,
  expectSuccess,
  expectThat,
  given,
  hasCrashed,
  hasRefused,
  newContainer,
} from "../probe-steps.ts";
import { everyKind, type Requirement } from "../requirement.ts";
import type { Scene } from "../scene.ts";
import { refusals } from "./refusals.ts";

const errors = "2, Errors";
const errorType = "5, Error";
const exitStatus = "A plugin must exit with a return code of 0 on success, and non-zero on failure.";
const errorOutput = "If the plugin encounters an error, it should output an error result structure.";
const stdoutSettled = "The overview says stderr, STATUS and section 5 stdout: stdout is required.";

export const processRequirements: readonly Requirement[] = [
  {
    id: "P-1a",
    level: "MUST",
    section: errors,
    sentence: exitStatus,
    title: "what prints a success has exit status 0",
    operations: ["ADD", "VERSION"],
    kinds: everyKind,
    probe: async (scene) => {
      const container = await newContainer(scene);
      for (const exchange of [await call(scene, "VERSION"), await call(scene, "ADD", container)]) {
        const { document } = oneDocument(exchange.stdout);
        if (document === undefined || isError(document)) continue;
        expectSuccess(scene, exchange, `${exchange.verb}, which printed a success,`);
      }
    },
  },
  {
    id: "P-1b",
    level: "MUST",
    section: errors,
    sentence: exitStatus,
    title: "what prints an error has another exit status than 0",
    operations: ["ADD", "DEL"],
    kinds: everyKind,
    probe: async (scene) => {
      for (const exchange of await refusals(scene)) {
        expectThat(
          scene,
          exchange.exitCode !== 0,
          `${exchange.verb} printed an error and ended with exit status 0`,
        );
      }
    },
  },
  {
    id: "P-1c",
    level: "MUST",
    section: errors,
    sentence: `${exitStatus} CNI_COMMAND is required.`,
    title: "without CNI_COMMAND the exit status is not 0",
    operations: ["ADD"],
    kinds: everyKind,
    probe: async (scene) => {
      const container = await newContainer(scene);
      const exchange = await call(scene, "ADD", container, { env: { CNI_COMMAND: undefined } });
      expectThat(scene, exchange.exitCode !== 0, "exit status 0 without CNI_COMMAND");
    },
  },
  {
    id: "P-2a",
    level: "SHOULD",
    section: errors,
    sentence: errorOutput,
    title: "a failure prints exactly one JSON document, an error, on stdout",
    operations: ["ADD", "DEL", "CHECK", "GC"],
    kinds: everyKind,
    settled: stdoutSettled,
    probe: async (scene) => {
      for (const exchange of await refusals(scene)) {
        const problem = errorProblem(exchange);
        expectThat(scene, problem === undefined, `the error of ${exchange.verb}: ${problem}`);
      }
    },
  },
  {
    id: "P-2b",
    level: "MUST",
    section: "2, STATUS",
    sentence:
      "If not able to service ADD requests, it must exit non-zero and output an error on standard out.",
    title: "a failed STATUS prints exactly one JSON document, an error, on stdout",
    operations: ["STATUS"],
    since: "1.1.0",
    kinds: everyKind,
    settled: stdoutSettled,
    probe: async (scene) => {
      const exchange = await call(scene, "STATUS", undefined, { config: { name: "../x" } });
      given(hasRefused(exchange), "STATUS accepts the network name ../x");
      const problem = errorProblem(exchange);
      expectThat(scene, problem === undefined, `the error of STATUS: ${problem}`);
    },
  },
  {
    id: "P-2c",
    level: "SHOULD",
    section: errorType,
    sentence: "An error has `cniVersion`: the protocol version in use.",
    title: "an error repeats the configuration's cniVersion",
    operations: ["ADD", "DEL", "CHECK", "GC"],
    kinds: everyKind,
    settled:
      "An error about stdin that could not be parsed cannot repeat its version: required only once it was parsed.",
    probe: (scene) =>
      expectErrors(scene, ({ cniVersion }) =>
        cniVersion === scene.version
          ? undefined
          : `cniVersion is ${JSON.stringify(cniVersion)}, not "${scene.version}"`,
      ),
  },
  {
    id: "P-2d",
    level: "SHOULD",
    section: errorType,
    sentence: "An error has `code`: a numeric error code.",
    title: "the code of an error is a whole number above 0",
    operations: ["ADD", "DEL", "CHECK", "GC"],
    kinds: everyKind,
    probe: (scene) =>
      expectErrors(scene, ({ code }) =>
        Number.isInteger(code) && Number(code) > 0 ? undefined : `code is ${JSON.stringify(code)}`,
      ),
  },
  {
    id: "P-2e",
    level: "SHOULD",
    section: errorType,
    sentence: "An error has `msg`: a short message characterizing the error.",
    title: "an error has a message",
    operations: ["ADD", "DEL", "CHECK", "GC"],
    kinds: everyKind,
    probe: (scene) =>
      expectErrors(scene, ({ msg }) =>
        isText(msg) && msg !== "" ? undefined : `msg is ${JSON.stringify(msg)}`,
      ),
  },
  {
    id: "P-2f",
    level: "SHOULD",
    section: errors,
    sentence: errorOutput,
    title: "an ADD whose netns is the node's own never prints both a result and an error",
    operations: ["ADD"],
    kinds: everyKind,
    probe: async (scene) => {
      const container = await newContainer(scene);
      const exchange = await call(scene, "ADD", { ...container, netns: scene.machine.node });
      const { values } = documentsOf(exchange.stdout);
      const both = values.some(isError) && values.some(hasResult);
      expectThat(scene, !both, "stdout holds both a result and an error");
      if (exchange.exitCode !== 0)
        expectThat(scene, !values.some(hasResult), "a failed ADD printed a result");
    },
  },
  {
    id: "P-2g",
    level: "advisory",
    section: errorType,
    sentence: "An error has `details`: a longer message describing the error.",
    title: "what is left out of an error is nothing: details, where there are any, are a text",
    operations: ["ADD", "DEL", "CHECK", "GC"],
    kinds: everyKind,
    probe: (scene) =>
      expectErrors(scene, ({ details }) =>
        details === undefined || isText(details) ? undefined : `details is ${JSON.stringify(details)}`,
      ),
  },
  {
    id: "P-3a",
    level: "advisory",
    section: errors,
    sentence:
      "stderr can be used for unstructured output such as logs: it is never parsed; a plugin answers on stdout.",
    title: "no input makes the plugin panic or end by a signal",
    operations: ["ADD", "DEL"],
    kinds: everyKind,
    probe: async (scene) => {
      const container = await newContainer(scene);
      const odd: readonly (readonly [string, JsonDocument])[] = [
        ["args null", { args: null }],
        ["dns a text", { dns: "x" }],
        ["ipam a list", { ipam: [] }],
        ["ipam null", { ipam: null }],
        ["runtimeConfig null", { runtimeConfig: null }],
        ["runtimeConfig a list", { runtimeConfig: [] }],
        ["prevResult a number", { prevResult: 7 }],
        ["prevResult empty", { prevResult: {} }],
        ["a null address", { prevResult: { cniVersion: scene.version, ips: [null] } }],
        ["an index of no interface", { prevResult: wildIndex(scene) }],
      ];
      for (const [what, config] of odd) {
        for (const verb of ["ADD", "DEL"] as const) {
          const exchange = await call(scene, verb, container, { config });
          expectThat(scene, !hasCrashed(exchange), `${verb} with ${what}: the plugin crashed`);
        }
      }
    },
  },
];

type Parsed = { cniVersion: unknown; code: unknown; msg: unknown; details: unknown };

/** Looks at every error that can be read. P-2a is about whether there is one. */
async function expectErrors(scene: Scene, problemOf: (error: Parsed) => string | undefined): Promise<void> {
  const refused = await refusals(scene);
  const problems = new Map<string, string>();
  for (const exchange of refused) {
    const [document] = documentsOf(exchange.stdout).values.filter(isError) as Parsed[];
    if (document === undefined) continue;
    const problem = problemOf(document);
    if (problem !== undefined) problems.set(problem, exchange.verb);
  }
  for (const [problem, verb] of problems) scene.findings.push(`the error of ${verb}: ${problem}`);
}

function wildIndex({ version }: Scene): JsonDocument {
  const ip = { version: "4", address: "10.77.1.2/24", interface: 99 };
  return { cniVersion: version, interfaces: [], ips: [ip] };
}
