import { type Address, parseAddress, printAddress } from "../../../cni/address.ts";
import { isName } from "../../../cni/environment.ts";
import { type CniError, failWith } from "../../../cni/errors.ts";
import { codeOfAddress } from "../../../ipam/flat/pool/keys.ts";
import { unusable } from "../../../ipam/range.ts";
import { type Outcome, ok } from "../../../sys/outcome.ts";
import type { Pool } from "./pool.ts";

/** An address that a person named, with its code in the store's keys. */
export interface Named {
  readonly address: Address;
  readonly text: string;
  readonly code: string;
  /** The key of its record in the store. */
  readonly key: string;
}

/** Reads an address that a person wrote. Errors: `cli.address`. */
export function readNamed(pool: Pool, text: string): Outcome<Named, CniError> {
  const address = parseAddress(text.trim());
  if (address === undefined) {
    return failWith("invalidConfig", "cli.address", `read ${JSON.stringify(text)}: it is no IP address`);
  }
  const code = codeOfAddress(address);
  return ok({ address, text: printAddress(address), code, key: pool.keys.ip(code) });
}

/** Says to people why the pool never gives an address. Answers undefined when it may. */
export function whyNever({ name, sets }: Pool, { address, text }: Named): string | undefined {
  if (sets.length === 0) return undefined;
  switch (unusable(sets, address)) {
    case "outside":
      return `${text} is in none of the ranges of pool ${name}`;
    case "gateway":
      return `${text} is a gateway of pool ${name}`;
    case "excluded":
      return `${text} is excluded from pool ${name}`;
    case undefined:
      return undefined;
  }
}

/** Reads a pod's interface, written `namespace/pod/interface`. Errors: `cli.identity`. */
export function readIdentity(text: string): Outcome<string, CniError> {
  const [namespace = "", pod = "", ifname = "", ...more] = text.split("/");
  if (isName(namespace) && isName(pod) && ifname !== "" && more.length === 0) return ok(text);
  return failWith(
    "invalidConfig",
    "cli.identity",
    `read ${JSON.stringify(text)}: it names no pod's interface`,
    "Write NAMESPACE/POD/INTERFACE, like default/web-0/eth0.",
  );
}
