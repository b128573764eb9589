import { describe, expect, test } from "vitest";
import type { NetworkRequest } from "../../../kube/annotation.ts";
import type { Observed, Wanted } from "../observe/observed.ts";
import { select } from "./select.ts";

function wanted(name: string, more: Partial<NetworkRequest> = {}): Wanted {
  const request: NetworkRequest = { namespace: "default", name, ...more };
  return {
    origin: "annotation",
    request,
    definition: {
      namespace: request.namespace,
      name,
      source: `/net.d/${name}.json`,
      keptIn: "disk",
      annotations: {},
      config: { type: "macvlan", name },
    },
  };
}

const primary = {
  name: "pods",
  source: "delegate",
  config: { type: "bridge", name: "pods" },
  annotations: {},
};
const taken = { primary: "eth0", existing: [] };

function names(observed: Observed, more = taken): string[] {
  const selections = select(observed, more);
  if (!selections.ok) throw new Error(selections.error.msg);
  return selections.value.map((each) => `${each.role} ${each.network} ${each.ifname}`);
}

describe("select", () => {
  test("the primary has the runtime's interface name, secondaries are counted from net1", () => {
    expect(names({ pod: undefined, primary, wanted: [wanted("a"), wanted("b")] })).toEqual([
      "primary pods eth0",
      "secondary default/a net1",
      "secondary default/b net2",
    ]);
  });

  test("a requested name does not shift those after it", () => {
    const observed = { pod: undefined, primary, wanted: [wanted("a", { interface: "data0" }), wanted("b")] };
    expect(names(observed)).toEqual([
      "primary pods eth0",
      "secondary default/a data0",
      "secondary default/b net2",
    ]);
  });

  test("a network named twice is two attachments", () => {
    const observed = { pod: undefined, primary, wanted: [wanted("a"), wanted("a")] };
    expect(names(observed)).toEqual([
      "primary pods eth0",
      "secondary default/a net1",
      "secondary default/a net2",
    ]);
  });

  test("chained: secondaries only", () => {
    expect(names({ pod: undefined, primary: undefined, wanted: [wanted("a")] })).toEqual([
      "secondary default/a net1",
    ]);
  });

  test.each([
    ["the primary's name", [wanted("a", { interface: "eth0" })], [], "eth0"],
    ["the loopback interface", [wanted("a", { interface: "lo" })], [], "lo"],
    ["one name twice", [wanted("a", { interface: "x" }), wanted("b", { interface: "x" })], [], "x"],
    [
      "a generated name that was requested before",
      [wanted("a", { interface: "net2" }), wanted("b")],
      [],
      "net2",
    ],
    [
      "a generated name that is requested after",
      [wanted("a"), wanted("b", { interface: "net1" })],
      [],
      "net1",
    ],
    ["an interface of an earlier plugin", [wanted("a", { interface: "tun0" })], ["tun0"], "tun0"],
  ])("refuses %s", (_case, list, existing, name) => {
    const outcome = select({ pod: undefined, primary, wanted: list }, { primary: "eth0", existing });
    expect(outcome).toMatchObject({ ok: false, error: { code: 103, id: "meta.name-collision" } });
    if (!outcome.ok) expect(outcome.error.msg).toContain(`interface ${name}`);
  });

  test("every collision is told at once", () => {
    const list = [wanted("a", { interface: "lo" }), wanted("b"), wanted("c", { interface: "eth0" })];
    const outcome = select({ pod: undefined, primary, wanted: list }, taken);
    if (outcome.ok) throw new Error("selected");
    expect(outcome.error.msg).toContain("network default/a is to be interface lo");
    expect(outcome.error.details).toContain(
      "network default/c is to be interface eth0, which is the pod's primary",
    );
    expect(`${outcome.error.msg}${outcome.error.details}`).not.toContain("default/b");
  });

  test("a primary that the pod has chosen is the annotation's, and keeps what is asked of it", () => {
    const request = { namespace: "default", name: "flat", mac: "02:00:00:00:00:01" };
    const selections = select({ pod: undefined, primary: { ...primary, request }, wanted: [] }, taken);
    expect(selections).toMatchObject({
      ok: true,
      value: [{ role: "primary", origin: "annotation", request }],
    });
  });
});
