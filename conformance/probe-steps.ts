import { describeEnd, errorOf, errorProblem, wordsOf } from "./error-document.ts";
import { isError, oneDocument, type Result } from "./oracle.ts";
import {
  Blocked,
  type CallChange,
  call,
  type Exchange,
  newContainer,
  resultOf,
  type Scene,
  type TestContainer,
} from "./scene.ts";

/** What probes are made of. `expect...` notes a finding and goes on; `given...` ends a probe that cannot go on. */

export function expectThat(scene: Scene, holds: boolean, otherwise: string): void {
  if (!holds) scene.findings.push(otherwise);
}

export function given(holds: boolean, otherwise: string): void {
  if (!holds) throw new Blocked(otherwise);
}

export function hasSucceeded(exchange: Exchange): boolean {
  return exchange.exitCode === 0;
}

/** Whether it refused: by its exit status or, where that says success, by the error that it printed. */
export function hasRefused(exchange: Exchange): boolean {
  return exchange.exitCode !== 0 || isError(oneDocument(exchange.stdout).document);
}

export function hasCrashed({ signal, stderr, exitCode }: Exchange): boolean {
  // Go's runtime ends a panic with exit status 2, which is nobody's answer to CNI.
  return signal !== undefined || (exitCode === 2 && /^panic:|\ngoroutine \d+ \[/m.test(stderr));
}

export function expectSuccess(scene: Scene, exchange: Exchange, what: string): void {
  expectThat(scene, hasSucceeded(exchange), `${what} failed: ${describeEnd(exchange)}`);
}

export function expectRefused(scene: Scene, exchange: Exchange, what: string): void {
  if (hasCrashed(exchange)) scene.findings.push(`${what}: the plugin crashed (${describeEnd(exchange)})`);
  else expectThat(scene, hasRefused(exchange), `${what}: the plugin accepted it`);
}

/** Expects that an ADD that differs from an ordinary one in an allowed way works where the ordinary one works. */
export async function expectOrdinary(scene: Scene, exchange: Exchange, what: string): Promise<void> {
  if (hasSucceeded(exchange)) return;
  const control = await call(scene, "ADD", await newContainer(scene));
  given(hasSucceeded(control), `an ordinary ADD fails: ${describeEnd(control)}`);
  expectSuccess(scene, exchange, what);
}

/** Expects this code of a refusal. Another requirement expects that the plugin refuses at all. */
export function expectCode(scene: Scene, exchange: Exchange, codes: readonly number[], what: string): void {
  const error = errorOf(exchange);
  const said = error === undefined ? (errorProblem(exchange) ?? "") : `code ${String(error.code)}`;
  const right = error !== undefined && codes.some((code) => code === error.code);
  expectThat(scene, right, `${what}: ${said}, not code ${codes.join(" or ")}`);
}

export function expectWords(scene: Scene, exchange: Exchange, words: readonly string[], what: string): void {
  const said = wordsOf(exchange);
  const missing = words.filter((word) => !said.includes(word));
  expectThat(scene, missing.length === 0, `${what}: the error does not name ${missing.join(", ")}`);
}

/** An ADD that has to work before the probe can begin. */
export async function attach(
  scene: Scene,
  container: TestContainer,
  change: CallChange = {},
): Promise<Result> {
  const exchange = await call(scene, "ADD", container, change);
  const { document } = oneDocument(exchange.stdout);
  given(hasSucceeded(exchange) && document !== undefined, `ADD failed: ${describeEnd(exchange)}`);
  container.result = document;
  return resultOf(scene, container);
}

export async function attachNew(scene: Scene, change: CallChange = {}): Promise<TestContainer> {
  const container = await newContainer(scene);
  await attach(scene, container, change);
  return container;
}

export async function detach(scene: Scene, container: TestContainer, change: CallChange = {}): Promise<void> {
  const exchange = await call(scene, "DEL", container, change);
  given(hasSucceeded(exchange), `DEL failed: ${describeEnd(exchange)}`);
}

/** Whether an ADD works; what it gives is kept. */
export async function tryAttach(
  scene: Scene,
  container: TestContainer,
  change: CallChange = {},
): Promise<boolean> {
  const exchange = await call(scene, "ADD", container, change);
  const { document } = oneDocument(exchange.stdout);
  if (!hasSucceeded(exchange) || document === undefined) return false;
  container.result = document;
  return true;
}

/** Waits for what another process does; returns whether it came in time. */
export async function waitUntil(holds: () => boolean, limitMs: number): Promise<boolean> {
  const deadline = performance.now() + limitMs;
  while (!holds()) {
    if (performance.now() > deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return true;
}

/** Each address of an attachment, without its prefix length. */
export function addressesOf(scene: Scene, container: TestContainer): string[] {
  return resultOf(scene, container).ips.map(({ address }) => address.split("/")[0] ?? "");
}

export { call, newContainer, resultOf };

/** A range of few addresses: five, without those of the network, the gateway and the broadcast. */
export const tinySubnet = "10.76.3.0/29";
const mostAddresses = 12;

/** Attaches containers until an ADD is refused, and returns those that were attached. */
export async function exhaust(scene: Scene, change: CallChange = {}): Promise<TestContainer[]> {
  const containers: TestContainer[] = [];
  while (containers.length < mostAddresses) {
    const container = await newContainer(scene);
    if (!(await tryAttach(scene, container, change))) break;
    containers.push(container);
  }
  return containers;
}
