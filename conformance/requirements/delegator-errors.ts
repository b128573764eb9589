import { wordsOf } from "../errors.ts";
import type { Kind, Need, Requirement } from "../requirement.ts";
import { call, expectRefused, expectThat, given, hasRefused, newContainer } from "../steps.ts";
import { attachList, firstType, secondType, useList } from "./list.ts";
import { callsOf, marked } from "./recorder.ts";

const kinds: readonly Kind[] = ["meta"];
const needs: readonly Need[] = ["list"];

/** Where a list stops, and where it must not. */
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
    title: "GC goes on past a plugin that fails, and returns both errors",
    operations: ["GC"],
    since: "1.1.0",
    kinds,
    needs,
    probe: async (scene) => {
      const failing = (what: string) => ({ verbs: { GC: marked(scene, what) } });
      useList(scene, [failing("hwc-one"), failing("hwc-two")]);
      const exchange = await call(scene, "GC", undefined, { valid: [] });
      for (const type of [firstType, secondType]) {
        expectThat(scene, callsOf(scene, "GC", type).length > 0, `GC was not executed on ${type}`);
      }
      given(hasRefused(exchange), "GC succeeds although both of its plugins fail");
      for (const what of ["hwc-one", "hwc-two"]) {
        expectThat(scene, wordsOf(exchange).includes(what), `the error of GC does not tell ${what}`);
      }
    },
  },
];
