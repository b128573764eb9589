import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type CniError, codes } from "../cni/errors.ts";
import { printJson } from "../cni/json.ts";
import { must } from "../sys/outcome-testing.ts";
import {
  type Grammar,
  type NetworkRequest,
  parseDefaultNetwork,
  parseNetworkList,
  parseNetworks,
} from "./annotation.ts";

function requests(text: string, defaultNamespace = "shop"): NetworkRequest[] {
  return must(parseNetworks(text, { defaultNamespace, unknownKeys: "refuse" }));
}

function refusal(
  text: string,
  defaultNamespace = "shop",
  unknownKeys: Grammar["unknownKeys"] = "refuse",
): CniError {
  const parsed = parseNetworks(text, { defaultNamespace, unknownKeys });
  if (parsed.ok) throw new Error(`accepted: ${printJson(parsed.value)}`);
  expect(parsed.error.code).toBe(codes.annotation);
  return parsed.error;
}

describe("the short form", () => {
  test.each<[string, NetworkRequest[]]>([
    ["", []],
    [" \n\t", []],
    ["storage", [{ namespace: "shop", name: "storage" }]],
    ["blue/data", [{ namespace: "blue", name: "data" }]],
    ["blue/data@net7", [{ namespace: "blue", name: "data", interface: "net7" }]],
    ["data@eth1.100", [{ namespace: "shop", name: "data", interface: "eth1.100" }]],
    ["data@ifname-15-bytes", [{ namespace: "shop", name: "data", interface: "ifname-15-bytes" }]],
    [
      " a ,\n b/c@d ",
      [
        { namespace: "shop", name: "a" },
        { namespace: "b", name: "c", interface: "d" },
      ],
    ],
    ["blue / data @ net7", [{ namespace: "blue", name: "data", interface: "net7" }]],
    [
      "a,a",
      [
        { namespace: "shop", name: "a" },
        { namespace: "shop", name: "a" },
      ],
    ],
    ["0", [{ namespace: "shop", name: "0" }]],
    ["null", [{ namespace: "shop", name: "null" }]],
    ["a--b", [{ namespace: "shop", name: "a--b" }]],
    ["n".repeat(253), [{ namespace: "shop", name: "n".repeat(253) }]],
    [`${"n".repeat(63)}/a`, [{ namespace: "n".repeat(63), name: "a" }]],
  ])("%j", (text, expected) => {
    expect(requests(text)).toEqual(expected);
  });

  test.each([
    ["a/b/c", "annotation.syntax", `entry 0 ("a/b/c"): It has more than one '/'.`],
    ["a@b@c", "annotation.syntax", `entry 0 ("a@b@c"): It has more than one '@'.`],
    ["a,", "annotation.syntax", `entry 1 (""): It is empty.`],
    ["a,,b", "annotation.syntax", `entry 1 (""): It is empty.`],
    ["/a", "annotation.name", "The namespace is empty."],
    ["a/", "annotation.name", "The network's name is empty."],
    ["@net7", "annotation.name", "The network's name is empty."],
    ["a@net7/b", "annotation.name", "The namespace must consist of"],
    ["..", "annotation.name", "The network's name must consist of"],
    ["team/net.v1", "annotation.name", "The network's name has a dot, which the short form does not know"],
    ["../storage", "annotation.name", "The namespace must consist of"],
    ["Storage", "annotation.name", "lower-case"],
    ["-a", "annotation.name", "begin and end"],
    ["a-", "annotation.name", "begin and end"],
    ["a_b", "annotation.name", "lower-case"],
    ["a.b", "annotation.name", "a dot, which the short form does not know"],
    ["a b", "annotation.name", "lower-case"],
    ["a\0", "annotation.name", `("a\\u0000")`],
    ["n".repeat(254), "annotation.name", "more than 253 characters"],
    [`${"n".repeat(64)}/a`, "annotation.name", "more than 63 characters"],
    ["a@", "annotation.interface", `"" cannot name an interface. It is empty.`],
    ["a@interface-of-16b", "annotation.interface", "at most 15 bytes"],
    ["a@et h0", "annotation.interface", `"et h0" cannot name an interface.`],
    ["a@..", "annotation.interface", "dot name"],
    ["a@b\0", "annotation.interface", String.raw`"b\u0000" cannot name an interface. It has an unprintable`],
    ["a@b\u001bc", "annotation.interface", "unprintable"],
    ["a@b\ud83d", "annotation.interface", String.raw`"b\ud83d" cannot name`],
    ["a@net%d", "annotation.interface", "'%d'"],
  ])("%j is refused: %s", (text, id, why) => {
    const error = refusal(text);
    expect(error.id).toBe(id);
    expect(error.msg).toBe("read the pod's annotation k8s.v1.cni.cncf.io/networks: it has a mistake");
    expect(error.details).toContain(why);
    expect(error.details).toContain("[namespace/]name[@interface]");
  });

  test("every mistake is told, with the entry that it is in; the first gives the id", () => {
    const error = refusal("good,a@b@c,A@way-too-long-a-name,fine");
    expect(error.id).toBe("annotation.syntax");
    expect(error.msg).toMatch(/it has 3 mistakes$/);
    expect(error.details).toMatch(
      /entry 1 \("a@b@c"\): .*entry 2 \("A@way.*name"\): The network's name .*entry 2 .*15 bytes/,
    );
    expect(error.details).not.toMatch(/entry [03]/);
  });

  test("what only looks like a letter, or moves a terminal's cursor, is shown as what it is", () => {
    expect(refusal("n\u0435t\u009b2J").details).toContain(String.raw`("n\u0435t\u009b2J")`);
  });

  test("a pod's own namespace is not trusted either", () => {
    expect(refusal("a", "../..")).toMatchObject({ id: "annotation.name" });
    expect(requests("blue/a", "../..")).toEqual([{ namespace: "blue", name: "a" }]);
  });
});

describe("the JSON form", () => {
  test.each<[string, string, NetworkRequest[]]>([
    ["no networks", "[]", []],
    ["a name", `[{"name":"a"}]`, [{ namespace: "shop", name: "a" }]],
    ["blanks around it", ` [{"name":"a"}]\n`, [{ namespace: "shop", name: "a" }]],
    [
      "every key",
      `[{"name":"a","namespace":"blue","interface":"net7","ips":["10.1.0.5/16","10.1.0.6","fd00::5","fd00::6/64"],
        "mac":"02:00:00:00:00:0A","infiniband-guid":"c2:11:22:33:44:55:66:77",
        "portMappings":[{"hostPort":8080,"containerPort":80},
          {"hostPort":53,"containerPort":5353,"protocol":"UDP","hostIP":"fd00::1"}],
        "bandwidth":{"ingressRate":2048,"ingressBurst":1600,"egressRate":0,"egressBurst":0},
        "deviceID":"0000:3b:02.1","default-route":["10.1.0.1","fd00::1"],
        "cni-args":{"vlan":100,"big":12345678901234567890}}]`,
      [
        {
          namespace: "blue",
          name: "a",
          interface: "net7",
          ips: ["10.1.0.5/16", "10.1.0.6", "fd00::5", "fd00::6/64"],
          mac: "02:00:00:00:00:0a",
          infinibandGuid: "c2:11:22:33:44:55:66:77",
          portMappings: [
            { hostPort: 8080, containerPort: 80, protocol: "tcp" },
            { hostPort: 53, containerPort: 5353, protocol: "UDP", hostIP: "fd00::1" },
          ],
          bandwidth: { ingressRate: 2048, ingressBurst: 1600, egressRate: 0, egressBurst: 0 },
          deviceId: "0000:3b:02.1",
          defaultRoute: ["10.1.0.1", "fd00::1"],
          cniArgs: { vlan: 100, big: expect.anything() },
        },
      ],
    ],
    [
      "the interface's old key",
      `[{"name":"a","interfaceRequest":"net7"}]`,
      [{ namespace: "shop", name: "a", interface: "net7" }],
    ],
    [
      "both interface keys: the new one counts",
      `[{"name":"a","interfaceRequest":"old","interface":"new"}]`,
      [{ namespace: "shop", name: "a", interface: "new" }],
    ],
    [
      "keys that are empty, which Go's encoder writes",
      `[{"name":"a","namespace":"","interface":"","ips":[],"mac":"","cni-args":null,"default-route":null,"deviceID":"",
        "infiniband-guid":"","portMappings":[],"bandwidth":{},"ipam-claim-reference":""}]`,
      [{ namespace: "shop", name: "a" }],
    ],
    [
      "a claim, whose name KubeVirt makes of two with a dot",
      `[{"name":"a","ips":[],"ipam-claim-reference":"vm1.tenant-blue"}]`,
      [{ namespace: "shop", name: "a", ipamClaimReference: "vm1.tenant-blue" }],
    ],
    [
      "no default routes, which is not the same as nothing said",
      `[{"name":"a","default-route":[]},{"name":"b"}]`,
      [
        { namespace: "shop", name: "a", defaultRoute: [] },
        { namespace: "shop", name: "b" },
      ],
    ],
    [
      "MAC addresses as Go reads them, Ethernet's and IP over InfiniBand's",
      `[{"name":"a","mac":"02-00-00-00-00-01"},{"name":"a","mac":"0200.0000.0001"},
        {"name":"a","mac":"00:00:00:00:fe:80:00:00:00:00:00:00:02:00:5e:10:00:00:00:01"}]`,
      [
        { namespace: "shop", name: "a", mac: "02:00:00:00:00:01" },
        { namespace: "shop", name: "a", mac: "02:00:00:00:00:01" },
        {
          namespace: "shop",
          name: "a",
          mac: "00:00:00:00:fe:80:00:00:00:00:00:00:02:00:5e:10:00:00:00:01",
        },
      ],
    ],
    [
      "addresses, however they are spelt",
      `[{"name":"a","ips":["FD00:0:0::5/64","10.1.0.5"],"infiniband-guid":"C2-11-22-33-44-55-66-77",
        "default-route":["FD00:0::1"],"portMappings":[{"hostPort":80,"containerPort":80,"hostIP":"FD00::0:7"}]}]`,
      [
        {
          namespace: "shop",
          name: "a",
          ips: ["fd00::5/64", "10.1.0.5"],
          infinibandGuid: "c2:11:22:33:44:55:66:77",
          defaultRoute: ["fd00::1"],
          portMappings: [{ hostPort: 80, containerPort: 80, protocol: "tcp", hostIP: "fd00::7" }],
        },
      ],
    ],
    [
      "others' keys, in reverse domain notation",
      `[{"name":"a","org.example.colour":"red","k8s.ovn.org.x_y":{}}]`,
      [{ namespace: "shop", name: "a" }],
    ],
    [
      "a name with dots, as Kubernetes allows them",
      `[{"name":"net.v1.example","namespace":"blue"}]`,
      [{ namespace: "blue", name: "net.v1.example" }],
    ],
  ])("%s", (_what, text, expected) => {
    expect(requests(text)).toEqual(expected);
  });

  test.each(["net.v1", "blue/net.v1", `[{"name":"net.v1"}]`])("default-network %s may have dots", (text) => {
    const parsed = parseDefaultNetwork(text, { defaultNamespace: "shop", unknownKeys: "refuse" });
    expect(parsed).toMatchObject({ ok: true, value: { name: "net.v1" } });
  });

  test("the configuration's own networks may have dots", () => {
    expect(parseNetworkList(["blue/net.v1@net7"], "shop")).toEqual({
      ok: true,
      value: [{ namespace: "blue", name: "net.v1", interface: "net7" }],
    });
  });

  test.each(["..", ".", "a..b", ".a", "a.", "a./b", "A.b", "a.b/../c"])("a name %s is none", (name) => {
    const text = JSON.stringify([{ name }]);
    expect(refusal(text)).toMatchObject({ id: "annotation.name" });
  });

  test("cni-args keep every digit", () => {
    const [request] = requests(`[{"name":"a","cni-args":{"big":12345678901234567890}}]`);
    expect(printJson(request?.cniArgs)).toBe(`{"big":12345678901234567890}`);
  });

  test.each([
    ["[", "annotation.json", "it is to be JSON"],
    [`a,b"`, "annotation.json", "it is to be JSON"],
    [`[{"name":"a"}] x`, "annotation.json", "it is to be JSON"],
    [`{"name":"a"}`, "annotation.json", "It is an object, not an array of objects. Put it into [ ]."],
    [`"a"`, "annotation.json", "It is a string, not an array"],
    ["[null]", "annotation.json", "entry 0: It is null, not an object."],
    [`[{"name":"a"},1.0]`, "annotation.json", "entry 1: It is a number, not an object."],
    [`["a"]`, "annotation.json", "entry 0: It is a string, not an object."],
    ["[[]]", "annotation.json", "entry 0: It is an array, not an object."],
    ["[{}]", "annotation.name", "entry 0: It has no name of a network."],
    [`[{"name":null}]`, "annotation.name", "no name of a network"],
    [`[{"name":7}]`, "annotation.name", `entry 0, key "name": It is a number, not a string.`],
    [`[{"name":"../a"}]`, "annotation.name", `entry 0, key "name": The network's name must`],
    [`[{"name":" a"}]`, "annotation.name", `key "name"`],
    [`[{"name":"a","namespace":".."}]`, "annotation.name", `key "namespace": The namespace must`],
    [`[{"name":"a","interface":"a/b"}]`, "annotation.interface", `key "interface": "a/b" cannot name`],
    [`[{"name":"a","interfaceRequest":"a b"}]`, "annotation.interface", `key "interfaceRequest": "a b"`],
    [`[{"name":"a","ips":"10.1.0.5"}]`, "annotation.value", `key "ips": It is a string, not an array`],
    [
      `[{"name":"a","ips":["10.1.0.5","10.1.0.256",7]}]`,
      "annotation.value",
      `key "ips": "10.1.0.256", a number: not an IP`,
    ],
    [`[{"name":"a","ips":["10.1.0.5/33"]}]`, "annotation.value", `"10.1.0.5/33"`],
    [`[{"name":"a","ips":[""]}]`, "annotation.value", `key "ips": "": not an IP`],
    [`[{"name":"a","ips":["1","2","3","4","5"]}]`, "annotation.value", `"1", "2", "3" and 2 more: not`],
    [`[{"name":"a","mac":"02:00:00:00:00"}]`, "annotation.value", `key "mac": "02:00:00:00:00" is no MAC`],
    [`[{"name":"a","mac":"02-00:00:00:00:01"}]`, "annotation.value", "six octets"],
    [`[{"name":"a","mac":"02:00:00:00:00:00:00:01"}]`, "annotation.value", "six octets"],
    [`[{"name":"a","mac":"020000000001"}]`, "annotation.value", "six octets"],
    [`[{"name":"a","mac":"02:00:00:00:00:0g"}]`, "annotation.value", "six octets"],
    [`[{"name":"a","mac":"02:00:00:00:00:01\\n"}]`, "annotation.value", "six octets"],
    [`[{"name":"a","cni-args":[]}]`, "annotation.value", `key "cni-args": It is an array, not an object.`],
    [`[{"name":"a","speed":1}]`, "annotation.key", `key "speed": There is no such key.`],
    [`[{"name":"a","speed":null}]`, "annotation.key", `key "speed"`],
    [`[{"name":"a","__proto__":{"mac":"x"}}]`, "annotation.key", `key "__proto__"`],
    [`[{"__proto__":{"name":"a"}}]`, "annotation.key", `key "__proto__"`],
    [`[{"name":"a","constructor":1}]`, "annotation.key", `key "constructor"`],
    [`[{"name":"a","Interface":"net7"}]`, "annotation.key", `it is written "interface"`],
    [`[{"name":"a","deviceid":null}]`, "annotation.key", `it is written "deviceID"`],
    [`[{"name":"a","colour.":1}]`, "annotation.key", `key "colour."`],
    [`[{"name":"a","infiniband-guid":"c2:11:22:33:44:55"}]`, "annotation.value", "eight octets"],
    [`[{"name":"a","infiniband-guid":7}]`, "annotation.value", `key "infiniband-guid": It is a number`],
    [`[{"name":"a","portMappings":{}}]`, "annotation.value", "not an array of port mappings"],
    [`[{"name":"a","portMappings":[80]}]`, "annotation.value", "[0] is a number, not an object."],
    [`[{"name":"a","portMappings":[{"hostPort":80}]}]`, "annotation.value", "[0] has no containerPort."],
    [
      `[{"name":"a","portMappings":[{"hostPort":null,"containerPort":80}]}]`,
      "annotation.value",
      "[0] has no hostPort.",
    ],
    ...[`0`, `65536`, `1.5`, `80.0`, `-1`, `"80"`, `1e3`].map((port): [string, string, string] => [
      `[{"name":"a","portMappings":[{"hostPort":${port},"containerPort":80}]}]`,
      "annotation.value",
      `key "portMappings": [0].hostPort: It is`,
    ]),
    [
      `[{"name":"a","portMappings":[{"hostPort":1,"containerPort":1},{"hostPort":1,"containerPort":1,"protocol":"icmp"}]}]`,
      "annotation.value",
      `[1].protocol: "icmp" is neither tcp nor udp nor sctp.`,
    ],
    [
      `[{"name":"a","portMappings":[{"hostPort":1,"containerPort":1,"hostIP":"10.0.0.0/8"}]}]`,
      "annotation.value",
      `[0].hostIP: "10.0.0.0/8" is no IP address.`,
    ],
    [
      `[{"name":"a","portMappings":[{"hostPort":1,"containerPort":1,"HostPort":1}]}]`,
      "annotation.value",
      `[0].HostPort: There is no such key.`,
    ],
    [`[{"name":"a","bandwidth":[]}]`, "annotation.value", `key "bandwidth": It is an array, not an object.`],
    [`[{"name":"a","bandwidth":{"ingressRate":"1M"}}]`, "annotation.value", "ingressRate: It is a string"],
    [
      `[{"name":"a","bandwidth":{"ingressRate":-1}}]`,
      "annotation.value",
      "ingressRate: It is -1, not a whole",
    ],
    [
      `[{"name":"a","bandwidth":{"egressRate":9999999999999999999}}]`,
      "annotation.value",
      "egressRate: It is a",
    ],
    [`[{"name":"a","bandwidth":{"rate":1}}]`, "annotation.value", "rate: There is no such key."],
    [
      `[{"name":"a","bandwidth":{"ingressRate":1,"ingressBurst":0}}]`,
      "annotation.value",
      "ingressRate and ingressBurst go together.",
    ],
    [`[{"name":"a","bandwidth":{"egressBurst":1}}]`, "annotation.value", "egressRate and egressBurst go"],
    ...["../../../etc", "a/b", ".hidden", "a..b", "a b", "a\\nb", "d".repeat(129)].map(
      (device): [string, string, string] => [
        `[{"name":"a","deviceID":"${device}"}]`,
        "annotation.value",
        "is no device",
      ],
    ),
    [`[{"name":"a","default-route":"10.1.0.1"}]`, "annotation.value", "not an array of gateways' addresses"],
    [
      `[{"name":"a","default-route":["10.1.0.1/24"]}]`,
      "annotation.value",
      `"10.1.0.1/24": not an IP address`,
    ],
    [
      `[{"name":"a","default-route":["10.1.0.1","10.1.0.2"]}]`,
      "annotation.value",
      "more than one IPv4 gateway",
    ],
    [`[{"name":"a","ipam-claim-reference":"Claim"}]`, "annotation.value", "The claim's name must consist"],
    [`[{"name":"a","ipam-claim-reference":"a..b"}]`, "annotation.value", "The claim's name must consist"],
    [`[{"name":"a","ipam-claim-reference":"../a"}]`, "annotation.value", "The claim's name must consist"],
    [`[{"name":"a","ipam-claim-reference":"${"a".repeat(254)}"}]`, "annotation.value", "more than 253"],
    [
      `[{"name":"a","ips":["10.1.0.5"],"ipam-claim-reference":"c"}]`,
      "annotation.value",
      `entry 0, keys "ips" and "ipam-claim-reference": They exclude each other.`,
    ],
  ])("%s is refused: %s", (text, id, why) => {
    const error = refusal(text);
    expect(error.id).toBe(id);
    expect(error.details).toContain(why);
    expect(error.details).toContain(
      "name, namespace, interface, interfaceRequest, ips, mac, infiniband-guid, portMappings,",
    );
  });

  test("every mistake is told, with its entry and key", () => {
    const error = refusal(`[{"name":"a","ips":["x"],"mac":"y"},{"name":"b"},{"speed":1}]`);
    expect(error).toMatchObject({ id: "annotation.value", msg: expect.stringMatching(/it has 4 mistakes$/) });
    expect(error.details).toMatch(
      /^entry 0, key "ips": .*entry 0, key "mac": .*entry 2, key "speed": .*entry 2: It has no name/,
    );
  });

  test.each([
    [`[{"name":"a"},\n {"name":b}]`, `line 2, column 10: expected a value, found "b"`],
    [`[{'name':'a'}]`, `line 1, column 3: expected a key in double quotes, found "'"`],
    ["[".repeat(300), "nested too deeply"],
  ])("JSON that is none is told with its place, under every engine alike: %j", (text, why) => {
    expect(refusal(text).details).toContain(why);
  });

  test("two that ask for one interface name are told with both places", () => {
    const details = refusal(
      `[{"name":"a","interface":"x"},{"name":"b"},{"name":"c","interfaceRequest":"x"}]`,
    ).details;
    expect(details).toContain(`entry 2, interface: "x" is the interface that entry 0 asks for.`);
    expect(refusal("a@x,b@x,c@x,d@y")).toMatchObject({
      id: "annotation.interface",
      msg: expect.stringMatching(/it has 2 mistakes$/),
      details: expect.stringMatching(/^entry 1, .*entry 2, /),
    });
  });

  describe("keys that there are not, where they are to be ignored", () => {
    const ignoring = (text: string) =>
      parseNetworks(text, { defaultNamespace: "shop", unknownKeys: "ignore" });

    test("are passed over and named, and nothing of them is kept", () => {
      const text = `[{"name":"a","speed":1,"__proto__":{"mac":"x"},
        "portMappings":[{"hostPort":80,"containerPort":80,"nodePort":1}],"bandwidth":{"rate":7}}]`;
      expect(ignoring(text)).toEqual({
        ok: true,
        value: [
          {
            namespace: "shop",
            name: "a",
            portMappings: [{ hostPort: 80, containerPort: 80, protocol: "tcp" }],
            ignored: [`"speed"`, `"__proto__"`, "portMappings[0].nodePort", "bandwidth.rate"],
          },
        ],
      });
    });

    test("other mistakes remain mistakes, and so does a key in another case, which Multus would obey", () => {
      expect(refusal(`[{"name":"a","speed":1,"mac":"x"}]`, "shop", "ignore").id).toBe("annotation.value");
      expect(refusal(`[{"name":"a","MAC":"02:00:00:00:00:01"}]`, "shop", "ignore").id).toBe("annotation.key");
    });
  });

  test("a pod's own namespace is not trusted either", () => {
    expect(refusal(`[{"name":"a"}]`, "..").details).toContain(
      `entry 0, the pod's own namespace, "..": The namespace`,
    );
    expect(requests(`[{"name":"a","namespace":"blue"}]`, "..")).toEqual([{ namespace: "blue", name: "a" }]);
  });
});

test("more networks than anybody needs are refused", () => {
  expect(refusal(Array(65).fill("a").join(",")).id).toBe("annotation.too-many");
  expect(refusal(JSON.stringify(Array(65).fill({ name: "a" }))).id).toBe("annotation.too-many");
  expect(requests(Array(64).fill("a").join(","))).toHaveLength(64);
});

describe("1 MB of garbage has a short answer", () => {
  const megabyte = 1024 * 1024;
  test.each<[string, string, string]>([
    ["one name", "a".repeat(megabyte), "annotation.name"],
    ["commas", ",".repeat(megabyte), "annotation.too-many"],
    ["slashes", "/".repeat(megabyte), "annotation.syntax"],
    ["an interface", `a@${"b".repeat(megabyte)}`, "annotation.interface"],
    ["bytes of no meaning", "\u0000\u001b\u{1f600}".repeat(megabyte / 4), "annotation.name"],
    ["opening brackets", "[".repeat(megabyte), "annotation.json"],
    ["a word that is no JSON", `[${"b".repeat(megabyte)}`, "annotation.json"],
    [
      "numbers",
      `[${Array(megabyte / 8)
        .fill("1")
        .join()}]`,
      "annotation.too-many",
    ],
    [
      "keys",
      `[{${Array.from({ length: megabyte / 16 }, (_, index) => `"k${index}":1`).join()}}]`,
      "annotation.key",
    ],
    ["one key", `[{"name":"a","${"k".repeat(megabyte)}":1}]`, "annotation.key"],
    [
      "addresses",
      `[{"name":"a","ips":["${Array(megabyte / 8)
        .fill("x")
        .join('","')}"]}]`,
      "annotation.value",
    ],
    ["one address", `[{"name":"a","ips":["${"1:".repeat(megabyte / 2)}"]}]`, "annotation.value"],
  ])("%s", (_what, text, id) => {
    const error = refusal(text);
    expect(error.id).toBe(id);
    expect(error.details.length).toBeLessThan(6000);
  });

  test("ten mistakes are shown, the others counted", () => {
    const error = refusal(",".repeat(59));
    expect(error.msg).toMatch(/it has 60 mistakes$/);
    expect(error.details.match(/entry \d+ /g)).toHaveLength(10);
    expect(error.details).toContain("And 50 more.");
    expect(refusal(",".repeat(9)).details).not.toContain("more.");
  });
});

describe("the pod's own primary", () => {
  const read = (text: string) =>
    parseDefaultNetwork(text, { defaultNamespace: "shop", unknownKeys: "refuse" });

  test.each<[string, NetworkRequest]>([
    ["flat", { namespace: "shop", name: "flat" }],
    ["blue/flat", { namespace: "blue", name: "flat" }],
    [`[{"name":"flat","namespace":"blue"}]`, { namespace: "blue", name: "flat" }],
  ])("%s", (text, expected) => {
    expect(read(text)).toEqual({ ok: true, value: expected });
  });

  test.each([
    ["", "annotation.default-network", "it names 0 networks, not one"],
    ["[]", "annotation.default-network", "it names 0 networks, not one"],
    ["a,b", "annotation.default-network", "it names 2 networks, not one"],
    [
      "a/b/c",
      "annotation.syntax",
      "read the pod's annotation v1.multus-cni.io/default-network: it has a mistake",
    ],
    [`{"name":"a"}`, "annotation.json", "v1.multus-cni.io/default-network"],
  ])("%j is refused: %s", (text, id, msg) => {
    expect(read(text)).toMatchObject({
      ok: false,
      error: { id, code: 102, msg: expect.stringContaining(msg) },
    });
  });
});

describe("the configuration's networks", () => {
  test("each entry is of the short form", () => {
    expect(parseNetworkList(["storage", " blue/data@net7 "], "default")).toEqual({
      ok: true,
      value: [
        { namespace: "default", name: "storage" },
        { namespace: "blue", name: "data", interface: "net7" },
      ],
    });
    expect(parseNetworkList([], "default")).toEqual({ ok: true, value: [] });
  });

  test.each([
    ["", "annotation.syntax"],
    ["a,b", "annotation.name"],
    [`[{"name":"a"}]`, "annotation.name"],
    ["a/b/c", "annotation.syntax"],
  ])("%j is refused: %s", (entry, id) => {
    expect(parseNetworkList(["good", entry], "default")).toMatchObject({
      ok: false,
      error: { id, msg: "the list has a mistake", details: expect.stringContaining("entry 1 (") },
    });
  });
});

test("property: what is asked for in the short form is asked for in the JSON form alike", () => {
  const label = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,9}[a-z0-9])?$/);
  const request = fc.record(
    { namespace: label, name: label, interface: label },
    { requiredKeys: ["namespace", "name"] },
  );
  const wantedNetworks = fc.uniqueArray(request, {
    minLength: 1,
    selector: ({ interface: ifname }) => ifname ?? {},
  });
  fc.assert(
    fc.property(wantedNetworks, (wanted) => {
      const written = wanted.map((each) => {
        const target = `${each.namespace}/${each.name}`;
        return each.interface === undefined ? target : `${target}@${each.interface}`;
      });
      expect(requests(written.join())).toEqual(wanted);
      expect(requests(printJson(wanted))).toEqual(wanted);
    }),
  );
});
