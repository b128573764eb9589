import { errorsIn, isReserved } from "../error-document.ts";
import {
  attachNew,
  call,
  expectCode,
  expectOrdinary,
  expectRefused,
  expectThat,
  expectWords,
  given,
  hasRefused,
  hasSucceeded,
  newContainer,
} from "../probe-steps.ts";
import { everyKind, type Requirement } from "../requirement.ts";
import type { Exchange } from "../scene.ts";
import { hasVerb } from "../versions.ts";
import { refusals } from "./refusals.ts";

const errors = "2, Errors";
const errorType = "5, Error";
const exitStatus = "A plugin must exit with a return code of 0 on success, and non-zero on failure.";

const malformed: readonly (readonly [string, string])[] = [
  ["nothing", ""],
  ["a truncated document", '{"cniVersion":"1.0.0","name":"hwc'],
  ["a list", "[]"],
];

export const configRequirements: readonly Requirement[] = [
  {
    id: "P-6a",
    level: "MUST",
    section: "1, Configuration format",
    sentence: "`name` must start with an alphanumeric character, followed by alphanumerics, `_`, `.` or `-`.",
    title: "ADD refuses a network name that is ../x, a b, empty, missing, null or no text",
    operations: ["ADD"],
    kinds: everyKind,
    probe: async (scene) => {
      const container = await newContainer(scene);
      for (const name of ["../x", "a b", "", undefined, null, 7]) {
        const exchange = await call(scene, "ADD", container, { config: { name } });
        expectRefused(scene, exchange, `ADD with the network name ${JSON.stringify(name) ?? "missing"}`);
      }
    },
  },
  {
    id: "P-6b",
    level: "advisory",
    section: errorType,
    sentence: "`7`: Invalid network config. `6`: Failed to decode content.",
    title: "the refusal of a network name has code 7, of one that is no text code 6",
    operations: ["ADD"],
    kinds: everyKind,
    probe: async (scene) => {
      const container = await newContainer(scene);
      for (const name of ["../x", "a b", "", undefined, null, 7]) {
        const exchange = await call(scene, "ADD", container, { config: { name } });
        const what = `ADD with the network name ${JSON.stringify(name) ?? "missing"}`;
        given(hasRefused(exchange), `${what} is accepted`);
        expectCode(scene, exchange, [name === 7 ? 6 : 7], what);
      }
    },
  },
  {
    id: "P-10a",
    level: "MUST",
    section: errors,
    sentence: exitStatus,
    title: "ADD refuses a configuration that is no JSON object",
    operations: ["ADD"],
    kinds: everyKind,
    probe: async (scene) => {
      const container = await newContainer(scene);
      for (const [what, stdin] of malformed) {
        expectRefused(scene, await call(scene, "ADD", container, { stdin }), `ADD with ${what} on stdin`);
      }
    },
  },
  {
    id: "P-10b",
    level: "SHOULD",
    section: errorType,
    sentence: "`6`: Failed to decode content. For example, failed to unmarshal network config from bytes.",
    title: "the refusal of such a configuration, and of bytes behind one, has code 6",
    operations: ["ADD"],
    kinds: everyKind,
    probe: async (scene) => {
      const container = await newContainer(scene);
      const trailing = `{"cniVersion":"${scene.version}","name":"hwcnet","type":"x"} x`;
      for (const [what, stdin] of [...malformed, ["trailing bytes", trailing] as const]) {
        const exchange = await call(scene, "ADD", container, { stdin });
        given(hasRefused(exchange), `ADD with ${what} on stdin is accepted`);
        expectCode(scene, exchange, [6], `ADD with ${what} on stdin`);
      }
    },
  },
  {
    id: "P-10c",
    level: "SHOULD",
    section: errorType,
    sentence: "`5`: I/O failure. For example, failed to read network config bytes from stdin.",
    title: "ADD with a stdin that cannot be read: code 5",
    operations: ["ADD"],
    kinds: everyKind,
    probe: async (scene) => {
      const exchange = await call(scene, "ADD", await newContainer(scene), { unreadableStdin: true });
      expectRefused(scene, exchange, "ADD with a stdin that cannot be read");
      if (hasRefused(exchange)) expectCode(scene, exchange, [5], "ADD with a stdin that cannot be read");
    },
  },
  {
    id: "P-11a",
    level: "MUST",
    section: errorType,
    sentence: "`1`: Incompatible CNI version.",
    title: "ADD refuses the cniVersion 9.9.9, 1.1 and abc",
    operations: ["ADD"],
    kinds: everyKind,
    probe: async (scene) => {
      const container = await newContainer(scene);
      for (const cniVersion of ["9.9.9", "1.1", "abc"]) {
        const exchange = await call(scene, "ADD", container, { config: { cniVersion } });
        expectRefused(scene, exchange, `ADD with cniVersion ${cniVersion}`);
      }
    },
  },
  {
    id: "P-11b",
    level: "SHOULD",
    section: errorType,
    sentence: "`1`: Incompatible CNI version.",
    title: "the refusal of a version has code 1",
    operations: ["ADD"],
    kinds: everyKind,
    probe: async (scene) => {
      const container = await newContainer(scene);
      for (const cniVersion of ["9.9.9", "1.1", "abc"]) {
        const exchange = await call(scene, "ADD", container, { config: { cniVersion } });
        given(hasRefused(exchange), `ADD with cniVersion ${cniVersion} is accepted`);
        expectCode(scene, exchange, [1], `ADD with cniVersion ${cniVersion}`);
      }
    },
  },
  {
    id: "P-12a",
    level: "MUST",
    section: errorType,
    sentence:
      "`2`: Unsupported field. The error message must contain the key and value of the unsupported field.",
    title: "where an unknown field is refused, it is with code 2, its key and its value",
    operations: ["ADD"],
    kinds: everyKind,
    probe: async (scene) => {
      const container = await newContainer(scene);
      const exchange = await call(scene, "ADD", container, { config: { hwcUnknownField: "hwc-value" } });
      if (hasSucceeded(exchange)) return;
      given(hasSucceeded(await call(scene, "ADD", await newContainer(scene))), "an ordinary ADD fails, too");
      expectCode(scene, exchange, [2], "an unknown field");
      expectWords(scene, exchange, ["hwcUnknownField", "hwc-value"], "an unknown field");
    },
  },
  {
    id: "P-12b",
    level: "SHOULD",
    section: "1, Plugin configuration objects",
    sentence: "`args` carries what others may want: a plugin ignores what it does not know of it.",
    title: "ADD ignores unknown content of args",
    operations: ["ADD"],
    kinds: everyKind,
    probe: async (scene) => {
      const config = { args: { "hwc.example/unknown": { list: [1, "two"] } } };
      const exchange = await call(scene, "ADD", await newContainer(scene), { config });
      await expectOrdinary(scene, exchange, "ADD with unknown content of args");
    },
  },
  {
    id: "P-13a",
    level: "MUST",
    section: errorType,
    sentence: "Error codes 0-99 are reserved for well-known errors. Values of 100+ can be freely used.",
    title: "no error has code 0, 8 to 10, 12 to 49 or 52 to 99",
    operations: ["ADD", "DEL", "CHECK", "GC"],
    kinds: everyKind,
    probe: async (scene) => {
      const container = await newContainer(scene);
      const { invalid = {}, name } = scene.subject.profile;
      const nowhere = { name: "", path: `${scene.machine.folder}/never-made` };
      const ownNetns = await call(scene, "ADD", { ...container, netns: scene.machine.node });
      const calls: (readonly [string, Exchange])[] = [
        ["the node's own netns", ownNetns],
        ["a netns that does not exist", await call(scene, "ADD", { ...container, netns: nowhere })],
        ["half a document on stdin", await call(scene, "ADD", container, { stdin: "{" })],
        ["cniVersion 9.9.9", await call(scene, "ADD", container, { config: { cniVersion: "9.9.9" } })],
        [
          `a configuration that is invalid for ${name}`,
          await call(scene, "ADD", container, { config: invalid }),
        ],
        ...(await refusals(scene)).map((each) => ["bad input", each] as const),
      ];
      for (const [what, exchange] of calls) {
        for (const { code } of errorsIn(exchange)) {
          const said = `${exchange.verb} with ${what} failed with the reserved code ${String(code)}`;
          expectThat(scene, !isReserved(code), said);
        }
      }
    },
  },
  {
    id: "P-13b",
    level: "advisory",
    section: errorType,
    sentence:
      "`7`: Invalid network config. If some validations on network configs do not pass, this error will be raised.",
    title: "a configuration that the plugin finds invalid: code 7, or 6 where it cannot be decoded",
    operations: ["ADD"],
    kinds: everyKind,
    probe: async (scene) => {
      const { invalid = { ipam: { type: "../hwc-none" } } } = scene.subject.profile;
      const exchange = await call(scene, "ADD", await newContainer(scene), { config: invalid });
      given(hasRefused(exchange), "the plugin does not mind the configuration");
      expectCode(scene, exchange, [2, 6, 7], "ADD with an invalid configuration");
    },
  },
  {
    id: "P-13c",
    level: "advisory",
    section: "2, CHECK, STATUS, GC",
    sentence: "`1`: Incompatible CNI version. CHECK came with 0.4.0, STATUS and GC with 1.1.0.",
    title: "a verb that the configuration's version does not have: code 1",
    operations: ["CHECK", "STATUS", "GC"],
    // 1.1.0 has every verb.
    until: "1.0.0",
    kinds: everyKind,
    probe: async (scene) => {
      const container = await attachNew(scene);
      const missing = (["CHECK", "STATUS", "GC"] as const).filter((verb) => !hasVerb(scene.version, verb));
      for (const verb of missing) {
        const exchange = await call(scene, verb, verb === "CHECK" ? container : undefined, { valid: [] });
        expectRefused(scene, exchange, `${verb} at ${scene.version}`);
        if (hasRefused(exchange)) expectCode(scene, exchange, [1], `${verb} at ${scene.version}`);
      }
    },
  },
];
