import { expect, test } from "vitest";
import { defaultRoute, isSameRoute } from "./ip-route.ts";

test("ours is the best of its family, and known again in the kernel's spelling", () => {
  expect(defaultRoute("4", "10.2.0.1", "net1").words.join(" ")).toBe("default via 10.2.0.1 dev net1");
  const ours = defaultRoute("6", "FD02:0::1", "net1");
  expect(ours.words.join(" ")).toBe("default via FD02:0::1 dev net1 metric 1");
  expect(isSameRoute(ours, defaultRoute("6", "fd02::1", "net1"))).toBe(true);
  expect(isSameRoute(ours, defaultRoute("6", "fd02::1", "net2"))).toBe(false);
});
