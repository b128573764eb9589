import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../../cni/json.ts";
import { newNotes, problemTexts } from "../../../cni/readers.ts";
import { readEtcd } from "./etcd-config.ts";

const place = "ipam.store.etcd";
const endpoints = ["https://10.0.0.1:2379"];

function problemsOf(etcd: JsonObject): string[] {
  const notes = newNotes();
  readEtcd(etcd, place, notes);
  return problemTexts(notes);
}

test("what is not said is the default; slashes behind are none", () => {
  const notes = newNotes();
  expect(readEtcd({ endpoints: ["http://etcd.kube-system:2379/"] }, place, notes)).toEqual({
    endpoints: ["http://etcd.kube-system:2379"],
    caFile: "",
    certFile: "",
    keyFile: "",
    username: "",
    passwordFile: "",
    prefix: "/hawser",
  });
  expect(readEtcd({ endpoints, prefix: "/site/one/" }, place, notes).prefix).toBe("/site/one");
  expect(problemTexts(notes)).toEqual([]);
});

test.each([
  "https://10.0.0.1:2379",
  "http://127.0.0.1",
  "https://[fd00::1]:2379",
  "https://etcd-0.etcd.svc:2379/",
])("endpoint %s", (endpoint) => {
  expect(problemsOf({ endpoints: [endpoint] })).toEqual([]);
});

test.each([
  "10.0.0.1:2379",
  "etcd://a:2379",
  "https://",
  "https://a:99999",
  "https://a:0",
  "https://a:2379/v3",
  "https://a b:2379",
])("no endpoint: %s", (endpoint) => {
  expect(problemsOf({ endpoints: [endpoint] })).toEqual([
    `${place}.endpoints[0]: ${JSON.stringify(endpoint)} is no URL like https://10.0.0.1:2379`,
  ]);
});

test("what may be a password is not repeated: neither in an endpoint nor in place of its file", () => {
  const mistaken = { endpoints: ["https://user:hunter22@a:2379"], username: "u", passwordFile: "hunter22" };
  const said = problemsOf(mistaken).join("; ");
  expect(said).toContain(`endpoints[0]: "https://user:(secret)@a:2379" is no URL`);
  expect(said).toContain(`${place}.passwordFile: it is no absolute path`);
  expect(said).not.toContain("hunter22");
});

describe("a password goes over TLS alone", () => {
  const user = { username: "u", passwordFile: "/p" };
  const refused = (index: number, endpoint: string): string =>
    `${place}.endpoints[${index}]: "${endpoint}" has no TLS, and a password is not sent without; give https:`;

  test.each<[string, JsonObject, string[]]>([
    ["over http", { endpoints: ["http://a:1"], ...user }, [refused(0, "http://a:1")]],
    ["over http to this machine", { endpoints: ["http://[::1]:1"], ...user }, [refused(0, "http://[::1]:1")]],
    ["over one of several", { endpoints: ["https://a", "http://b"], ...user }, [refused(1, "http://b")]],
    [
      "to this machine, said in so many words",
      { endpoints: ["http://127.0.0.1:1"], plainHttp: "loopback", ...user },
      [],
    ],
    [
      "said so, to another",
      { endpoints: ["http://a:1"], plainHttp: "loopback", ...user },
      [refused(0, "http://a:1")],
    ],
    ["no user", { endpoints: ["http://a:1"] }, []],
    [
      "another word",
      { endpoints: ["https://a"], plainHttp: "yes" },
      [`${place}.plainHttp: "yes" is not "loopback"`],
    ],
  ])("%s", (_case, etcd, expected) => {
    expect(problemsOf(etcd)).toEqual(expected);
  });
});

describe("every problem has the path of its field", () => {
  test.each<[string, JsonObject, string[]]>([
    ["no endpoints", {}, [`${place}.endpoints: is empty; name at least one, like https://10.0.0.1:2379`]],
    [
      "endpoints of another kind",
      { endpoints: "https://a" },
      [`${place}.endpoints: is a string, not an array`],
    ],
    [
      "a certificate without its key, a user without a password",
      { endpoints, certFile: "/c", username: "cni" },
      [
        `${place}.keyFile: is missing; certFile and keyFile go together`,
        `${place}.passwordFile: is missing; username and passwordFile go together`,
      ],
    ],
    [
      "a password without its user",
      { endpoints, passwordFile: "/p" },
      [`${place}.username: is missing; username and passwordFile go together`],
    ],
    ["a relative path", { endpoints, caFile: "ca.pem" }, [`${place}.caFile: "ca.pem" is no absolute path`]],
    [
      "certificates for nobody",
      { endpoints: ["http://a"], caFile: "/ca" },
      [`${place}.endpoints: none is https, but there are certificates`],
    ],
    [
      "a prefix that is no path",
      { endpoints, prefix: "hawser" },
      [`${place}.prefix: "hawser" is no path like /hawser`],
    ],
    ["a prefix that is nothing", { endpoints, prefix: "/" }, [`${place}.prefix: "" is no path like /hawser`]],
    [
      "all at once",
      { endpoints: ["a"], username: 1, prefix: "a b" },
      [
        `${place}.username: is a number, not a string`,
        `${place}.endpoints[0]: "a" is no URL like https://10.0.0.1:2379`,
        `${place}.prefix: "a b" is no path like /hawser`,
      ],
    ],
  ])("%s", (_what, etcd, problems) => {
    expect(problemsOf(etcd).filter((each) => !problems.includes(each))).toEqual([]);
    expect(problemsOf(etcd)).toHaveLength(problems.length);
  });
});
