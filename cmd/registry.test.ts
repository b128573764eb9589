import { expect, test } from "vitest";
import { registry, usesNetwork } from "./registry.ts";

test("all plugins but those that give addresses use the kernel's network", () => {
  const others = Object.keys(registry).filter((name) => !usesNetwork(name));
  expect(others.toSorted()).toEqual([
    "hawser-flat",
    "hawser-host-local",
    "hawser-static",
    "host-local",
    "static",
  ]);
});
