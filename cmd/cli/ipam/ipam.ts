import type { Sys } from "../../../sys/sys.ts";
import type { Terminal } from "../terminal.ts";
import type { IpamAction } from "./options.ts";
import { type Person, processPerson } from "./person.ts";

/** `hawser ipam ...`. Each command is loaded only when it is the one. */
export async function ipamCommand(
  sys: Sys,
  terminal: Terminal,
  options: IpamAction,
  person: Person = processPerson(),
): Promise<number> {
  switch (options.action) {
    case "show":
      return (await import("./show.ts")).showPools(sys, terminal, options, person);
    case "map":
      return (await import("./map/map.ts")).mapPool(sys, terminal, options, person);
    case "list":
      return (await import("./list.ts")).listHoldings(sys, terminal, options, person);
    case "why":
      return (await import("./why.ts")).whyAddress(sys, terminal, options);
    case "predict":
      return (await import("./predict.ts")).predictIdentity(sys, terminal, options);
    case "reserve":
      return (await import("./reserve.ts")).reserveAddresses(sys, terminal, options);
    case "unreserve":
      return (await import("./release.ts")).unreserveAddress(sys, terminal, options);
    case "release":
      return (await import("./release.ts")).releaseAddress(sys, terminal, options, person);
    case "check":
      return (await import("./check.ts")).checkPool(sys, terminal, options, person);
    case "export":
      return (await import("./transfer/export.ts")).exportHoldings(sys, terminal, options, person);
    case "import":
      return (await import("./transfer/import.ts")).importHoldings(sys, terminal, options, person);
  }
}
