import { hardwareOctets } from "../../cni/hardware.ts";
import { printHardware } from "../../net/bytes.ts";
import { linkFlag } from "../../net/link-kinds.ts";
import type { Link, LinkChange } from "../../net/links.ts";

/**
 * Attributes of an interface under the names that the configuration has for them, and the files that say what an interface had
 * before. An attribute that is not set is not touched.
 */
export interface LinkSettings {
  readonly mac?: string;
  readonly promisc?: boolean;
  readonly mtu?: number;
  readonly allmulti?: boolean;
  readonly txQLen?: number;
}

/** In the order in which they are set. */
const keys = ["mac", "promisc", "mtu", "allmulti", "txQLen"] as const;
export type SettingKey = (typeof keys)[number];

export function keysOf(settings: LinkSettings): SettingKey[] {
  return keys.filter((key) => settings[key] !== undefined);
}

/** What the interface has of these attributes. */
export function settingsOf(link: Link, of: readonly SettingKey[]): LinkSettings {
  const all: Required<LinkSettings> = {
    mac: printHardware(link.hardware),
    promisc: (link.flags & linkFlag.promiscuous) !== 0,
    mtu: link.mtu,
    allmulti: (link.flags & linkFlag.allMulticast) !== 0,
    txQLen: link.transmitQueue,
  };
  return Object.fromEntries(of.map((key) => [key, all[key]]));
}

/** The attributes in which the interface is not as wanted. */
export function differing(link: Link, wanted: LinkSettings): SettingKey[] {
  const found = settingsOf(link, keys);
  return keysOf(wanted).filter((key) => found[key] !== wanted[key]);
}

/** The message's part for one attribute. */
export function changeOf(settings: LinkSettings, key: SettingKey): LinkChange {
  const { mac = "", promisc = false, mtu = 0, allmulti = false, txQLen = 0 } = settings;
  switch (key) {
    case "mac":
      return {
        hardware: Uint8Array.from(hardwareOctets(mac) ?? [], (octet) => Number.parseInt(octet, 16)),
      };
    case "promisc":
      return { promiscuous: promisc };
    case "mtu":
      return { mtu };
    case "allmulti":
      return { allMulticast: allmulti };
    case "txQLen":
      return { transmitQueue: txQLen };
  }
}
