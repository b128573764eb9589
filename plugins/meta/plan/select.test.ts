import { describe, expect, test } from "vitest";
import type { NetworkRequest } from "../../../kube/request.ts";
import { must } from "../../../sys/outcome-testing.ts";
import type { Wanted } from "../observe/wanted.ts";
import { select } from "./select.ts";

function wanted(name: string, more: Partial<NetworkRequest> = {}): Wanted {
  const request: NetworkRequest = { namespace: "default", name, ...more };
  return { role: "secondary", origin: "annotation", request, lookup: found(`default/${name}`, name) };
}

function found(network: string, name: string): Wanted["lookup"] {
  const place = { namespace: "default", name, source: `/net.d/${name}.json`, keptIn: "disk" as const };
  return {
    kind: "found",
    network,
    definition: { ...place, annotations: {}, config: { type: "macvlan", name } },
  };
}

const primary: Wanted = {
  role: "primary",
  origin: "configuration",
  choice: { field: "delegate", source: { kind: "inline", config: { type: "bridge", name: "pods" } } },
  lookup: found("pods", "pods"),
};
const taken = { primary: "eth0", existing: [] };

function names(list: readonly Wanted[]): string[] {
  const selections = must(select(list, taken));
  return selections.map((each) => `${each.role} ${each.network} ${each.ifname}`);
}

describe("select", () => {
  test("the primary has the runtime's interface name, secondaries are counted from net1", () => {
    expect(names([primary, wanted("a"), wanted("b")])).toEqual([
      "primary pods eth0",
      "secondary default/a net1",
      "secondary default/b net2",
    ]);
  });

  test("a requested interface name does not shift the names after it", () => {
    const list = [primary, wanted("a", { interface: "data0" }), wanted("b")];
    expect(names(list)).toEqual([
      "primary pods eth0",
      "secondary default/a data0",
      "secondary default/b net2",
    ]);
  });

  test("a network named twice is two attachments", () => {
    const list = [primary, wanted("a"), wanted("a")];
    expect(names(list)).toEqual([
      "primary pods eth0",
      "secondary default/a net1",
      "secondary default/a net2",
    ]);
  });

  test("a chained hawser selects secondaries only", () => {
    expect(names([wanted("a")])).toEqual(["secondary default/a net1"]);
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
    const outcome = select([primary, ...list], { primary: "eth0", existing });
    expect(outcome).toMatchObject({ ok: false, error: { code: 103, id: "meta.name-collision" } });
    if (!outcome.ok) expect(outcome.error.msg).toContain(`interface ${name}`);
  });

  test("every collision is told at once", () => {
    const list = [wanted("a", { interface: "lo" }), wanted("b"), wanted("c", { interface: "eth0" })];
    const outcome = select([primary, ...list], taken);
    if (outcome.ok) throw new Error("selected");
    expect(outcome.error.msg).toContain("network default/a is to be interface lo");
    expect(outcome.error.details).toContain(
      "network default/c is to be interface eth0, which is the pod's primary",
    );
    expect(`${outcome.error.msg}${outcome.error.details}`).not.toContain("default/b");
  });

  test("a primary that the pod has chosen is the annotation's, and keeps what is asked of it", () => {
    const request = { namespace: "default", name: "flat", mac: "02:00:00:00:00:01" };
    const selections = select([{ ...primary, origin: "annotation", request }], taken);
    expect(selections).toMatchObject({
      ok: true,
      value: [{ role: "primary", origin: "annotation", request }],
    });
  });
});
