import { describe, expect, test } from "vitest";
import {
  identityIn,
  innerIdentity,
  outerIdentity,
  parseIdentity,
  pidOf,
  printIdentity,
  printOperation,
} from "./process-identity.ts";

const identity = { bootId: "0a1b2c3d", pid: 17, startTicks: "123456" };

describe("an identity", () => {
  test("is printed as locks on disk have it, and read again", () => {
    expect(printIdentity(identity)).toBe("0a1b2c3d-17-123456");
    expect(parseIdentity("0a1b2c3d-17-123456")).toEqual(identity);
    expect(pidOf("0a1b2c3d-17-123456")).toBe(17);
  });

  test.each([
    "",
    "x",
    "0a1b2c3d-17",
    "0a1b2c3d-17-",
    "0a1b2c3d-x-1",
    "0a1b2c3d-17-1-more",
    "0a1b2c3d-17-1.",
    ".0-1-2",
  ])("%j is none", (text) => {
    expect(parseIdentity(text)).toBeUndefined();
    expect(pidOf(text)).toBeNaN();
  });
});

test("an operation tells whose it is, and so does an identity in its place, which is 0.1.0's", () => {
  const text = printIdentity(identity);
  expect(identityIn(printOperation(text, "5ec3e7"))).toBe(text);
  expect(identityIn(text)).toBe(text);
});

test("a delegate within a process has an identity of its own, which names the process", () => {
  const inner = innerIdentity(printIdentity(identity), 3);
  expect(inner).toBe("0a1b2c3d-17-123456.3");
  expect(parseIdentity(inner)).toEqual(identity);
  expect(outerIdentity(inner)).toBe(printIdentity(identity));
  expect(outerIdentity(printIdentity(identity))).toBe(printIdentity(identity));
  expect(identityIn(printOperation(inner, "5ec3e7"))).toBe(inner);
});
