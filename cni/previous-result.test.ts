import { describe, expect, it } from "vitest";
import { previousResult } from "./previous-result.ts";
import type { NetworkConfig } from "./types.ts";

const network = (prevResult?: NetworkConfig["raw"]): NetworkConfig => ({
  cniVersion: "1.0.0",
  name: "net",
  type: "bridge",
  raw: prevResult === undefined ? {} : { prevResult },
});

describe("the result of ADD that CHECK gets", () => {
  it("is read in the version of the configuration", () => {
    const read = previousResult(network({ ips: [{ address: "10.1.0.5/16" }] }));
    expect(read).toEqual({ ok: true, value: { ips: [{ address: "10.1.0.5/16" }] } });
  });

  it.each([
    { given: undefined, why: "required prevResult is missing" },
    { given: { ips: [{ address: "10.1.0.5" }] }, why: "ips[0].address" },
  ])("is an error if it is $given", ({ given, why }) => {
    const read = previousResult(network(given));
    if (read.ok) expect.unreachable("it was taken");
    expect(read.error).toMatchObject({ id: "config.prev-result", code: 7 });
    expect(read.error.msg).toContain(why);
  });
});
