/**
 * The octets of a hardware address in one of the three spellings that plugins understand (Go's net.ParseMAC): 02:00:...,
 * 02-00-..., 0200.00.... An address has six octets, or the eight of an InfiniBand GUID, or the twenty of IP over InfiniBand
 * (RFC 4391, section 9.1.1). Any other text gives undefined.
 */
export function hardwareOctets(text: string): string[] | undefined {
  const [, separator = ""] = /^[0-9a-fA-F]{2,4}([:.-])/.exec(text) ?? [];
  if (separator === "") return undefined;
  const digits = separator === "." ? 4 : 2;
  const groups = text.split(separator);
  if (!groups.every((group) => group.length === digits && /^[0-9a-fA-F]*$/.test(group))) return undefined;
  const octets = groups.flatMap((group) => group.match(/../g) ?? []);
  return [6, 8, 20].includes(octets.length) ? octets : undefined;
}

/**
 * Writes a hardware address as the kernel and Go do: 02:00:00:00:00:01. Plugins compare the address that they are given with
 * the kernel's as texts. A text that is no hardware address stays as it is.
 */
export function canonicalHardware(text: string): string {
  return hardwareOctets(text)?.join(":").toLowerCase() ?? text;
}
