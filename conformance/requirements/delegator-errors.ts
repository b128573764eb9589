import { answer } from "../delegates/behaviour.ts";
import { errorOf, wordsOf } from "../error-document.ts";
import {
  call,
  expectRefused,
  expectSuccess,
  expectThat,
  given,
  hasRefused,
  newContainer,
  waitUntil,
} from "../probe-steps.ts";
import type { Requirement } from "../requirement.ts";
import { type Exchange, NotApplicable, type Scene } from "../scene.ts";
import { fill } from "../template.ts";
import type { Kind, Need } from "../vocabulary.ts";
import { attachList, firstType, secondType, useList } from "./list.ts";
import { callsOf, interfaceResult, marked, markedCode } from "./recorder.ts";

const kinds: readonly Kind[] = ["meta"];
const needs: readonly Need[] = ["list"];

/** How long a probe waits until the plugin of a list is run. */
const startMs = 20_000;
/** How long an executable stays busy, as if it were being replaced. */
const busyMs = 300;

const gcErrors = ["hwc-one", "hwc-two"];

/** GC of a list of two, each of which fails with an error of its own. */
function failingGc(scene: Scene): Promise<Exchange> {
  useList(
    scene,
    gcErrors.map((what) => ({ verbs: { GC: marked(scene, what) } })),
  );
  return call(scene, "GC", undefined, { valid: [] });
}

/** What the meta-plugin does when a plugin fails: where it stops the list, and where it must not. */
export const delegatorErrorRequirements: readonly Requirement[] = [
  {
    id: "D-7a",
    level: "MUST",
    section: "3, Adding an attachment",
    sentence: "If the plugin returns an error, halt execution and return the error to the caller.",
    title: "ADD stops at the first plugin that fails, and returns its error",
    operations: ["ADD"],
    kinds,
    needs,
    probe: async (scene) => {
      useList(scene, [{ verbs: { ADD: marked(scene) } }, {}]);
      const exchange = await call(scene, "ADD", await newContainer(scene));
      expectRefused(scene, exchange, "ADD, the first plugin having failed");
      expectThat(
        scene,
        callsOf(scene, "ADD", secondType).length === 0,
        "the second plugin was run all the same",
      );
    },
  },
  {
    id: "D-7b",
    level: "MUST",
    section: "3, Deleting an attachment",
    sentence: "If the plugin returns an error, halt execution and return the error to the caller.",
    title: "DEL stops at the first plugin that fails, and returns its error",
    operations: ["DEL"],
    kinds,
    needs,
    probe: async (scene) => {
      const failing = { verbs: { DEL: marked(scene) } };
      const container = await attachList(scene, [failing, failing]);
      expectRefused(scene, await call(scene, "DEL", container), "DEL, its plugins having failed");
      const run = callsOf(scene, "DEL").length;
      expectThat(scene, run === 1, `${run} plugins were run although each of them fails`);
    },
  },
  {
    id: "D-7c",
    level: "MUST",
    section: "3, Checking an attachment",
    sentence: "If the plugin returns an error, halt execution and return the error to the caller.",
    title: "CHECK stops at the first plugin that fails, and returns its error",
    operations: ["CHECK"],
    since: "0.4.0",
    kinds,
    needs,
    probe: async (scene) => {
      const container = await attachList(scene, [{ verbs: { CHECK: marked(scene) } }, {}]);
      expectRefused(scene, await call(scene, "CHECK", container), "CHECK, the first plugin having failed");
      expectThat(
        scene,
        callsOf(scene, "CHECK", secondType).length === 0,
        "the second plugin was run all the same",
      );
    },
  },
  {
    id: "D-7d",
    level: "MUST",
    section: "3, Garbage-collecting a network",
    sentence:
      "If the plugin returns an error, **continue** with execution, returning all errors to the caller.",
    title: "GC goes on past a plugin that fails, and fails",
    operations: ["GC"],
    since: "1.1.0",
    kinds,
    needs,
    probe: async (scene) => {
      expectRefused(scene, await failingGc(scene), "GC, its plugins having failed");
      for (const type of [firstType, secondType]) {
        expectThat(scene, callsOf(scene, "GC", type).length > 0, `GC was not executed on ${type}`);
      }
    },
  },
  {
    id: "P-38a",
    level: "SHOULD",
    section: "2, GC",
    sentence:
      "If an error is encountered, a plugin should continue; removing as many resources as possible, and report the errors back to the runtime.",
    title: "GC of a list in which two plugins fail reports both errors",
    operations: ["GC"],
    since: "1.1.0",
    kinds,
    needs,
    probe: async (scene) => {
      const exchange = await failingGc(scene);
      given(callsOf(scene, "GC").length === 2, "GC is not executed on both plugins");
      given(hasRefused(exchange), "GC succeeds although both of its plugins fail");
      for (const what of gcErrors) {
        expectThat(scene, wordsOf(exchange).includes(what), `the error of GC does not tell ${what}`);
      }
    },
  },
  {
    id: "D-14a",
    level: "MUST",
    section: "3, Adding an attachment",
    sentence: "If the plugin returns an error, halt execution and return the error to the caller.",
    title: "the error of a plugin keeps its code, its message and its details",
    operations: ["ADD"],
    kinds,
    needs,
    probe: async (scene) => {
      useList(scene, [{ verbs: { ADD: marked(scene) } }]);
      const exchange = await call(scene, "ADD", await newContainer(scene));
      given(hasRefused(exchange), "ADD succeeds although its plugin fails");
      const code = errorOf(exchange)?.code;
      expectThat(scene, code === markedCode, `the code is ${String(code)}, not ${markedCode}`);
      for (const word of ["hwc-refusal", "hwc-details"]) {
        expectThat(scene, wordsOf(exchange).includes(word), `the error does not tell ${word}`);
      }
    },
  },
  {
    id: "D-14b",
    level: "advisory",
    section: "2, Errors",
    sentence: "stderr can be used for unstructured output such as logs.",
    title: "the error of a plugin that failed without a document tells what it said on stderr",
    operations: ["ADD"],
    kinds,
    needs,
    probe: async (scene) => {
      useList(scene, [{ verbs: { ADD: { stderr: "hwc-said", exitCode: 1 } } }]);
      const exchange = await call(scene, "ADD", await newContainer(scene));
      given(hasRefused(exchange), "ADD succeeds although its plugin fails");
      expectThat(scene, wordsOf(exchange).includes("hwc-said"), "the error does not tell what it said");
    },
  },
  {
    id: "D-14c",
    level: "advisory",
    section: "3, Adding an attachment",
    sentence: "Look up the executable specified in the `type` field. (libcni tries again on ETXTBSY.)",
    title: "a plugin whose executable is being replaced, and so cannot be started, is tried again",
    operations: ["ADD"],
    kinds,
    needs,
    probe: async (scene) => {
      useList(scene, [{}, {}]);
      const letGo = await scene.machine.keepBusy(`${scene.machine.binDir}/${secondType}`);
      if (letGo === undefined) throw new NotApplicable("this kernel starts a file that is open for writing");
      const adding = call(scene, "ADD", await newContainer(scene));
      const started = await waitUntil(() => callsOf(scene, "ADD", firstType).length > 0, startMs);
      // No try can be seen from outside: time for one or more, since the plugin before it was run.
      await waitUntil(() => false, busyMs);
      letGo();
      given(started, "the plugin before it is not run");
      expectSuccess(scene, await adding, "ADD while a plugin is being replaced");
    },
  },
  {
    id: "D-14d",
    level: "advisory",
    section: "5, ADD Success",
    sentence: "`cniVersion`: the same version supplied on input.",
    title: "a plugin's result without cniVersion is taken for one of the configuration's",
    operations: ["ADD"],
    since: "0.3.0",
    kinds,
    needs,
    probe: async (scene) => {
      const { cniVersion: _none, ...result } = interfaceResult(scene.version);
      useList(scene, [{ verbs: { ADD: answer(result) } }]);
      const exchange = await call(scene, "ADD", await newContainer(scene));
      expectSuccess(scene, exchange, "ADD of a plugin whose result has no cniVersion");
    },
  },
  {
    id: "D-15a",
    level: "advisory",
    section: "3, Adding an attachment",
    sentence:
      "For every plugin in the `plugins` key: look up the executable. (One that is its own plugin never ends.)",
    title: "a list that has the meta-plugin itself as a plugin is refused",
    operations: ["ADD"],
    kinds,
    needs,
    probe: async (scene) => {
      const { type } = scene.subject.profile.config;
      useList(scene, [{}]);
      // The inner one would do, and end: a plugin that fails here costs the machine no flood of processes.
      const state = `${scene.machine.folder}/state/inner`;
      const inner = fill(scene.subject.profile.listConfig ?? {}, { ...scene.holes, state });
      useList(scene, [{ config: { ...inner, type } }]);
      const exchange = await call(scene, "ADD", await newContainer(scene));
      expectRefused(scene, exchange, "ADD of a list with the meta-plugin itself");
      expectThat(scene, callsOf(scene, "ADD").length === 0, "it has run itself");
    },
  },
];
