import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { must } from "../sys/outcome-testing.ts";
import { parseJson } from "./json.ts";
import { isSecretKey, maskSecrets, redact, secretsIn } from "./secrets.ts";

const token = "eyJhbGciOiJSUzI1NiIsImtpZCI6Ik1rIn0.eyJhdWQiOlsiaHR0cHM6Ly9rIl19.c2lnbmF0dXJl";

describe("what a server repeats of a secret is not shown", () => {
  test.each([
    ["whole", `you sent Bearer ${token}.`, token, "you sent Bearer (secret)."],
    ["twice", "pw12345 and pw12345", "pw12345", "(secret) and (secret)"],
    ["cut by the server", `you sent Bearer ${token.slice(0, 30)}...`, token, "you sent Bearer (secret)..."],
    ["its end", `...${token.slice(-20)}!`, token, "...(secret)!"],
    ["half of a password", "hunter2-", "hunter2-and-more", "(secret)"],
    ["as JSON spells it", String.raw`{"p":"a\"b\\c123"}`, 'a"b\\c123', '{"p":"(secret)"}'],
    ["as base64", `Basic ${btoa("s3cr3t-word")}`, "s3cr3t-word", "Basic (secret)Q="],
    ["as base64, behind a name", `Basic ${btoa("me:s3cr3t-word!")}`, "s3cr3t-word", "Basic bWU6(secret)Qh"],
    [
      "as base64, behind a longer one",
      `Basic ${btoa("mee:s3cr3t-word!")}`,
      "s3cr3t-word",
      "Basic bWVlOn(secret)IQ==",
    ],
    ["as a URL spells it", "?p=a%26b%3Dcdef", "a&b=cdef", "?p=(secret)"],
    ["a short one", "password abc is wrong", "abc", "password (secret) is wrong"],
    ["none", "nothing of it", token, "nothing of it"],
    ["an empty one", "nothing of it", "", "nothing of it"],
  ])("%s", (_how, text, secret, shown) => {
    expect(redact(text, [secret])).toBe(shown);
  });

  test("wherever it stands, and whatever else is said", () => {
    const word = fc.string({ minLength: 12, maxLength: 80 });
    fc.assert(
      fc.property(word, fc.string(), fc.string(), (secret, before, after) => {
        expect(redact(`${before}${secret}${after}`, [secret])).not.toContain(secret);
      }),
    );
  });

  test("in a long text that nearly is the secret, over and over", () => {
    const long = "eyJhbGciOiJ".repeat(100_000);
    expect(redact(long, [token])).toBe(long);
  });
});

describe("keys that name a secret", () => {
  test.each([
    ...[
      "password",
      "etcd_password",
      "etcdpassword",
      "ETCD_PASSWORD",
      "Pa\u017F\u017Fword",
      "passphrase",
      "pass",
    ],
    ...["token", "authToken", "k8s_auth_token", "to\u212Aen", "secret", "clientSecret", "client-key-data"],
    ...["key", "etcd_key", "apiKey", "API-KEY", "apikey", "privatekey", "preSharedKey", "psk", "credentials"],
    ...["authorization", "bearer", "jwt", "wg_private_key"],
  ])("%s", (key) => {
    expect(isSecretKey(key)).toBe(true);
  });

  test.each([
    ...["passwordFile", "tokenFile", "etcd_key_file", "keyPath", "secretName", "secretRef", "tokenTTL"],
    ...["type", "monkey", "keyboard", "master", "passthru", "compass", "caFile", "certificate", "author", ""],
  ])("not %j", (key) => {
    expect(isSecretKey(key)).toBe(false);
  });
});

test("the values that a configuration calls secrets, as far as they can be told from other words", () => {
  const config = {
    type: "x",
    etcd_password: "hunter22",
    auth: "none",
    ipam: { credentials: { user: "somebody", keys: ["abcdef", 7] }, passwordFile: "/etc/password" },
  };
  expect(secretsIn(config)).toEqual(["hunter22", "somebody", "abcdef"]);
});

describe("a configuration as people may see it", () => {
  test.each([
    ['{"etcd_password":"x","etcd_host":"h"}', '{"etcd_password":"(secret)","etcd_host":"h"}'],
    ['{"a":[{"Token":12345678901234567890}]}', '{"a":[{"Token":"(secret)"}]}'],
    ['{"credentials":{"user":"u","pass":"p"}}', '{"credentials":"(secret)"}'],
    ['{"password":"","token":null,"auth":false}', '{"password":"","token":null,"auth":false}'],
    ['{"url":"https://me:pw@h:2379/x?y"}', '{"url":"https://me:(secret)@h:2379/x?y"}'],
    ['{"args":"IgnoreUnknown=1;PASSWORD=pw;X=y"}', '{"args":"IgnoreUnknown=1;PASSWORD=(secret);X=y"}'],
    ['{"pem":"-----BEGIN EC PRIVATE KEY-----\\nabc"}', '{"pem":"(secret)"}'],
    [String.raw`{"config":"{\"password\":\"p\"}"}`, String.raw`{"config":"{\"password\":\"(secret)\"}"}`],
    [String.raw`{"config":"{ \"type\": 1.0}"}`, String.raw`{"config":"{ \"type\": 1.0}"}`],
    ['{"type":"macvlan","mtu":1500,"big":1.0}', '{"type":"macvlan","mtu":1500,"big":1.0}'],
  ])("%s", (text, shown) => {
    const json = must(parseJson(text));
    expect(JSON.stringify(maskSecrets(json))).toBe(shown);
  });

  test("a long text that nearly has one, over and over", () => {
    const long = { a: "://x".repeat(200_000), b: "a-".repeat(400_000), c: "://:".repeat(200_000) };
    expect(maskSecrets(long)).toEqual(long);
  });
});
