import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  addVlans,
  listVlans,
  readBridgePort,
  readVlans,
  removeVlans,
  setBridgePort,
} from "./bridge-vlans.ts";
import { readAttributes } from "./message.ts";
import {
  anyHardware,
  anyIndex,
  anySubnet,
  given,
  readsAnything,
  readsDamaged,
  sentBy,
} from "./message-testing.ts";
import { assignNamespaceId, getNamespaceId, readNamespaceId } from "./namespace-ids.ts";
import {
  listNeighbours,
  type Neighbour,
  readForwarding,
  readNeighbour,
  removeNeighbour,
  replaceNeighbour,
} from "./neighbours.ts";

const anyNeighbour: fc.Arbitrary<Neighbour> = fc
  .record({
    link: anyIndex,
    address: anySubnet.map(({ address }) => address),
    hardware: fc.option(anyHardware, { nil: undefined }),
    state: fc.nat(0xff),
    flags: fc.nat(0xff),
  })
  .map(given) as fc.Arbitrary<Neighbour>;

describe("a neighbour", () => {
  test("comes back as it was given", () => {
    fc.assert(
      fc.property(anyNeighbour, (neighbour) => {
        for (const request of [replaceNeighbour(neighbour), removeNeighbour(neighbour)])
          expect(readNeighbour(sentBy(request))).toEqual(neighbour);
      }),
    );
  });

  test("is read from any bytes without an end or an error", () => {
    for (const read of [readNeighbour, readForwarding]) {
      readsAnything(read);
      readsDamaged(sentBy(replaceNeighbour({ link: 3, address: new Uint8Array(4), state: 128 })), read);
    }
  });

  test("of another link is not in the list of one", () => {
    const at = (link: number) => sentBy(replaceNeighbour({ link, address: new Uint8Array(4), state: 128 }));
    expect(
      listNeighbours(4)
        .read([at(3), at(4)])
        .map(({ link }) => link),
    ).toEqual([4]);
  });
});

describe("VLANs", () => {
  const anyVlan = fc
    .tuple(fc.integer({ min: 1, max: 4094 }), fc.integer({ min: 1, max: 4094 }), fc.boolean(), fc.boolean())
    .map(([one, other, isPvid, isUntagged]) => ({
      id: Math.min(one, other),
      last: Math.max(one, other),
      isPvid,
      isUntagged,
    }));

  test("come back as they were given, each by itself", () => {
    fc.assert(
      fc.property(fc.array(anyVlan, { minLength: 1, maxLength: 3 }), anyIndex, (vlans, link) => {
        const each = vlans.flatMap(({ id, last, isPvid, isUntagged }) =>
          Array.from({ length: last - id + 1 }, (_, at) => ({ id: id + at, isPvid, isUntagged })),
        );
        for (const request of [addVlans(link, "master", vlans), removeVlans(link, "self", vlans)])
          expect(readVlans(sentBy(request))).toEqual({ link, vlans: each });
      }),
      { numRuns: 30 },
    );
  });

  test("are asked of the bridge, or of the link itself", () => {
    const flagsOf = (holder: "self" | "master") => {
      const specific = readAttributes(sentBy(addVlans(3, holder, [{ id: 5 }])).payload, 16).get(26);
      return readAttributes(specific ?? new Uint8Array()).get(0);
    };
    expect([flagsOf("master"), flagsOf("self")]).toEqual([Uint8Array.of(1, 0), Uint8Array.of(2, 0)]);
  });

  test("are said in words", () => {
    expect(addVlans(3, "master", [{ id: 5 }, { id: 7, last: 9 }]).words).toBe("add VLAN 5, 7-9 to link 3");
  });

  test("are read from any bytes without an end or an error", () => {
    readsAnything(readVlans);
    readsDamaged(sentBy(addVlans(3, "master", [{ id: 5 }, { id: 1, last: 4094 }])), readVlans);
    expect(listVlans().read([])).toEqual([]);
  });
});

test("a bridge's port says what is to change, and nothing else", () => {
  const change = {
    hairpin: true,
    isolated: false,
    learning: true,
    unicastFlood: false,
    multicastFlood: true,
  };
  fc.assert(
    fc.property(fc.subarray(Object.keys(change)), (keys) => {
      const part = Object.fromEntries(Object.entries(change).filter(([key]) => keys.includes(key)));
      const data = readAttributes(sentBy(setBridgePort(3, part)).payload, 16).get(12) ?? new Uint8Array();
      expect(readAttributes(data).size).toBe(keys.length);
      expect(readBridgePort(readAttributes(data))).toMatchObject(part);
    }),
  );
});

describe("the ID of a namespace", () => {
  test("is none if the kernel says -1, or nothing", () => {
    const assigned = sentBy(assignNamespaceId(5));
    expect(readNamespaceId(assigned)).toBeUndefined();
    expect(getNamespaceId(5).read([])).toBeUndefined();
    const payload = assigned.payload.slice();
    payload.set([7, 0, 0, 0], 8);
    expect(getNamespaceId(5).read([{ ...assigned, payload }])).toBe(7);
  });

  test("is read from any bytes without an end or an error", () => {
    readsAnything(readNamespaceId);
  });
});
