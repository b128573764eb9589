import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../../cni/json.ts";
import { mergeLists } from "./merge-lists.ts";

const list = (...plugins: JsonObject[]): JsonObject => ({ cniVersion: "1.0.0", name: "n", plugins });
const bridge = { type: "bridge", mtu: 1450 };
const portmap = { type: "portmap", capabilities: { portMappings: true } };
const hawser = { type: "hawser", capabilities: { a: true } };
const renewed = { ...hawser, parallel: true };
const istio = { type: "istio-cni", kubernetes: { kubeconfig: "/k" } };
const linkerd = { type: "linkerd-cni", log_level: "info" };

interface Case {
  readonly what: string;
  readonly base: JsonObject | undefined;
  readonly theirs: JsonObject;
  readonly ours: JsonObject;
  /** The plugins, or what conflicts. */
  readonly merged: readonly JsonObject[] | string;
}

const base = list(bridge, portmap, hawser);
const cases: readonly Case[] = [
  { what: "nobody has changed anything", base, theirs: base, ours: base, merged: [bridge, portmap, hawser] },
  {
    what: "one is appended, hawser's changes: both",
    base,
    theirs: list(bridge, portmap, hawser, istio),
    ours: list(bridge, portmap, renewed),
    merged: [bridge, portmap, renewed, istio],
  },
  {
    what: "two are appended, one before hawser: their order",
    base,
    theirs: list(bridge, linkerd, portmap, hawser, istio),
    ours: base,
    merged: [bridge, linkerd, portmap, hawser, istio],
  },
  {
    what: "the order is changed: theirs",
    base,
    theirs: list(portmap, bridge, hawser),
    ours: list(bridge, portmap, renewed),
    merged: [portmap, bridge, renewed],
  },
  {
    what: "they change a plugin of the primary's",
    base,
    theirs: list({ ...bridge, mtu: 9000 }, portmap, hawser),
    ours: list(bridge, portmap, renewed),
    merged: [{ ...bridge, mtu: 9000 }, portmap, renewed],
  },
  { what: "they remove one", base, theirs: list(bridge, hawser), ours: base, merged: [bridge, hawser] },
  {
    what: "we remove one that they left",
    base,
    theirs: list(bridge, portmap, hawser, istio),
    ours: list(bridge, hawser),
    merged: [bridge, hawser, istio],
  },
  {
    what: "written anew without hawser: appended again",
    base,
    theirs: list(bridge, portmap, istio),
    ours: base,
    merged: [bridge, portmap, istio, hawser],
  },
  {
    what: "one that only we have keeps its place",
    base,
    theirs: list(bridge, hawser, istio),
    ours: list(bridge, { type: "tuning" }, portmap, hawser),
    merged: [bridge, { type: "tuning" }, hawser, istio],
  },
  {
    what: "the same in another order of keys is no change",
    base,
    theirs: list({ mtu: 1450, type: "bridge" }, portmap, hawser),
    ours: list({ ...bridge, mtu: 1500 }, portmap, hawser),
    merged: [{ ...bridge, mtu: 1500 }, portmap, hawser],
  },
  {
    what: "two of one type are told apart",
    base: list({ type: "tuning", a: 1 }, { type: "tuning", a: 2 }),
    theirs: list({ type: "tuning", a: 1 }, { type: "tuning", a: 3 }),
    ours: list({ type: "tuning", a: 7 }, { type: "tuning", a: 2 }),
    merged: [
      { type: "tuning", a: 7 },
      { type: "tuning", a: 3 },
    ],
  },
  {
    what: "both change hawser's part",
    base,
    theirs: list(bridge, portmap, { ...hawser, result: "primary" }),
    ours: list(bridge, portmap, renewed),
    merged: "plugin hawser",
  },
  {
    what: "both change it to the same",
    base,
    theirs: list(bridge, portmap, renewed),
    ours: list(bridge, portmap, renewed),
    merged: [bridge, portmap, renewed],
  },
  {
    what: "they remove what we change",
    base,
    theirs: list(bridge, hawser),
    ours: list(bridge, { ...portmap, snat: true }, hawser),
    merged: "plugin portmap",
  },
  {
    what: "nobody knows what we wrote, and it differs",
    base: undefined,
    theirs: list(renewed, istio),
    ours: list(hawser),
    merged: "plugin hawser",
  },
  {
    what: "nobody knows what we wrote, and it is the same",
    base: undefined,
    theirs: list(hawser, istio),
    ours: list(hawser),
    merged: [hawser, istio],
  },
];

describe("the list of three", () => {
  test.each(cases)("$what", ({ base, theirs, ours, merged }) => {
    const outcome = mergeLists({ base, theirs, ours });
    if (typeof merged === "string") expect(outcome).toEqual({ ok: false, error: [merged] });
    else expect(outcome).toEqual({ ok: true, value: list(...merged) });
  });

  test("fields around the plugins are merged in the same way", () => {
    const theirs = { ...base, cniVersion: "1.1.0", disableCheck: true };
    const ours = { ...base, name: "new" };
    expect(mergeLists({ base, theirs, ours })).toMatchObject({
      ok: true,
      value: { cniVersion: "1.1.0", name: "new", disableCheck: true },
    });
    expect(mergeLists({ base, theirs, ours: { ...base, cniVersion: "0.4.0" } })).toEqual({
      ok: false,
      error: ["cniVersion"],
    });
  });
});
