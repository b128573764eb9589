/** The values of `ipMasqBackend`. */
export const masqueradeBackends = ["iptables", "nftables"] as const;
export type MasqueradeBackend = (typeof masqueradeBackends)[number];
