import { expect, test } from "vitest";
import { histogramLines, histogramOf, servedIn } from "./ipam-trips.ts";

const started = (service: string, method: string, count: string) =>
  `grpc_server_started_total{grpc_method="${method}",grpc_service="etcdserverpb.${service}",grpc_type="unary"} ${count}`;

test("what etcd has served: all methods of keys and values, and no other service", () => {
  const metrics = [
    "# TYPE grpc_server_started_total counter",
    started("KV", "Txn", "7"),
    started("KV", "Range", "1e+03"),
    started("Auth", "Authenticate", "5"),
    'grpc_server_handled_total{grpc_code="OK",grpc_method="Txn",grpc_service="etcdserverpb.KV"} 9',
  ].join("\n");
  expect(servedIn(metrics)).toBe(1007);
});

test("no count is not none", () => {
  expect(servedIn("# nothing\n")).toBeUndefined();
});

test("a histogram, the fewest trips first", () => {
  const cases = new Map([
    ["new pod", histogramOf([2, 1, 1])],
    ["known", histogramOf([2])],
  ]);
  expect(histogramLines(cases)).toEqual(["new pod  1 trip x 2, 2 trips x 1", "known    2 trips x 1"]);
});
