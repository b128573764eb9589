import { expect, test } from "vitest";
import type { Machine } from "./machine.ts";
import { makeMemoryMachine } from "./mutants/memory-machine.ts";
import { modelProfiles } from "./mutants/model-profiles.ts";
import { findObstacle } from "./obstacle.ts";
import { requirements } from "./requirements/all.ts";
import { runSuite } from "./runner.ts";

const profile = { ...modelProfiles.interface, kernel: ["ipvlan"] };
const subject = { plugin: "/plugins/hwcmodel-interface", profile, pluginPath: "/plugins" };
const makesNone = async () => "Unknown device type";
const makesAll = async () => undefined;

/** A machine on which a correct plugin cannot make its link. */
async function poorMachine(): Promise<Machine> {
  const machine = await makeMemoryMachine();
  const { run } = machine;
  return {
    ...machine,
    run: async (call) => {
      const end = await run(call);
      if (call.env.CNI_COMMAND !== "ADD" || end.exitCode !== 0) return end;
      const { cniVersion } = JSON.parse(call.stdin) as { cniVersion: string };
      const error = { cniVersion, code: 100, msg: "make eth0: operation not supported", details: "" };
      return { ...end, exitCode: 1, stdout: JSON.stringify(error) };
    },
  };
}

test("the kernel's reason is told where it makes no such link and no ADD succeeds", async () => {
  const reason = "the kernel makes no link of type ipvlan (Unknown device type)";
  expect(await findObstacle(subject, poorMachine, makesNone)).toEqual({
    reason,
    words: "operation not supported",
  });
  expect(await findObstacle(subject, makeMemoryMachine, makesNone)).toBeUndefined();
  expect(await findObstacle(subject, poorMachine, makesAll)).toBeUndefined();
});

test("what comes to the obstacle is untestable, and all else is tried", async () => {
  const obstacle = await findObstacle(subject, poorMachine, makesNone);
  const { cases } = await runSuite({
    subject: { ...subject, obstacle },
    requirements,
    versions: ["1.1.0"],
    parallel: 1,
    makeMachine: poorMachine,
    onCase: () => undefined,
  });
  const having = (verdict: string) =>
    cases.filter((each) => each.verdict === verdict).map(({ requirement }) => requirement.id);
  expect([having("fail"), having("blocked")]).toEqual([[], []]);
  expect(having("untestable")).toEqual(expect.arrayContaining(["P-16a", "P-17a", "P-32a"]));
  expect(having("pass")).toEqual(expect.arrayContaining(["P-4a", "P-5a", "P-11a", "P-14a", "P-24b"]));
});
