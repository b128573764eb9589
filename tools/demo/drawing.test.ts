import * as fs from "node:fs";
import { expect, test } from "vitest";
import { drawPicture, type PodView } from "./drawing.ts";

const web: PodView = {
  name: "pod web",
  moorings: [
    { ifname: "eth0", address: "10.1.0.2/24", device: "bridge cni0" },
    { ifname: "net1", address: "192.168.7.10/24", device: "macvlan uplink0" },
  ],
};

test("joins the interfaces that hang on one device", () => {
  const db: PodView = {
    name: "pod db",
    moorings: [
      { ifname: "lan0", address: "192.168.7.11/24", device: "macvlan uplink0" },
      { ifname: "eth0", address: "10.1.0.3/24", device: "bridge cni0" },
    ],
  };
  expect(drawPicture(web, db)).toEqual([
    "┌ pod web ──────────────┐                       ┌ pod db ───────────────┐",
    "│ eth0  10.1.0.2/24     ├───── bridge cni0 ─────┤ 10.1.0.3/24      eth0 │",
    "│ net1  192.168.7.10/24 ├─── macvlan uplink0 ───┤ 192.168.7.11/24  lan0 │",
    "└───────────────────────┘                       └───────────────────────┘",
  ]);
});

test("an interface without a partner leads to its device and no further", () => {
  const db: PodView = {
    name: "pod db",
    moorings: [
      { ifname: "eth0", address: "10.1.0.3/24", device: "bridge cni0" },
      { ifname: "net1", address: "10.9.0.1/24", device: "bridge other0" },
    ],
  };
  expect(drawPicture(web, db).slice(2, 4)).toEqual([
    "│ net1  192.168.7.10/24 ├─── macvlan uplink0    │                   │",
    "│                       │     bridge other0 ────┤ 10.9.0.1/24  net1 │",
  ]);
});

test("every line is equally long", () => {
  const lengths = drawPicture(web, { name: "a pod with a rather long name", moorings: [] }).map(
    (l) => l.length,
  );
  expect(new Set(lengths).size).toBe(1);
});

test("the README has the picture that the demonstration draws", () => {
  const readme = fs.readFileSync(`${import.meta.dirname}/../../README.md`, "utf8");
  const moorings = (pod: number, lan: number, data: number) => [
    { ifname: "eth0", address: `10.244.0.${pod}/24`, device: "bridge cni0" },
    { ifname: "net1", address: `192.168.50.${lan}/24`, device: "macvlan uplink0" },
    { ifname: "data0", address: `10.60.30.${data}/24`, device: "bridge storage0" },
  ];
  const picture = drawPicture(
    { name: "pod web", moorings: moorings(2, 100, 11) },
    { name: "pod db", moorings: moorings(3, 101, 12) },
  );
  expect(readme).toContain(`\n${picture.join("\n")}\n`);
});
