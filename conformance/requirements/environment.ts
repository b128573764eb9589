import { oneDocument } from "../oracle.ts";
import {
  attachNew,
  call,
  expectCode,
  expectOrdinary,
  expectRefused,
  expectSuccess,
  expectWords,
  given,
  hasCrashed,
  hasRefused,
  hasSucceeded,
  newContainer,
} from "../probe-steps.ts";
import { everyKind, type Requirement } from "../requirement.ts";
import type { CallChange, Scene } from "../scene.ts";
import type { SpecVerb } from "../vocabulary.ts";

const parameters = "2, Parameters";
const operations = "2, CNI operations";
const code4 =
  "`4`: Invalid necessary environment variables. The error message must contain the names of invalid variables.";

/** Calls a verb without one of the variables that it needs: with the variable unset, and with it empty. */
async function expectMissing(
  scene: Scene,
  verb: SpecVerb,
  names: readonly string[],
  value?: "",
): Promise<void> {
  const container = verb === "CHECK" || verb === "DEL" ? await attachNew(scene) : await newContainer(scene);
  const hasContainer = ["ADD", "DEL", "CHECK"].includes(verb);
  const valid: CallChange = verb === "GC" ? { valid: [] } : {};
  for (const name of names) {
    const what = `${verb} with ${name} ${value === undefined ? "unset" : "empty"}`;
    const change = { ...valid, env: { [name]: value } };
    const exchange = await call(scene, verb, hasContainer ? container : undefined, change);
    expectRefused(scene, exchange, what);
    if (hasRefused(exchange) && !hasCrashed(exchange)) {
      expectCode(scene, exchange, [4], what);
      expectWords(scene, exchange, [name], what);
    }
  }
}

const badIds = ["-a", ".a", "_a", "a/b", "../x", "a b", "é", "abc\n"];

async function expectBadIds(scene: Scene, verb: "ADD" | "DEL"): Promise<void> {
  const container = await newContainer(scene);
  for (const id of badIds) {
    const what = `${verb} with CNI_CONTAINERID ${JSON.stringify(id)}`;
    const exchange = await call(scene, verb, { ...container, id });
    expectRefused(scene, exchange, what);
    if (hasRefused(exchange)) expectCode(scene, exchange, [4], what);
  }
}

const badNames = ["sixteen-bytes-ab", ".", "..", "a/b", "a:b", "a b"];

export const environmentRequirements: readonly Requirement[] = [
  {
    id: "P-4a",
    level: "MUST",
    section: operations,
    sentence: `ADD requires CNI_COMMAND, CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME. ${code4}`,
    title: "ADD without a required variable: code 4, which names it",
    operations: ["ADD"],
    kinds: everyKind,
    probe: (scene) => expectMissing(scene, "ADD", ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"]),
  },
  {
    id: "P-4b",
    level: "MUST",
    section: operations,
    sentence: `CHECK requires CNI_COMMAND, CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME. ${code4}`,
    title: "CHECK without a required variable: code 4, which names it",
    operations: ["CHECK"],
    since: "0.4.0",
    kinds: everyKind,
    probe: (scene) => expectMissing(scene, "CHECK", ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"]),
  },
  {
    id: "P-4c",
    level: "MUST",
    section: operations,
    sentence: `DEL requires CNI_COMMAND, CNI_CONTAINERID, CNI_IFNAME. ${code4}`,
    title: "DEL without a required variable: code 4, which names it",
    operations: ["DEL"],
    kinds: everyKind,
    probe: (scene) => expectMissing(scene, "DEL", ["CNI_CONTAINERID", "CNI_IFNAME"]),
  },
  {
    id: "P-4d",
    level: "MUST",
    section: operations,
    sentence: `GC requires CNI_COMMAND, CNI_PATH. ${code4}`,
    title: "GC without CNI_PATH: code 4, which names it",
    operations: ["GC"],
    since: "1.1.0",
    kinds: everyKind,
    probe: (scene) => expectMissing(scene, "GC", ["CNI_PATH"]),
  },
  {
    id: "P-4e",
    level: "MUST",
    section: parameters,
    sentence: "CNI_CONTAINERID must not be empty.",
    title: "ADD with a required variable set to nothing: code 4, which names it",
    operations: ["ADD"],
    kinds: everyKind,
    probe: (scene) => expectMissing(scene, "ADD", ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"], ""),
  },
  {
    id: "P-4f",
    level: "MUST",
    section: operations,
    sentence: "Optional environment parameters: CNI_ARGS.",
    title: "ADD and DEL succeed with CNI_ARGS empty",
    operations: ["ADD", "DEL"],
    kinds: everyKind,
    probe: async (scene) => {
      const container = await newContainer(scene);
      const add = await call(scene, "ADD", container, { env: { CNI_ARGS: "" } });
      await expectOrdinary(scene, add, "ADD with CNI_ARGS empty");
      if (!hasSucceeded(add)) return;
      container.result = oneDocument(add.stdout).document;
      expectSuccess(
        scene,
        await call(scene, "DEL", container, { env: { CNI_ARGS: "" } }),
        "DEL with CNI_ARGS empty",
      );
    },
  },
  {
    id: "P-4g",
    level: "MUST",
    section: operations,
    sentence: "Optional environment parameters of ADD, DEL and CHECK: CNI_ARGS, CNI_PATH.",
    title: "a plugin that runs no other succeeds without CNI_PATH",
    operations: ["ADD", "DEL"],
    kinds: everyKind,
    needs: ["alone"],
    probe: async (scene) => {
      const container = await attachNew(scene);
      const change = { env: { CNI_PATH: undefined } };
      expectSuccess(scene, await call(scene, "DEL", container, change), "DEL without CNI_PATH");
      const fresh = await newContainer(scene);
      expectSuccess(scene, await call(scene, "ADD", fresh, change), "ADD without CNI_PATH");
    },
  },
  {
    id: "P-4h",
    level: "MUST",
    section: "2, STATUS",
    sentence: "STATUS requires nothing but CNI_COMMAND; CNI_PATH is optional.",
    title: "a plugin that runs no other answers STATUS with CNI_COMMAND alone",
    operations: ["STATUS"],
    since: "1.1.0",
    kinds: everyKind,
    needs: ["alone"],
    probe: async (scene) => {
      given(hasSucceeded(await call(scene, "STATUS")), "STATUS fails with CNI_PATH, too");
      const exchange = await call(scene, "STATUS", undefined, { env: { CNI_PATH: undefined } });
      expectSuccess(scene, exchange, "STATUS with CNI_COMMAND alone");
    },
  },
  {
    id: "P-5a",
    level: "MUST",
    section: parameters,
    sentence:
      "CNI_CONTAINERID must start with an alphanumeric character, followed by alphanumerics, `_`, `.` or `-`.",
    title: `ADD refuses the container IDs ${badIds.map((id) => JSON.stringify(id)).join(", ")} with code 4`,
    operations: ["ADD"],
    kinds: everyKind,
    probe: (scene) => expectBadIds(scene, "ADD"),
  },
  {
    id: "P-5b",
    level: "MUST",
    section: parameters,
    sentence:
      "CNI_CONTAINERID must start with an alphanumeric character, followed by alphanumerics, `_`, `.` or `-`.",
    title: "ADD takes a container ID of one character, and one of all that is allowed",
    operations: ["ADD"],
    kinds: everyKind,
    probe: async (scene) => {
      for (const id of ["7", "a_b.c-D9"]) {
        const exchange = await call(scene, "ADD", await newContainer(scene, { id }));
        await expectOrdinary(scene, exchange, `ADD with CNI_CONTAINERID ${id}`);
      }
    },
  },
  {
    id: "P-5c",
    level: "MUST",
    section: parameters,
    sentence:
      "CNI_CONTAINERID must start with an alphanumeric character, followed by alphanumerics, `_`, `.` or `-`.",
    title: "DEL refuses the same container IDs with code 4",
    operations: ["DEL"],
    kinds: everyKind,
    probe: (scene) => expectBadIds(scene, "DEL"),
  },
  {
    id: "P-7a",
    level: "MUST",
    section: parameters,
    sentence: "CNI_IFNAME: if the plugin is unable to use this interface name it must return an error.",
    title: `ADD refuses the interface names ${badNames.map((name) => JSON.stringify(name)).join(", ")}`,
    operations: ["ADD"],
    kinds: everyKind,
    probe: async (scene) => {
      const container = await newContainer(scene);
      for (const ifname of badNames) {
        const exchange = await call(scene, "ADD", { ...container, ifname });
        expectRefused(scene, exchange, `ADD with CNI_IFNAME ${JSON.stringify(ifname)}`);
      }
    },
  },
  {
    id: "P-7b",
    level: "advisory",
    section: parameters,
    sentence: "CNI_IFNAME: if the plugin is unable to use this interface name it must return an error.",
    title: "the refusal of an interface name has code 4",
    operations: ["ADD"],
    kinds: everyKind,
    probe: async (scene) => {
      const container = await newContainer(scene);
      for (const ifname of badNames) {
        const exchange = await call(scene, "ADD", { ...container, ifname });
        const what = `ADD with CNI_IFNAME ${JSON.stringify(ifname)}`;
        given(hasRefused(exchange), `${what} is accepted`);
        expectCode(scene, exchange, [4], what);
      }
    },
  },
  {
    id: "P-7c",
    level: "MUST",
    section: parameters,
    sentence: "CNI_IFNAME: name of the interface to create inside the container.",
    title: "ADD takes an interface name of 15 bytes",
    operations: ["ADD"],
    kinds: everyKind,
    probe: async (scene) => {
      const container = await newContainer(scene, { ifname: "fifteen-bytes-a" });
      await expectOrdinary(scene, await call(scene, "ADD", container), "ADD with CNI_IFNAME fifteen-bytes-a");
    },
  },
  {
    id: "P-8a",
    level: "advisory",
    section: operations,
    sentence: `CNI_COMMAND: ADD, DEL, CHECK, GC, STATUS or VERSION. ${code4}`,
    title: "an unknown command, or one in lower case: code 4",
    operations: ["ADD"],
    kinds: everyKind,
    settled: "STATUS is missing from the specification's list of commands; it is an operation all the same.",
    probe: async (scene) => {
      const container = await newContainer(scene);
      for (const command of ["FOO", "add"]) {
        const exchange = await call(scene, "ADD", container, { env: { CNI_COMMAND: command } });
        expectRefused(scene, exchange, `CNI_COMMAND ${command}`);
        if (hasRefused(exchange)) expectCode(scene, exchange, [4], `CNI_COMMAND ${command}`);
      }
    },
  },
  {
    id: "P-9a",
    level: "advisory",
    section: parameters,
    sentence: 'CNI_ARGS: key-value pairs separated by semicolons; for example, "FOO=BAR;ABC=123".',
    title: "ADD and DEL ignore an unknown key with IgnoreUnknown=1",
    operations: ["ADD", "DEL"],
    kinds: everyKind,
    probe: async (scene) => {
      const change = { env: { CNI_ARGS: "IgnoreUnknown=1;HWC_UNKNOWN=1" } };
      const container = await newContainer(scene);
      const add = await call(scene, "ADD", container, change);
      await expectOrdinary(scene, add, "ADD with CNI_ARGS IgnoreUnknown=1;HWC_UNKNOWN=1");
      if (!hasSucceeded(add)) return;
      container.result = oneDocument(add.stdout).document;
      expectSuccess(scene, await call(scene, "DEL", container, change), "DEL with the same CNI_ARGS");
    },
  },
];
