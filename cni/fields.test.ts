import { describe, expect, it } from "vitest";
import { fieldOf, readObject, readText, readTexts, show } from "./fields.ts";
import { newNotes, problemTexts } from "./readers.ts";

describe("fields in the spelling of Go programs", () => {
  it.each([
    { object: { isGateway: true }, key: "isGateway", value: true },
    { object: { ISGATEWAY: true }, key: "isGateway", value: true },
    { object: { isgateway: false, isGateway: true }, key: "isGateway", value: true },
    { object: { isGateway: null }, key: "isGateway", value: undefined },
    { object: { gateway: true }, key: "isGateway", value: undefined },
  ])("$key of $object is $value", ({ object, key, value }) => {
    expect(fieldOf(object, key)).toBe(value);
  });

  it("a value of another type is a problem at its place", () => {
    const notes = newNotes();
    readText({ type: 5 }, "type", "ipam", notes);
    readTexts({ search: ["a", 1] }, "search", "dns", notes);
    readObject({ args: [] }, "args", "args", notes);
    expect(problemTexts(notes)).toEqual([
      "ipam.type: is a number, not a string",
      "dns.search[1]: is a number, not a string",
      "args: is an array, not an object",
    ]);
  });

  it("an absent field is empty", () => {
    const notes = newNotes();
    expect([readText({}, "type", "", notes), readTexts({}, "a", "", notes)]).toEqual(["", []]);
    expect(notes.problems).toEqual([]);
  });

  it("a value is shown without the password of a URL", () => {
    expect(show("https://user:hunter2@host")).not.toContain("hunter2");
  });
});
