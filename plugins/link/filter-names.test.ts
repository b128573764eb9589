import { expect, test } from "vitest";
import {
  attachmentMark,
  chainComment,
  chainCommentStart,
  masqueradeChain,
  networkMark,
  ruleComment,
} from "./filter-names.ts";

const read = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** The expected texts are those of the reference plugins' own tests. */
test.each([
  ["unit-test", "eth0", "four", "6fd94d501e58f0aa-e766de567ef6c543, net: unit-test, if: eth0, id: four"],
  ["unit-test", "eth0", "two", "6fd94d501e58f0aa-d750b2c8f0f25d5f, net: unit-test, if: eth0, id: two"],
  ["alternate", "net1", "three", "82783ef24bdc7036-acb19d111858e348, net: alternate, if: net1, id: three"],
])("the comment of network %s, interface %s, container %s", (network, ifname, containerId, comment) => {
  const key = { network, ifname, containerId };
  expect(read(ruleComment(key))).toBe(comment);
  expect(comment.startsWith(attachmentMark(key))).toBe(true);
  expect(attachmentMark(key).startsWith(`${networkMark(network)}-`)).toBe(true);
});

test("a comment has no quotes and at most 128 bytes, whatever characters they are of", () => {
  const long = ruleComment({ network: 'a"b', ifname: "eth0", containerId: "ä".repeat(100) });
  expect(read(long)).toContain("net: ab, if");
  expect(long).toHaveLength(128);
});

test("the chain and the comment of iptables", () => {
  const key = { network: "test", containerId: "1234" };
  expect(masqueradeChain(key)).toBe("CNI-2bbe0c48b91a7d1b8a6753a8");
  expect(chainComment(key)).toBe('name: "test" id: "1234"');
  expect(chainComment(key).startsWith(chainCommentStart("test"))).toBe(true);
});
