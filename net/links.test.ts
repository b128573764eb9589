import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { joined, readText, readU32, u32, zeroEnded } from "./bytes.ts";
import {
  encodeInfo,
  infoAttribute,
  ipvlanModes,
  type LinkKind,
  type LinkSpec,
  linkAttribute,
  linkFlag,
  linkHeader,
  macvlanModes,
  readKind,
} from "./link-kinds.ts";
import { getLink, listLinks, makeLink, readLink, removeLink, setLink } from "./links.ts";
import { attribute, listAttributes, nested, readAttributes } from "./message.ts";
import {
  any32,
  anyHardware,
  anyIndex,
  anyName,
  given,
  readsAnything,
  readsDamaged,
  sentBy,
} from "./message-testing.ts";

const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(value, { nil: undefined });

const anySpec: fc.Arbitrary<LinkSpec> = fc
  .record({
    name: anyName,
    mtu: maybe(fc.integer({ min: 68, max: 0xffff })),
    hardware: maybe(anyHardware),
    up: maybe(fc.boolean()),
    parent: maybe(anyIndex),
    master: maybe(anyIndex),
    transmitQueue: maybe(fc.nat(0xffff)),
  })
  .map(given) as fc.Arbitrary<LinkSpec>;

const anyKind: fc.Arbitrary<LinkKind> = fc.oneof(
  fc
    .record({ kind: fc.constant("bridge"), vlanFiltering: fc.boolean(), defaultVlan: maybe(fc.nat(4094)) })
    .map(given),
  fc
    .record({
      kind: fc.constant("macvlan"),
      mode: fc.constantFrom(...Object.keys(macvlanModes)),
      broadcastQueue: maybe(any32),
    })
    .map(given),
  fc.record({ kind: fc.constant("ipvlan"), mode: fc.constantFrom(...Object.keys(ipvlanModes)) }),
  fc
    .record({
      kind: fc.constant("vlan"),
      id: fc.nat(4094),
      protocol: maybe(fc.constantFrom(0x8100, 0x88a8)),
    })
    .map(given),
  fc.record({ kind: fc.constant("vrf"), table: any32 }),
  fc.record({ kind: fc.constant("dummy") }),
) as fc.Arbitrary<LinkKind>;

describe("a link that is to be made", () => {
  test("is read as what it was to be", () => {
    fc.assert(
      fc.property(anySpec, anyKind, (spec, kind) => {
        const link = readLink(sentBy(makeLink(spec, kind)));
        expect(link).toMatchObject({
          name: spec.name,
          isUp: spec.up === true,
          mtu: spec.mtu ?? 0,
          hardware: spec.hardware ?? new Uint8Array(),
          master: spec.master,
          parent: spec.parent,
          transmitQueue: spec.transmitQueue ?? 0,
          kind: kind.kind,
        });
        expect(readKind(link)).toEqual(kind);
      }),
    );
  });

  test("as a veth pair has all of its peer", () => {
    fc.assert(
      fc.property(anySpec, anySpec, anyIndex, (spec, { up: _up, ...peer }, namespace) => {
        const request = makeLink(spec, { kind: "veth", peer: { ...peer, namespace } });
        const { kind, kindData } = readLink(sentBy(request));
        expect(kind).toBe("veth");
        const payload = kindData.get(1) ?? new Uint8Array();
        const other = readLink({ ...sentBy(request), payload });
        expect(other).toMatchObject({
          name: peer.name,
          mtu: peer.mtu ?? 0,
          master: peer.master,
          isUp: false,
        });
        expect(readU32(other.attributes.get(linkAttribute.descriptor) ?? new Uint8Array())).toBe(namespace);
      }),
    );
  });

  test("has no info of its kind but the name, if there is nothing to say", () => {
    const info = readAttributes(encodeInfo({ kind: "dummy" })).get(linkAttribute.info) ?? new Uint8Array();
    expect([...readAttributes(info).keys()]).toEqual([infoAttribute.kind]);
  });
});

describe("a change of a link", () => {
  test("says what is given, and nothing else", () => {
    const change = {
      name: "eth1",
      mtu: 9000,
      hardware: new Uint8Array(6),
      master: 0,
      namespace: 5,
      alias: "a",
    };
    fc.assert(
      fc.property(fc.subarray(Object.keys(change)), anyIndex, (keys, index) => {
        const part = Object.fromEntries(Object.entries(change).filter(([key]) => keys.includes(key)));
        const { payload } = sentBy(setLink(index, part));
        expect(readLink({ ...sentBy(setLink(index, part)), payload }).index).toBe(index);
        expect(listAttributes(payload, 16)).toHaveLength(keys.length);
      }),
    );
  });

  test.each([
    [{ up: true }, linkFlag.up, linkFlag.up],
    [{ up: false }, 0, linkFlag.up],
    [
      { promiscuous: true, allMulticast: false },
      linkFlag.promiscuous,
      linkFlag.promiscuous | linkFlag.allMulticast,
    ],
    [{ mtu: 1400 }, 0, 0],
  ])("%o sets flags %i of %i", (change, flags, mask) => {
    const { payload } = sentBy(setLink(3, change));
    expect([readU32(payload, 8), readU32(payload, 12)]).toEqual([flags, mask]);
  });

  test("an alias has no zero byte, which the kernel would keep", () => {
    const { attributes } = readLink(sentBy(setLink(3, { alias: "mac 02" })));
    expect(attributes.get(linkAttribute.alias)).toHaveLength("mac 02".length);
  });
});

test("a link is asked for by index or name, and removed by index", () => {
  expect(readLink(sentBy(getLink(7)))).toMatchObject({ index: 7, name: "" });
  expect(readLink(sentBy(getLink("fifteen-bytes-o")))).toMatchObject({ index: 0, name: "fifteen-bytes-o" });
  expect(readLink(sentBy(removeLink(7)))).toMatchObject({ index: 7 });
});

describe("what the kernel tells of a link", () => {
  const told = {
    type: 16,
    flags: 0,
    sequence: 1,
    port: 0,
    payload: joined([
      linkHeader(0, 5, linkFlag.up, 0),
      attribute(linkAttribute.name, zeroEnded("eth0")),
      attribute(linkAttribute.master, u32(0)),
      attribute(linkAttribute.parentNamespace, u32(0xffff_ffff)),
      attribute(linkAttribute.parentBus, zeroEnded("pci")),
      attribute(linkAttribute.parentDevice, zeroEnded("0000:00:04.0")),
      nested(linkAttribute.propList, [
        attribute(linkAttribute.altName, zeroEnded("enp0s4")),
        attribute(linkAttribute.altName, zeroEnded("a-name-that-is-longer-than-fifteen-bytes")),
      ]),
      nested(linkAttribute.info, [
        attribute(infoAttribute.portKind, zeroEnded("bridge")),
        nested(infoAttribute.portData, [attribute(4, Uint8Array.of(1))]),
      ]),
    ]),
  };

  test("is its alternative names, its device, its part in a master", () => {
    const link = readLink(told);
    expect(link).toMatchObject({
      master: undefined,
      parentNamespace: -1,
      alternativeNames: ["enp0s4", "a-name-that-is-longer-than-fifteen-bytes"],
      device: { bus: "pci", name: "0000:00:04.0" },
      portKind: "bridge",
      kind: undefined,
    });
    expect(link.portData.get(4)).toEqual(Uint8Array.of(1));
    expect(readText(link.attributes.get(linkAttribute.name) ?? new Uint8Array())).toBe("eth0");
  });

  test("is read from any bytes without an end or an error", () => {
    readsAnything((message) => readKind(readLink(message)));
    readsDamaged(told, (message) => readKind(readLink(message)));
    readsDamaged(sentBy(makeLink({ name: "a" }, { kind: "vlan", id: 4 })), (message) =>
      readKind(readLink(message)),
    );
  });

  test("in a list leaves out other messages", () => {
    expect(listLinks().read([{ ...told, type: 20 }, told])).toHaveLength(1);
  });
});
