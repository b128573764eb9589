import fc from "fast-check";
import { expect, test } from "vitest";
import { newNotes, problemTexts } from "../../cni/readers.ts";
import { isSameValue, noteConflicts, sysctlOf } from "./sysctls.ts";

test.each([
  ["net.ipv4.ip_forward", "eth0", "ipv4/ip_forward"],
  ["net/ipv4/ip_forward", "eth0", "ipv4/ip_forward"],
  ["net.ipv4.conf.IFNAME.arp_filter", "eth0", "ipv4/conf/eth0/arp_filter"],
  ["net.ipv4.conf.IFNAME.arp_filter", "eth0.100", "ipv4/conf/eth0.100/arp_filter"],
  ["net.ipv4.conf.IFNAME.arp_filter", "a$&b", "ipv4/conf/a$&b/arp_filter"],
  ["net..ipv4//x", "eth0", "ipv4/x"],
  ["/net/ipv4/x/", "eth0", "ipv4/x"],
  ["../net/x", "eth0", "x"],
])("%s for %s is %s", (key, ifname, name) => {
  expect(sysctlOf(key, "1", ifname)).toEqual({ key, name, value: "1" });
});

test.each(["kernel.shmmax", "net", "net.", "", "...", "networks.x", "vm/net/x"])(
  "%j is no setting of the network",
  (key) => {
    expect(sysctlOf(key, "1", "eth0")).toBeUndefined();
  },
);

test("no key leads out of the network's folder", () => {
  const piece = fc.constantFrom("net", ".", "..", "/", "IFNAME", "kernel", "ipv4", "x");
  fc.assert(
    fc.property(fc.array(piece), fc.constantFrom("eth0", "a.b", "x..y"), (pieces, ifname) => {
      const name = sysctlOf(pieces.join(""), "1", ifname)?.name ?? "x";
      expect(name.split("/")).not.toContain("..");
      expect(name).not.toMatch(/^\/|\/\/|^$/);
    }),
  );
});

test("one setting with two values is a problem, with one value it is none", () => {
  const of = (key: string, value: string) => sysctlOf(key, value, "eth0") ?? { key, name: "", value };
  const same = newNotes();
  noteConflicts([of("net.a.x", "1"), of("net/a/x", "1"), of("net.a.y", "2")], same);
  expect(same.problems).toEqual([]);
  const notes = newNotes();
  noteConflicts([of("net.a.eth0", "1"), of("net.a.IFNAME", "2")], notes);
  expect(problemTexts(notes)).toEqual([
    "sysctl: net.a.eth0 and net.a.IFNAME are one setting with two values",
  ]);
});

test("values are the same whatever white space is between their words", () => {
  expect(isSameValue("32768\t60999", "32768 60999 ")).toBe(true);
  expect(isSameValue("32768\t60999", "3276860999")).toBe(false);
});
