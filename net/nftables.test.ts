import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readAttributes } from "./message.ts";
import {
  addChain,
  addTable,
  appendRule,
  flushChain,
  hook,
  nftFamily,
  nftHeaderBytes,
  readChainRule,
  ruleAttribute,
} from "./nftables.ts";
import {
  decodeComment,
  decodeExpressions,
  type Expression,
  encodeComment,
  encodeExpressions,
  header,
  linkNameData,
  metaKey,
  verdict,
} from "./nftables-expressions.ts";
import type { Request } from "./talk.ts";

/** What nft 1.0.6 sends for the reference plugins' rules. */
const said = JSON.parse(
  readFileSync(new URL("testdata/nft-messages.json", import.meta.url), "utf8"),
) as Record<"masquerade" | "spoofCheck", { type: number; payload: string }[]>;

const asSaid = ({ type, payload }: Request<void>) => ({
  type: type & 0xff,
  payload: Buffer.from(payload).toString("hex"),
});

describe("the words of nft", () => {
  test("a table and its chains, with comments", () => {
    const table = { family: nftFamily.inet, table: "cni_plugins_masquerade" } as const;
    const comment = "Masquerading for plugins from github.com/containernetworking/plugins";
    expect(asSaid(addTable(table, comment))).toEqual(said.masquerade[0]);
    const why = "Masquerade traffic from certain IPs to any (non-multicast) IP outside their subnet";
    expect(asSaid(addChain({ ...table, chain: "masq_checks" }, undefined, why))).toEqual(said.masquerade[1]);
    const base = { type: "nat", hook: hook.postRouting, priority: 100 } as const;
    expect(asSaid(addChain({ ...table, chain: "postrouting" }, base))).toEqual(said.masquerade[2]);
    expect(asSaid(flushChain({ ...table, chain: "postrouting" }))).toEqual(said.masquerade[3]);
  });

  test("the rules of macspoofchk", () => {
    const table = { family: nftFamily.bridge, table: "nat" } as const;
    const comment = new TextEncoder().encode("macspoofchk-c1-eth0");
    const [first, link, mac] = ["PREROUTING", "cni-br-iface-c1-eth0", "cni-br-iface-c1-eth0-mac"].map(
      (chain) => ({ ...table, chain }),
    );
    if (first === undefined || link === undefined || mac === undefined) throw new Error("no chains");
    const jump = ({ chain }: { chain: string }): Expression => ({
      kind: "verdict",
      verdict: verdict.jump,
      chain,
    });
    const requests = [
      addTable(table),
      addChain(first, { type: "filter", hook: hook.preRouting, priority: -300 }),
      addChain(link),
      addChain(mac),
      flushChain(link),
      flushChain(mac),
      appendRule(
        first,
        [
          { kind: "meta", key: metaKey.inLinkName },
          { kind: "compare", equal: true, data: linkNameData("veth0") },
          jump(link),
        ],
        comment,
      ),
      appendRule(link, [jump(mac)], comment),
      appendRule(
        mac,
        [
          { kind: "payload", base: header.link, offset: 6, length: 6 },
          { kind: "compare", equal: true, data: Uint8Array.of(2, 0, 0, 0, 0, 1) },
          { kind: "verdict", verdict: verdict.return },
        ],
        comment,
      ),
      appendRule(mac, [{ kind: "verdict", verdict: verdict.drop }], comment),
    ];
    expect(requests.map(asSaid)).toEqual(said.spoofCheck);
  });

  test("every rule is read, and written again as it was", () => {
    for (const { type, payload } of [...said.masquerade, ...said.spoofCheck]) {
      if (type !== 6) continue;
      const bytes = Uint8Array.from(Buffer.from(payload, "hex"));
      const rule = readChainRule({ type: 0, flags: 0, sequence: 0, port: 0, payload: bytes });
      expect(rule.expressions.map(({ kind }) => kind)).not.toContain("other");
      expect(asSaid(appendRule(rule, rule.expressions, rule.comment)).payload).toBe(payload);
    }
  });
});

const bytes = (least: number, most: number) => fc.uint8Array({ minLength: least, maxLength: most });
const number = fc.nat(0xffff_ffff);
const expression: fc.Arbitrary<Expression> = fc.oneof(
  fc.record({ kind: fc.constant("meta" as const), key: number }),
  fc.record({ kind: fc.constant("payload" as const), base: number, offset: number, length: number }),
  fc.record({ kind: fc.constant("bitwise" as const), mask: bytes(1, 16) }),
  fc.record({ kind: fc.constant("compare" as const), equal: fc.boolean(), data: bytes(1, 16) }),
  fc.record({ kind: fc.constant("verdict" as const), verdict: number }),
  fc.record({
    kind: fc.constant("verdict" as const),
    verdict: number,
    chain: fc.string({ minLength: 1, maxLength: 60 }).filter((text) => !text.includes("\0")),
  }),
  fc.constant({ kind: "masquerade" } as const),
  fc.record({
    kind: fc.constant("other" as const),
    name: fc.constantFrom("match", "counter", "lookup"),
    data: bytes(0, 40),
  }),
);

test("expressions come back as they were sent", () => {
  fc.assert(
    fc.property(fc.array(expression, { maxLength: 8 }), (expressions) => {
      const place = { family: nftFamily.inet, table: "t", chain: "c" } as const;
      const { payload } = appendRule(place, expressions);
      const content = readAttributes(payload, nftHeaderBytes).get(ruleAttribute.expressions);
      expect(decodeExpressions(content ?? new Uint8Array())).toEqual(expressions);
    }),
  );
});

test("comments come back as they were sent, behind other entries too", () => {
  fc.assert(
    fc.property(bytes(0, 128), bytes(0, 20), (comment, other) => {
      const before = Uint8Array.of(7, other.length, ...other);
      const userdata = Uint8Array.of(...before, ...encodeComment(comment));
      expect(decodeComment(userdata)).toEqual(comment);
      expect(decodeComment(before)).toBeUndefined();
    }),
  );
});

test("any bytes are read as something", () => {
  fc.assert(
    fc.property(bytes(0, 200), (noise) => {
      expect(Array.isArray(decodeExpressions(noise))).toBe(true);
      decodeComment(noise);
      expect(readChainRule({ type: 0, flags: 0, sequence: 0, port: 0, payload: noise }).chain).toBeTypeOf(
        "string",
      );
    }),
  );
});

test("what another register holds is not taken for ours", () => {
  const [element] = encodeExpressions([{ kind: "meta", key: 6 }]);
  const changed = Uint8Array.from(element ?? []);
  // The number of the register ends the expression.
  changed[changed.length - 1] = 2;
  expect(decodeExpressions(changed)).toMatchObject([{ kind: "other", name: "meta" }]);
});
