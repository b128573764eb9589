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

/** For one operation with all its questions; a runtime gives up after minutes, and tries again. */
const patienceMs = 30_000;
/** Writes in a row of which nobody knew whether they were done. */
const maxUnknown = 5;

/**
 * Carries a pure procedure out. After a write of which nobody knows whether it was done, the procedure starts over: every
 * one of them begins by looking at what is there. The fault is `unknown` as long as that look was not answered.
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
 * Carries out what a person began, and never starts over: after a write of which nobody knows whether it was done, the
 * person is to look before trying again.
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
