import { BenchFailure } from "./timed-call.ts";

/** How often each number of round trips was seen. */
export type Histogram = ReadonlyMap<number, number>;

/** How many requests etcd has answered. etcd counts them itself, so no proxy stands between it and the plugin. */
export async function requestsServed(endpoint: string): Promise<number> {
  const reply = await fetch(`${endpoint}/metrics`);
  const served = servedIn(await reply.text());
  if (served === undefined) throw new BenchFailure(`${endpoint}/metrics does not count requests`);
  return served;
}

/** The sum over all methods of the key-value service; undefined when there is no such count. */
export function servedIn(metrics: string): number | undefined {
  const line = /^grpc_server_started_total\{[^}]*grpc_service="etcdserverpb\.KV"[^}]*\} (\S+)$/gm;
  const counts = [...metrics.matchAll(line)].map(([, count]) => Number(count));
  return counts.length === 0 ? undefined : counts.reduce((sum, count) => sum + count, 0);
}

export function histogramOf(trips: readonly number[]): Histogram {
  const histogram = new Map<number, number>();
  for (const count of trips.toSorted((a, b) => a - b)) histogram.set(count, (histogram.get(count) ?? 0) + 1);
  return histogram;
}

/** `new pod     1 x 98, 2 x 2` */
export function histogramLines(cases: ReadonlyMap<string, Histogram>): string[] {
  const width = Math.max(...[...cases.keys()].map((name) => name.length));
  return [...cases].map(([name, histogram]) => {
    const counts = [...histogram].map(
      ([trips, times]) => `${trips} trip${trips === 1 ? "" : "s"} x ${times}`,
    );
    return `${name.padEnd(width)}  ${counts.join(", ")}`;
  });
}
