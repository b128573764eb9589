import { describe, expect, test } from "vitest";
import { cniError, codes, errorDocument, failWith, joinErrors, describe as tell, within } from "./errors.ts";

const full = cniError("notAvailable", "delegate.failed", 'STATUS of plugin "bridge": no bridge', "Make one.");
const bare = cniError("delegate", "delegate.signal", 'ADD of plugin "bridge" was ended by SIGSEGV');

describe("P-13: codes", () => {
  /** Flag 0, 8-10, 12-49, 52-99: reserved and not defined. */
  const defined = [1, 2, 3, 4, 5, 6, 7, 11, 50, 51];
  test.each(Object.entries(codes))(
    "%s (%i) is defined by the specification or ours to define",
    (_name, code) => {
      expect(code >= 100 || defined.includes(code)).toBe(true);
    },
  );

  test("no two mean the same", () => {
    expect(new Set(Object.values(codes)).size).toBe(Object.values(codes).length);
  });

  test("every one of the specification has a name", () => {
    expect(Object.values(codes).filter((code) => code < 100)).toEqual(defined);
  });
});

test("a code is given by name, or as the delegate gave it", () => {
  expect(cniError("tryAgainLater", "lock.busy", "m")).toEqual({
    code: 11,
    id: "lock.busy",
    msg: "m",
    details: "",
  });
  expect(cniError(999, "lock.busy", "m", "d")).toEqual({
    code: 999,
    id: "lock.busy",
    msg: "m",
    details: "d",
  });
  expect(failWith("undecodable", "lock.busy", "m")).toEqual({
    ok: false,
    error: { code: 6, id: "lock.busy", msg: "m", details: "" },
  });
});

describe("P-2: the document", () => {
  test("has cniVersion, code, msg and details, in the version asked for, the id at the end", () => {
    const document = errorDocument(full, "0.4.0");
    expect(JSON.stringify(document)).toBe(
      JSON.stringify({
        cniVersion: "0.4.0",
        code: 50,
        msg: full.msg,
        details: "Make one. [delegate.failed]",
      }),
    );
  });

  test("has details even where there is nothing but the id", () => {
    expect(errorDocument(bare, "1.1.0").details).toBe("[delegate.signal]");
  });
});

test("what a delegate or a server said cannot be taken for a command of a terminal, or for a line of ours", () => {
  const document = errorDocument(
    cniError("delegate", "delegate.failed", "no bridge\u001b[2J\nhawser: all is well", "See\u202e it\r."),
    "1.1.0",
  );
  expect(document).toMatchObject({
    msg: "no bridge\\u001b[2J\\nhawser: all is well",
    details: "See\\u202e it\\r. [delegate.failed]",
  });
});

test("what is said without end is cut, and the id stays", () => {
  const long = "x".repeat(20_000);
  const { msg, details } = errorDocument(cniError("delegate", "delegate.failed", long, long), "1.1.0");
  expect(msg).toBe(`${"x".repeat(16_384)}... (cut by hawser)`);
  expect(details).toBe(`${"x".repeat(16_384)}... (cut by hawser) [delegate.failed]`);
});

test("one line for people", () => {
  expect(tell(full)).toBe(`STATUS of plugin "bridge": no bridge; Make one.`);
  expect(tell(bare)).toBe(`ADD of plugin "bridge" was ended by SIGSEGV`);
});

test("told from further out, it is still the same failure", () => {
  expect(within("attach net1", full)).toEqual({ ...full, msg: `attach net1: ${full.msg}` });
});

describe("several failures as one", () => {
  test("a single one is itself", () => {
    expect(joinErrors([full])).toBe(full);
  });

  test("the first gives code and id, the others are not lost", () => {
    const other = cniError("records", "records.write", "write the record", "The disk is full.");
    expect(joinErrors([bare, full, other])).toEqual({
      ...bare,
      details: `Also failed: (STATUS of plugin "bridge": no bridge; Make one.) (write the record; The disk is full.)`,
    });
    expect(joinErrors([full, bare]).details).toBe(
      `Make one. Also failed: (ADD of plugin "bridge" was ended by SIGSEGV)`,
    );
  });
});
