import type { Profile } from "../profile.ts";
import type { Kind } from "../vocabulary.ts";

const ipam = { type: "hwcmodel-ipam", state: "{{state}}", subnet: "{{subnet=10.88.0.0/24}}" };
const loss = [{ in: "node", run: ["rm", "-r", "{{state}}/addresses"] }] as const;

/** How the test plugin is run in each of its roles. */
export const modelProfiles: Readonly<Record<Kind, Profile>> = {
  ipam: {
    name: "hwcmodel-ipam",
    about: "the test plugin as an IPAM plugin",
    plugin: "hwcmodel-ipam",
    kind: "ipam",
    config: { type: "hwcmodel-ipam", ipam },
    loss,
    invalid: { ipam: { subnet: "none" } },
  },
  interface: {
    name: "hwcmodel-interface",
    about: "the test plugin as one that makes an interface",
    plugin: "hwcmodel-interface",
    kind: "interface",
    config: { type: "hwcmodel-interface", state: "{{state}}", ipam },
    invalid: { ipam: 7 },
  },
  chained: {
    name: "hwcmodel-chained",
    about: "the test plugin as a chained one",
    plugin: "hwcmodel-chained",
    kind: "chained",
    config: { type: "hwcmodel-chained", state: "{{state}}" },
    loss: [{ in: "node", run: ["rm", "-r", "{{state}}/marks"] }],
    invalid: { ipam: 7 },
  },
  meta: {
    name: "hwcmodel-meta",
    about: "the test plugin as one that runs a list of others",
    plugin: "hwcmodel-meta",
    kind: "meta",
    config: {
      type: "hwcmodel-meta",
      state: "{{state}}",
      list: {
        cniVersion: "{{version}}",
        name: "{{network}}",
        plugins: [{ type: "{{delegate=hwcmodel-interface}}", state: "{{state}}", ipam }],
      },
    },
    listConfig: {
      type: "hwcmodel-meta",
      state: "{{state}}",
      confDir: "{{confDir=/nowhere}}",
      list: "{{list}}",
    },
    invalid: { ipam: 7 },
  },
};
