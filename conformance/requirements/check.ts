import { describeEnd } from "../error-document.ts";
import type { JsonDocument } from "../json-document.ts";
import { printResult, type Result } from "../oracle.ts";
import {
  attachNew,
  call,
  expectRefused,
  expectSuccess,
  expectThat,
  given,
  hasRefused,
  hasSucceeded,
  resultOf,
} from "../probe-steps.ts";
import { everyKind, makers, type Requirement } from "../requirement.ts";
import { NotApplicable, type Scene, type TestContainer } from "../scene.ts";
import { fillText } from "../template.ts";
import type { Kind } from "../vocabulary.ts";

const section = "2, CHECK";
const since = "0.4.0";
const consult =
  "The plugin must consult the `prevResult` to determine the expected interfaces and addresses.";
const lostResource =
  "It should return an error if a resource (interface, address or route) was created by the plugin, and is listed in `prevResult`, but is missing.";
const addressMakers: readonly Kind[] = ["interface", "ipam", "meta"];

/** An attachment whose CHECK is fine: only then does it say something that it fails later. */
async function checked(scene: Scene): Promise<TestContainer> {
  const container = await attachNew(scene);
  const exchange = await call(scene, "CHECK", container);
  given(hasSucceeded(exchange), `CHECK after ADD failed: ${describeEnd(exchange)}`);
  return container;
}

async function expectDrift(
  scene: Scene,
  container: TestContainer,
  what: string,
  prevResult?: unknown,
): Promise<void> {
  const exchange = await call(scene, "CHECK", container, prevResult === undefined ? {} : { prevResult });
  expectRefused(scene, exchange, `CHECK, ${what}`);
}

function altered(
  scene: Scene,
  container: TestContainer,
  change: (result: Result) => Partial<Result>,
): JsonDocument {
  const result = resultOf(scene, container);
  return printResult({ ...result, ...change(result) }, scene.version);
}

export const checkRequirements: readonly Requirement[] = [
  {
    id: "P-29a",
    level: "advisory",
    section,
    sentence: consult,
    title: "CHECK without prevResult is an error",
    operations: ["CHECK"],
    since,
    kinds: everyKind,
    probe: async (scene) => {
      const container = await checked(scene);
      expectRefused(
        scene,
        await call(scene, "CHECK", container, { prevResult: null }),
        "CHECK without prevResult",
      );
    },
  },
  {
    id: "P-29b",
    level: "SHOULD",
    section,
    sentence: lostResource,
    title: "CHECK fails once an address is gone from the interface",
    operations: ["CHECK"],
    since,
    kinds: makers,
    probe: async (scene) => {
      const container = await checked(scene);
      const { ips, interfaces } = resultOf(scene, container);
      const own = ips.find((ip) => interfaces[ip.interface ?? -1]?.name === container.ifname);
      if (own === undefined) throw new NotApplicable("the plugin gives no address");
      await scene.machine.deleteAddress(container.netns, container.ifname, own.address);
      await expectDrift(scene, container, `${own.address} being gone`);
    },
  },
  {
    id: "P-29c",
    level: "SHOULD",
    section,
    sentence: lostResource,
    title: "CHECK fails once the interface is gone",
    operations: ["CHECK"],
    since,
    kinds: makers,
    probe: async (scene) => {
      const container = await checked(scene);
      await scene.machine.deleteLink(container.netns, container.ifname);
      await expectDrift(scene, container, `${container.ifname} being gone`);
    },
  },
  {
    id: "P-29d",
    level: "SHOULD",
    section,
    sentence: lostResource,
    title: "CHECK fails once a route is gone",
    operations: ["CHECK"],
    since,
    kinds: makers,
    probe: async (scene) => {
      const container = await checked(scene);
      const [route] = resultOf(scene, container).routes;
      if (route === undefined) throw new NotApplicable("the plugin makes no route");
      await scene.machine.deleteRoute(container.netns, route.dst);
      await expectDrift(scene, container, `the route to ${route.dst} being gone`);
    },
  },
  {
    id: "P-29e",
    level: "MUST",
    section,
    sentence: consult,
    title: "CHECK fails when prevResult has another address than was given",
    operations: ["CHECK"],
    since,
    kinds: addressMakers,
    probe: async (scene) => {
      const container = await checked(scene);
      if (resultOf(scene, container).ips.length === 0) throw new NotApplicable("the plugin gives no address");
      const other = altered(scene, container, ({ ips }) => ({
        ips: ips.map((ip) => ({
          ...ip,
          address: ip.address.includes(":") ? "fd00:cafe::9/64" : "192.0.2.9/24",
        })),
      }));
      await expectDrift(scene, container, "prevResult having the address 192.0.2.9", other);
    },
  },
  {
    id: "P-29f",
    level: "SHOULD",
    section,
    sentence: consult,
    title: "CHECK fails when prevResult has another sandbox than CNI_NETNS",
    operations: ["CHECK"],
    since,
    kinds: makers,
    probe: async (scene) => {
      const container = await checked(scene);
      const told = resultOf(scene, container).interfaces.some(({ name }) => name === container.ifname);
      if (!told) throw new NotApplicable("the result does not tell of the interface");
      const other = altered(scene, container, ({ interfaces }) => ({
        interfaces: interfaces.map((each) =>
          each.name === container.ifname ? { ...each, sandbox: "/var/run/netns/hwc-another" } : each,
        ),
      }));
      await expectDrift(scene, container, "prevResult having the sandbox /var/run/netns/hwc-another", other);
    },
  },
  {
    id: "P-30a",
    level: "MUST",
    section,
    sentence:
      "The plugin must allow for a later chained plugin to have modified networking resources, e.g. routes.",
    title:
      "CHECK succeeds although there is a further route and a further interface, in the container and in prevResult",
    operations: ["CHECK"],
    since,
    kinds: makers,
    probe: async (scene) => {
      const { machine } = scene;
      const container = await checked(scene);
      await machine.addLink(container.netns, "hwclater0", "hwclater1");
      await machine.addRoute(container.netns, { dst: "10.79.0.0/16", link: "hwclater0" });
      const more = altered(scene, container, ({ interfaces, routes }) => ({
        interfaces: [...interfaces, { name: "hwclater0", sandbox: container.netns.path }],
        routes: [...routes, { dst: "10.79.0.0/16" }],
      }));
      const exchange = await call(scene, "CHECK", container, { prevResult: more });
      expectSuccess(scene, exchange, "CHECK after a later plugin has added to the attachment");
    },
  },
  {
    id: "P-31a",
    level: "SHOULD",
    section,
    sentence:
      "The plugin should return an error if other resources (firewall rules, shaping, reservations) are missing.",
    title: "CHECK fails once something is lost that no result shows",
    operations: ["CHECK"],
    since,
    kinds: everyKind,
    needs: ["loss"],
    probe: async (scene) => {
      const container = await checked(scene);
      for (const step of scene.subject.profile.loss ?? []) {
        const namespace = step.in === "node" ? scene.machine.node : container.netns;
        const holes = { ...scene.holes, ifname: container.ifname, container: container.id };
        const argv = step.run.map((word) => String(fillText(word, holes)));
        given(await scene.machine.command(namespace, argv), `the profile's loss failed: ${argv.join(" ")}`);
      }
      await expectDrift(scene, container, "after the profile's loss");
    },
  },
  {
    id: "P-32a",
    level: "MUST",
    section,
    sentence: "The plugin must handle CHECK being called immediately after an ADD.",
    title: "CHECK right after ADD succeeds",
    operations: ["ADD", "CHECK"],
    since,
    kinds: everyKind,
    probe: async (scene) => {
      expectSuccess(scene, await call(scene, "CHECK", await attachNew(scene)), "CHECK right after ADD");
    },
  },
  {
    id: "P-33c",
    level: "SHOULD",
    section,
    sentence: "CHECK has no result: on success there is nothing to print.",
    title: "a CHECK that succeeds prints nothing on stdout",
    operations: ["CHECK"],
    since,
    kinds: everyKind,
    probe: async (scene) => {
      const exchange = await call(scene, "CHECK", await attachNew(scene));
      given(!hasRefused(exchange), "CHECK right after ADD fails");
      expectThat(scene, exchange.stdout.trim() === "", "CHECK printed something on stdout");
    },
  },
];
