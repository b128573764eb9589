import { joined, u8, u16, u32 } from "../bytes.ts";
import { family } from "../link-kinds.ts";
import { attribute } from "../message.ts";
import type { RouteHop } from "./kernel-model.ts";

/** The ways of a route, as the kernel tells them: one in the route itself, several as a list. */
export function encodeHops(of: number, hops: readonly RouteHop[]): Uint8Array[] {
  const [first] = hops;
  if (first === undefined) return [];
  if (hops.length === 1) {
    return [
      ...encodeGateway(of, first.gateway),
      ...(first.device === undefined ? [] : [attribute(4, u32(first.device.index))]),
    ];
  }
  const list = hops.map(({ device, gateway, flags, weight }) => {
    const parts = joined(encodeGateway(of, gateway));
    return joined([u16(8 + parts.length), u8(flags), u8(weight - 1), u32(device?.index ?? 0), parts]);
  });
  return [attribute(9, joined(list))];
}

function encodeGateway(of: number, gateway: Uint8Array | undefined): Uint8Array[] {
  if (gateway === undefined) return [];
  const own = gateway.length === 4 ? family.v4 : family.v6;
  return own === of ? [attribute(5, gateway)] : [attribute(18, joined([u16(own), gateway]))];
}
