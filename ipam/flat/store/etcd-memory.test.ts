import { describe, expect, test } from "vitest";
import { createFake } from "../../../sys/fake.ts";
import type { HttpAttempt, HttpRequest } from "../../../sys/http.ts";
import { ok } from "../../../sys/outcome.ts";
import type { EtcdSettings } from "./etcd-config.ts";
import { keptUntil, memoryPlace, recall, remember } from "./etcd-memory.ts";
import { openEtcd } from "./etcd-store.ts";
import type { Txn } from "./store.ts";

const settings: EtcdSettings = {
  endpoints: ["https://a:2379", "https://b:2379"],
  caFile: "",
  certFile: "",
  keyFile: "",
  username: "cni",
  passwordFile: "/etc/password",
  prefix: "/hawser",
};
const folder = "/var/lib/etcd";
const ca = "-----BEGIN CERTIFICATE-----\n1";

describe("a remembered token is for one cluster, user and authority", () => {
  test("and its file says so in words", () => {
    const { sys, machine } = createFake();
    const place = memoryPlace(settings, folder, ca);
    remember(sys, place, { token: "t1", untilMs: keptUntil(sys) });
    const text = machine.disk.read(place.path);
    expect(JSON.parse(text.ok ? text.value : "")).toMatchObject({
      for: {
        endpoints: ["https://a:2379", "https://b:2379"],
        username: "cni",
        caSha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
      token: "t1",
    });
    expect(recall(sys, place).token).toBe("t1");
  });

  test.each<[string, Partial<EtcdSettings>, string | undefined]>([
    ["another user", { username: "other" }, ca],
    ["another endpoint", { endpoints: ["https://a:2379", "https://evil:2379"] }, ca],
    ["one endpoint that looks like both", { endpoints: ["https://a:2379 https://b:2379"] }, ca],
    ["another authority", {}, `${ca}2`],
    ["no authority", {}, undefined],
    ["the same without TLS", { endpoints: ["http://a:2379", "http://b:2379"] }, ca],
  ])("%s: nothing of it", (_what, changes, otherCa) => {
    const { sys, machine } = createFake();
    const place = memoryPlace(settings, folder, ca);
    remember(sys, place, { token: "t1", untilMs: keptUntil(sys) });
    const other = memoryPlace({ ...settings, ...changes }, folder, otherCa);
    expect(other.path).not.toBe(place.path);
    expect(recall(sys, other)).toEqual({});
    // The token is not used either if the file of one store lies under the name of the other.
    const text = machine.disk.read(place.path);
    sys.files.write(other.path, text.ok ? text.value : "", { mode: 0o600 });
    expect(recall(sys, other)).toEqual({});
  });

  test("the order of the endpoints is none of it", () => {
    const turned = { ...settings, endpoints: ["https://b:2379", "https://a:2379"] };
    expect(memoryPlace(turned, folder, ca).path).toBe(memoryPlace(settings, folder, ca).path);
  });
});

describe("an endpoint that repeats what it was sent does not bring it into an error", () => {
  const password = 'pass"word-of-hawser';
  const token = "token-of-hawser.1234567890";
  const get: Txn = { compare: [], success: [{ kind: "get", key: "a" }], failure: [] };
  const sent = ({ headers, body = "" }: HttpRequest): string => `${headers.authorization} ${body}`;
  const echo = (status: number) => (request: HttpRequest) => ok({ status, body: sent(request) });
  const told = (message: string) => ok({ status: 400, body: JSON.stringify({ message }) });

  const answers: [string, (request: HttpRequest) => HttpAttempt][] = [
    ["as the text of a refusal", echo(400)],
    ["as the text of a failure", echo(503)],
    ["as an answer", echo(200)],
    ["in a JSON message", (request) => told(sent(request))],
    ["cut by itself", (request) => told(sent(request).slice(0, 60))],
    ["where we cut it", (request) => ok({ status: 400, body: "x".repeat(185) + sent(request) })],
    ["in base64", (request) => told(Buffer.from(sent(request)).toString("base64"))],
    ["from another process's request", () => told(password)],
    [
      "in the engine's own words",
      (request) => ({ ok: false, error: { code: "EX", message: sent(request), sent: "no" } }),
    ],
  ];

  test.each(answers)("%s", async (_how, answer) => {
    const isFor = ({ url }: HttpRequest, path: string): boolean => url.endsWith(path);
    const authenticated = ok({ status: 200, body: JSON.stringify({ token }) });
    const replies = [
      // One server answers so to the first request, with the password. The other does to the next one, with the token.
      (request: HttpRequest) => answer(request),
      (request: HttpRequest) => (isFor(request, "/v3/auth/authenticate") ? authenticated : answer(request)),
    ];
    for (const http of replies) {
      const { sys } = createFake({ http, files: { "/etc/password": `${password}\n` } });
      const store = openEtcd(sys, settings, { folder: "", name: "" });
      const said = JSON.stringify(await store.txn(get));
      expect(said).toContain(`"ok":false`);
      expect(said).not.toMatch(/word-of|token-of|1234567890|d29yZC1vZi|dG9rZW4tb2/);
    }
  });
});
