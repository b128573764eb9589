import type { Attempt } from "./fault.ts";
import type { NetworkNamespace } from "./network.ts";
import { fail } from "./outcome.ts";

export function openNamespace(path?: string): Attempt<NetworkNamespace> {
  return fail({ code: "ENOSYS", message: `ENOSYS: open the network namespace ${path ?? "of this process"}` });
}
