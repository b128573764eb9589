import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  addAddress,
  addressFlag,
  type LinkAddress,
  listAddresses,
  printBytes,
  readLinkAddress,
  removeAddress,
  replaceAddress,
} from "./addresses.ts";
import {
  anyBytes,
  anyIndex,
  anyName,
  anySubnet,
  given,
  readsAnything,
  readsDamaged,
  sentBy,
} from "./message-testing.ts";

const anyAddress: fc.Arbitrary<LinkAddress & { flags: number; scope: number }> = anySubnet.chain(
  ({ address, prefix }) =>
    fc
      .record({
        link: anyIndex,
        address: fc.constant(address),
        prefix: fc.constant(prefix),
        peer: fc.option(
          anyBytes(address.length).filter((peer) => peer.some((byte, at) => byte !== address[at])),
          { nil: undefined },
        ),
        broadcast: fc.option(anyBytes(4), { nil: undefined }),
        flags: fc.nat(0xfff),
        scope: fc.constantFrom(0, 253, 254),
        label: fc.option(anyName, { nil: undefined }),
      })
      .map(given) as fc.Arbitrary<LinkAddress & { flags: number; scope: number }>,
);

describe("an address", () => {
  test("comes back as it was given", () => {
    fc.assert(
      fc.property(anyAddress, (address) => {
        for (const request of [addAddress(address), replaceAddress(address), removeAddress(address)]) {
          expect(readLinkAddress(sentBy(request))).toEqual(address);
        }
      }),
    );
  });

  test("of IPv6 is told without IFA_LOCAL", () => {
    const address = Uint8Array.of(0xfd, ...new Uint8Array(14), 1);
    const sent = sentBy(addAddress({ link: 3, address, prefix: 64 }));
    // The first attribute is IFA_LOCAL: 4 bytes of head, 16 of address.
    const payload = Uint8Array.from([...sent.payload.subarray(0, 8), ...sent.payload.subarray(28)]);
    expect(readLinkAddress({ ...sent, payload })).toEqual({
      link: 3,
      address,
      prefix: 64,
      flags: 0,
      scope: 0,
    });
  });

  test("has flags above 255 in an attribute, which counts", () => {
    const address = { link: 3, address: Uint8Array.of(10, 0, 0, 1), prefix: 24 };
    const flags = addressFlag.noPrefixRoute | addressFlag.noDetection;
    const sent = sentBy(addAddress({ ...address, flags }));
    expect(sent.payload[2]).toBe(addressFlag.noDetection);
    expect(readLinkAddress(sent).flags).toBe(flags);
  });

  test("is read from any bytes without an end or an error", () => {
    readsAnything(readLinkAddress);
    readsDamaged(
      sentBy(addAddress({ link: 3, address: new Uint8Array(16), prefix: 64, label: "eth0", flags: 0x200 })),
      readLinkAddress,
    );
  });
});

test("the list of one link leaves out others, which an old kernel tells, too", () => {
  const at = (link: number) => sentBy(addAddress({ link, address: new Uint8Array(4), prefix: 8 }));
  expect(
    listAddresses(4)
      .read([at(3), at(4)])
      .map(({ link }) => link),
  ).toEqual([4]);
  expect(listAddresses().read([at(3), at(4)])).toHaveLength(2);
});

test.each([
  [Uint8Array.of(10, 0, 0, 255), "10.0.0.255"],
  [Uint8Array.of(0xfd, 0, 0, 0x12, ...new Uint8Array(11), 1), "fd00:12:0:0:0:0:0:1"],
])("%o is %s in words", (bytes, text) => {
  expect(printBytes(bytes)).toBe(text);
});
