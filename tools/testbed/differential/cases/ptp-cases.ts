import fc from "fast-check";
import type { DifferentialCase, PluginCases } from "../differential-case.ts";
import { generated, perhaps, together } from "./case-parts.ts";
import { askedMacs, everyWay, fixedAddresses, randomOf, v4, v6, wrongWays } from "./main-parts.ts";

function paired(name: string, fields: object, more: Partial<DifferentialCase> = {}): DifferentialCase {
  return { name, config: { ...fixedAddresses([v4], [{ dst: "0.0.0.0/0" }]), ...fields }, ...more };
}

const byHand: readonly DifferentialCase[] = [
  ...everyWay({}),
  ...wrongWays({}),
  ...askedMacs({}),
  paired("mtu", { mtu: 1400 }),
  paired("masquerading", { ipMasq: true }),
  paired("masquerading by nftables", { ipMasq: true, ipMasqBackend: "nftables" }),
  paired("masquerading of both families", { ipMasq: true, ...fixedAddresses([v4, v6]) }),
  paired("DNS of its own", { dns: { nameservers: ["10.9.0.54"] } }),
  paired("version 0.3.1", { cniVersion: "0.3.1" }),
  paired("version 0.4.0", { cniVersion: "0.4.0" }),
  paired("version 1.0.0", { cniVersion: "1.0.0" }),
  paired("the container has the interface", {}, { container: ["ip link add eth0 type veth peer name far"] }),
  paired("a name of 15 bytes", {}, { ifname: "net123456789012" }),
  paired("an unknown field", { somethingElse: 5 }),
];

const fields = together(
  perhaps("mtu", fc.constantFrom(0, 1280, 1400, 9000)),
  perhaps("ipMasq", fc.boolean()),
  perhaps("ipMasqBackend", fc.constantFrom("iptables", "nftables")),
  perhaps("dns", fc.constantFrom({}, { nameservers: ["10.9.0.54"] }, { domain: "x.example", search: ["y"] })),
);

export const ptpCases: PluginCases = {
  plugin: "ptp",
  cases: [...byHand, ...generated(155 - byHand.length, randomOf(fields, {}))],
};
