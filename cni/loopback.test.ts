import { expect, test } from "vitest";
import { isOnLoopback } from "./loopback.ts";

test.each([
  ["http://127.0.0.1:8001", true],
  ["http://127.8.9.10", true],
  ["http://localhost:2379", true],
  ["http://[::1]:2379/x", true],
  ["http://0x7f.1:80", true],
  ["https://127.0.0.1", false],
  ["http://127.0.0.1.example.org", false],
  ["http://127.example.org", false],
  ["http://localhost.example.org", false],
  ["http://10.0.0.1", false],
  ["http://0.0.0.0", false],
  ["http://[::ffff:127.0.0.1]", false],
  ["http://me@10.0.0.1/127.0.0.1", false],
  ["127.0.0.1", false],
])("%s: %s", (url, expected) => {
  expect(isOnLoopback(url)).toBe(expected);
});
