/**
 * The octets of a hardware address, in the three spellings that plugins understand (Go's net.ParseMAC): 02:00:..., 02-00-...,
 * 0200.00.... Undefined if it is none: six octets, the eight of an InfiniBand GUID, or the twenty of IP over InfiniBand (RFC
 * 4391, section 9.1.1).
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
 * One spelling for each hardware address, which is the kernel's and Go's: 02:00:00:00:00:01. Plugins compare what they were
 * told with what the kernel says as texts. What is no such address stays as it is.
 */
export function canonicalHardware(text: string): string {
  return hardwareOctets(text)?.join(":").toLowerCase() ?? text;
}
