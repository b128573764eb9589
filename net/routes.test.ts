import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  any32,
  anyBytes,
  anyIndex,
  anySubnet,
  given,
  readsAnything,
  readsDamaged,
  sentBy,
} from "./message-testing.ts";
import {
  addRoute,
  appendRoute,
  type IpRoute,
  listRoutes,
  type NextHop,
  readRoute,
  removeRoute,
  replaceRoute,
} from "./routes.ts";

const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(value, { nil: undefined });

const anyGateway = fc.oneof(anyBytes(4), anyBytes(16));
const anyHop: fc.Arbitrary<NextHop> = fc
  .record({ link: anyIndex, gateway: maybe(anyGateway), flags: fc.constantFrom(0, 4), hops: fc.nat(255) })
  .map(given) as fc.Arbitrary<NextHop>;

const anyRoute: fc.Arbitrary<IpRoute> = anySubnet.chain(({ family, address, prefix }) =>
  fc
    .record({
      family: fc.constant(family),
      destination: fc.constant(prefix === 0 ? new Uint8Array() : address),
      prefix: fc.constant(prefix),
      source: maybe(anyBytes(address.length)),
      preferredSource: maybe(anyBytes(address.length)),
      link: maybe(anyIndex),
      gateway: maybe(anyGateway),
      priority: maybe(any32),
      table: fc.oneof(fc.constantFrom(1, 100, 254, 255, 256), any32),
      protocol: fc.nat(255),
      scope: fc.constantFrom(0, 253, 254, 255),
      type: fc.nat(11),
      flags: fc.constantFrom(0, 4),
      mtu: maybe(any32),
      advertisedSegment: maybe(any32),
      multipath: maybe(fc.array(anyHop, { minLength: 1, maxLength: 4 })),
      preference: maybe(fc.constantFrom(0, 1, 3)),
    })
    .map(given),
) as fc.Arbitrary<IpRoute>;

describe("a route", () => {
  test("comes back as it was given", () => {
    fc.assert(
      fc.property(anyRoute, (route) => {
        for (const request of [
          addRoute(route),
          appendRoute(route),
          replaceRoute(route),
          removeRoute(route),
        ]) {
          expect(readRoute(sentBy(request))).toEqual(route);
        }
      }),
    );
  });

  test("has a table above 255 in an attribute, and 0 in its place", () => {
    const route = { family: 2, destination: new Uint8Array(), prefix: 0, link: 3 };
    expect(sentBy(addRoute({ ...route, table: 255 })).payload[4]).toBe(255);
    expect(sentBy(addRoute({ ...route, table: 256 })).payload[4]).toBe(0);
  });

  test("is in the main table if none is named", () => {
    const route = { family: 2, destination: new Uint8Array(), prefix: 0, link: 3 };
    expect(readRoute(sentBy(addRoute(route)))).toMatchObject({ table: 254, protocol: 3, type: 1, scope: 0 });
  });

  test("is read from any bytes without an end or an error", () => {
    readsAnything(readRoute);
    const multipath = [
      { link: 3, gateway: new Uint8Array(16) },
      { link: 4, gateway: new Uint8Array(4) },
    ];
    const route = { family: 2, destination: new Uint8Array(4), prefix: 8, multipath, mtu: 1400 };
    readsDamaged(sentBy(addRoute(route)), readRoute);
  });
});

test("entries of the kernel's cache are no routes", () => {
  const route = { family: 10, destination: new Uint8Array(16), prefix: 128, link: 3 };
  const [own, cloned] = [sentBy(addRoute(route)), sentBy(addRoute({ ...route, flags: 0x200 }))];
  expect(listRoutes(10).read([own, cloned])).toHaveLength(1);
});
