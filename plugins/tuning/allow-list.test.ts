import { expect, test } from "vitest";
import { createFake } from "../../sys/fake.ts";
import { allowListPath, checkAllowed } from "./allow-list.ts";

function ask(list: string | undefined, ...keys: string[]) {
  const { sys } = createFake({ files: list === undefined ? {} : { [allowListPath]: list } });
  const sysctls = keys.map((key) => ({ key, name: key, value: "1" }));
  const allowed = checkAllowed(sys, sysctls);
  return allowed.ok ? "allowed" : allowed.error;
}

test("without a list everything is allowed", () => {
  expect(ask(undefined, "net.a")).toBe("allowed");
});

test.each([
  ["^net\\.ipv4\\.conf\\.IFNAME\\.[a-z_]*$", "net.ipv4.conf.IFNAME.arp_filter"],
  ["a\n\n  ^net.ipv4  \r\nb", "net.ipv4.tcp_syncookies"],
  ["conf", "net.ipv4.conf.all.x"],
  ["(?i)^NET", "net.a"],
  ["\\Anet\\.[[:alpha:]]+\\z", "net.core"],
  ["(?P<top>net)\\.x", "net.x"],
])("the list %j allows %s", (list, key) => {
  expect(ask(list, key)).toBe("allowed");
});

test("what no line matches is denied by name, and an empty list denies all", () => {
  const list = "^net\\.ipv4\\.";
  expect(ask(list, "net.ipv4.a", "net.core.b", "net.core.c")).toMatchObject({
    code: 7,
    id: "tuning.sysctl-denied",
    msg: "the node's list of sysctls does not allow net.core.b, net.core.c",
  });
  expect(ask("\n", "net.a")).toMatchObject({ id: "tuning.sysctl-denied" });
});

test.each(["(", "ok\n[", "^net(?=x)", "(a)\\1"])("the list %j is an error", (list) => {
  expect(ask(list, "net.a")).toMatchObject({ code: 5, id: "tuning.allow-list" });
});

test("a list that cannot be read is an error", () => {
  const fake = createFake({ files: { [allowListPath]: "" } });
  fake.failReads(allowListPath, "EACCES");
  expect(checkAllowed(fake.sys, [])).toMatchObject({ ok: false, error: { id: "tuning.allow-list" } });
});
