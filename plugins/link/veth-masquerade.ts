import type { CniError } from "../../cni/errors.ts";
import type { Invocation } from "../../cni/plugin.ts";
import { type Outcome, ok } from "../../sys/outcome.ts";
import type { Sys } from "../../sys/sys.ts";
import type { Subnet } from "./ip-bytes.ts";
import { loadMasquerade } from "./late-filter.ts";
import type { MasqueradeBackend } from "./masquerade-backend.ts";
import type { OpenNamespace } from "./site.ts";
import type { UndoStep } from "./undo-steps.ts";
import { keyOf } from "./veth.ts";

/** What masquerading needs of a plugin's configuration. */
interface MasqueradeConfig {
  readonly masquerades: boolean;
  readonly masqueradeBackend: MasqueradeBackend | undefined;
}

/** Masquerades the addresses of an attachment, if its network wants that. Notes how it is undone. */
export async function masqueradeAttachment(
  sys: Sys,
  invocation: Invocation,
  { namespace }: OpenNamespace,
  { masquerades, masqueradeBackend }: MasqueradeConfig,
  subnets: readonly Subnet[],
  note: (step: UndoStep) => void,
): Promise<Outcome<void, CniError>> {
  if (!masquerades || subnets.length === 0) return ok(undefined);
  const { setUpMasquerade, tearDownMasquerade } = await loadMasquerade();
  const key = keyOf(invocation);
  note(() => tearDownMasquerade(sys, namespace, key, subnets));
  return setUpMasquerade(sys, namespace, key, subnets, masqueradeBackend);
}

/** CHECK of the same. */
export async function checkAttachmentMasquerade(
  sys: Sys,
  invocation: Invocation,
  { namespace }: OpenNamespace,
  { masquerades }: Pick<MasqueradeConfig, "masquerades">,
  subnets: readonly Subnet[],
): Promise<Outcome<void, CniError>> {
  if (!masquerades || subnets.length === 0) return ok(undefined);
  const { checkMasquerade } = await loadMasquerade();
  return checkMasquerade(sys, namespace, keyOf(invocation), subnets);
}
