import { describe, expect, it } from "vitest";
import { hostEndName } from "./host-end.ts";

describe("the name of a host's end", () => {
  it("is one that the reference plugins could have given", () => {
    expect(hostEndName("c1", "eth0")).toMatch(/^veth[0-9a-f]{8}$/);
  });

  it("is the same for an attachment, and another for another one or another turn", () => {
    const names = [
      hostEndName("c1", "eth0"),
      hostEndName("c1", "net1"),
      hostEndName("c2", "eth0"),
      hostEndName("c1", "eth0", 1),
      hostEndName("c1", "eth0", 2),
    ];
    expect(new Set(names).size).toBe(names.length);
    expect(hostEndName("c1", "eth0")).toBe(names[0]);
  });
});
