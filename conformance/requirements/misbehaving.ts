import type { Behaviour } from "../delegates/behaviour.ts";
import { describeEnd, errorProblem } from "../error-document.ts";
import { call, expectSuccess, expectThat, hasCrashed, hasRefused, newContainer } from "../probe-steps.ts";
import { makers, type Requirement } from "../requirement.ts";
import type { Scene } from "../scene.ts";
import { goodAdd, useDelegate } from "./recorder.ts";

const section = "4, Delegated Plugin protocol";
const sentence = "Success is indicated by a zero return code and a Success result type output to stdout.";

/** The plugin answers a broken delegate with an error of its own. */
async function expectOwnError(scene: Scene, add: Behaviour, what: string): Promise<void> {
  useDelegate(scene, { ADD: add });
  const exchange = await call(scene, "ADD", await newContainer(scene));
  if (hasCrashed(exchange)) return expectThat(scene, false, `${what}: ${describeEnd(exchange)}`);
  if (!hasRefused(exchange)) return expectThat(scene, false, `${what}: ADD succeeded`);
  const problem = errorProblem(exchange);
  expectThat(scene, problem === undefined, `${what}: ${problem}`);
}

/** Each is one more way in which the delegate breaks the protocol; the letters follow those of P-45. */
function misbehaviour(id: string, title: string, add: (scene: Scene) => Behaviour): Requirement {
  return {
    id,
    level: "advisory",
    section,
    sentence,
    title: `a delegate ${title}: ADD fails with one error document`,
    operations: ["ADD"],
    kinds: makers,
    needs: ["delegate"],
    probe: (scene) => expectOwnError(scene, add(scene), `a delegate ${title}`),
  };
}

const mebibyte = 1024 * 1024;

export const misbehavingRequirements: readonly Requirement[] = [
  misbehaviour("P-45e", "that prints garbage", () => ({ stdout: "<garbage>" })),
  misbehaviour("P-45f", "that prints two documents", (scene) => {
    const { stdout = "" } = goodAdd(scene);
    return { stdout: `${stdout}\n${stdout}` };
  }),
  misbehaviour("P-45g", "that answers in cniVersion 9.9.9", (scene) => {
    const { stdout = "" } = goodAdd(scene);
    return { stdout: JSON.stringify({ ...JSON.parse(stdout), cniVersion: "9.9.9" }) };
  }),
  misbehaviour("P-45h", "that is killed", () => ({ killed: true })),
  misbehaviour("P-45i", "that floods stdout with 8 MiB", (scene) => ({
    ...goodAdd(scene),
    flood: 8 * mebibyte,
  })),
  misbehaviour("P-45j", "that fails without a word", () => ({ exitCode: 1 })),
  {
    id: "P-45k",
    level: "SHOULD",
    section,
    sentence,
    title: "a delegate that takes its time is waited for",
    operations: ["ADD"],
    kinds: makers,
    needs: ["delegate"],
    probe: async (scene) => {
      useDelegate(scene, { ADD: { ...goodAdd(scene), delayS: 1 } });
      expectSuccess(
        scene,
        await call(scene, "ADD", await newContainer(scene)),
        "ADD with a delegate that takes 1 s",
      );
    },
  },
];
