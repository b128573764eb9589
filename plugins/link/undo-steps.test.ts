import { describe, expect, it } from "vitest";
import { cniError } from "../../cni/errors.ts";
import { fail, ok } from "../../sys/outcome.ts";
import { withUndo } from "./undo-steps.ts";

const refusal = cniError("link", "link.refused", "it failed", "Because.");

describe("undoing an ADD", () => {
  it("takes back what was done, last first", async () => {
    const undone: string[] = [];
    const outcome = await withUndo(async (note) => {
      for (const each of ["one", "two"])
        note(() => {
          undone.push(each);
          return ok(undefined);
        });
      return fail(refusal);
    });
    expect(undone).toEqual(["two", "one"]);
    expect(outcome).toEqual(fail(refusal));
  });

  it("takes nothing back when all is well", async () => {
    const outcome = await withUndo(async (note) => {
      note(() => expect.unreachable("it was undone"));
      return ok(5);
    });
    expect(outcome).toEqual(ok(5));
  });

  it("goes on after a step that fails, and tells it behind the error", async () => {
    const undone: string[] = [];
    const outcome = await withUndo(async (note) => {
      note(() => {
        undone.push("first");
        return ok(undefined);
      });
      note(() => fail(cniError("link", "link.refused", "stuck")));
      return fail(refusal);
    });
    expect(undone).toEqual(["first"]);
    const details = "Because. Undoing it failed too, and DEL will try again: (stuck)";
    expect(outcome).toEqual(fail({ ...refusal, details }));
  });
});
