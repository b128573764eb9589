import * as fs from "node:fs";
import { describe, expect, test } from "vitest";
import { compared, listings, type Recorded } from "./recorded-testing.ts";

/** Made by net/kernel.live.test.ts: HAWSER_RECORD names the file to be written. */
const folder = `${import.meta.dirname}/testdata`;
const files = fs.readdirSync(folder).filter((name) => name.startsWith("kernel-"));

describe.each(files)("%s", (name) => {
  const recorded = JSON.parse(fs.readFileSync(`${folder}/${name}`, "utf8")) as Recorded;

  test.each(listings)("%s are what iproute2 said of them", (listing) => {
    const { ours, theirs } = compared(recorded, listing);
    expect(ours.length).toBeGreaterThan(1);
    expect(ours).toEqual(theirs);
  });
});

test("there are answers of a real kernel", () => {
  expect(files).not.toEqual([]);
});
