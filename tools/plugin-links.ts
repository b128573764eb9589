/** The names by which the executable is linked, beside its own and `multus`. The plugins of `cmd/registry.ts` that have our own names. */
export const pluginLinks = [
  "hawser-static",
  "hawser-host-local",
  "hawser-flat",
  "hawser-bridge",
  "hawser-ptp",
  "hawser-loopback",
  "hawser-tuning",
  "hawser-sbr",
  "hawser-macvlan",
  "hawser-ipvlan",
  "hawser-vlan",
  "hawser-dummy",
  "hawser-tap",
  "hawser-host-device",
] as const;
