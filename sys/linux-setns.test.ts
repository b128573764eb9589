import { describe, expect, test } from "vitest";
import type { CLibrary } from "./linux-c.ts";
import { networkKind, within } from "./linux-setns.ts";
import { ok } from "./outcome.ts";

const [home, pod] = [3, 4];
/** EPERM. */
const refused = 1;

/** A thread whose calls are noted. Those that `refuses` names fail. */
function createThread(refuses: readonly number[] = []) {
  const steps: string[] = [];
  const library: Pick<CLibrary, "setns" | "errno"> = {
    setns: (descriptor, kind) => {
      steps.push(`setns ${descriptor} ${kind === networkKind ? "net" : kind}`);
      return refuses.includes(descriptor) ? -1 : 0;
    },
    errno: () => refused,
  };
  const end = (why: string): void => void steps.push(why);
  return { steps, thread: { library: library as CLibrary, home, end } };
}

describe("a thread in another namespace", () => {
  test("does one thing there, and comes back", () => {
    const { steps, thread } = createThread();
    expect(within(thread, pod, () => ok(steps.push("act")))).toEqual(ok(2));
    expect(steps).toEqual(["setns 4 net", "act", "setns 3 net"]);
  });

  test("does nothing where it cannot enter", () => {
    const { steps, thread } = createThread([pod]);
    expect(within(thread, pod, () => ok(steps.push("act")))).toMatchObject({ error: { code: "EPERM" } });
    expect(steps).toEqual(["setns 4 net"]);
  });

  test("comes back from a bug, too", () => {
    const { steps, thread } = createThread();
    const act = (): never => {
      throw new Error("bug");
    };
    expect(() => within(thread, pod, act)).toThrow("bug");
    expect(steps.at(-1)).toBe("setns 3 net");
  });

  test("ends the process where it cannot come back", () => {
    const { steps, thread } = createThread([home]);
    within(thread, pod, () => ok(undefined));
    expect(steps.at(-1)).toBe("hawser: it cannot return to its own network namespace");
  });
});
