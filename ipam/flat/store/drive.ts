import { type CniError, cniError } from "../../../cni/errors.ts";
import { fail, type Outcome, ok } from "../../../sys/outcome.ts";
import type { Sys } from "../../../sys/sys.ts";
import {
  type Answers,
  answersTo,
  isRead,
  type Ops,
  readTxn,
  type Store,
  type StoreFault,
  type Txn,
  type TxnReply,
} from "./store.ts";

/** A question to the store, and how to go on with its answer. */
export interface Ask<Step> {
  readonly kind: "ask";
  readonly txn: Txn;
  readonly next: (reply: TxnReply) => Step;
}

/** What ends a procedure whose steps are these. */
export type End<Step> = Exclude<Step, { readonly kind: "ask" }>;

/** The time for one procedure with all its questions. A runtime gives up after minutes, and tries again. */
const patienceMs = 30_000;
/** The most writes in a row with an unknown outcome. */
const maxUnknown = 5;

/**
 * Carries out a pure procedure. After a write with an unknown outcome the procedure starts over, because each procedure
 * begins by reading what is there. The fault stays `unknown` until the store has answered that read.
 */
export async function drive<Step extends { readonly kind: string }>(
  sys: Sys,
  store: Store,
  start: () => Step | Ask<Step>,
): Promise<Outcome<End<Step>, StoreFault>> {
  const deadlineMs = sys.clock.monotonicMs() + patienceMs;
  let unknowns = 0;
  let isUnsure = false;
  let step = start();
  while (isAsk(step)) {
    if (sys.clock.monotonicMs() > deadlineMs) return fail(tooLate(store));
    const reply = await store.txn(step.txn);
    if (reply.ok) {
      isUnsure = false;
      step = step.next(reply.value);
    } else if (reply.error.kind === "unknown" && unknowns < maxUnknown) {
      unknowns += 1;
      isUnsure = true;
      step = start();
    } else return isUnsure ? fail({ ...reply.error, kind: "unknown" }) : reply;
  }
  return ok(step as End<Step>);
}

function isAsk<Step extends { readonly kind: string }>(step: Step | Ask<Step>): step is Ask<Step> {
  return step.kind === "ask";
}

/** A single read, of several things at one moment. */
export async function readStore<Named extends Ops>(
  sys: Sys,
  store: Store,
  ops: Named,
): Promise<Outcome<Answers<Named>, StoreFault>> {
  type Step = { readonly kind: "read"; readonly reply: TxnReply };
  const read = await drive<Step>(sys, store, () => ({
    kind: "ask",
    txn: readTxn(ops),
    next: (reply) => ({ kind: "read", reply }),
  }));
  return read.ok ? ok(answersTo(ops, read.value.reply.replies)) : read;
}

/** A fault of one question, and whether that question was only a read. */
export interface QuestionFault extends StoreFault {
  readonly wasRead: boolean;
}

/**
 * Carries out a procedure that a person began. It never starts over: after a write with an unknown outcome the person
 * should look before trying again.
 */
export async function driveOnce<Step extends { readonly kind: string }>(
  store: Store,
  start: Step | Ask<Step>,
): Promise<Outcome<End<Step>, QuestionFault>> {
  let step = start;
  while (isAsk(step)) {
    const reply = await store.txn(step.txn);
    if (!reply.ok) return fail({ ...reply.error, wasRead: isRead(step.txn) });
    step = step.next(reply.value);
  }
  return ok(step as End<Step>);
}

function tooLate({ label }: Store): StoreFault {
  const msg = `${label} answers too slowly: ${patienceMs / 1000} s were not enough`;
  return { kind: "unreachable", msg, details: "See how it is loaded." };
}

/** Errors: `ipam.store-unreachable` (try again later), `ipam.store-refused`. */
export function storeError(doing: string, { kind, msg, details }: StoreFault): CniError {
  return kind === "refused"
    ? cniError("ipam", "ipam.store-refused", `${doing}: ${msg}`, details)
    : cniError("tryAgainLater", "ipam.store-unreachable", `${doing}: ${msg}`, details);
}
