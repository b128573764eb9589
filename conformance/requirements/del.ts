import { canonical, isSame } from "../json-document.ts";
import {
  attachNew,
  call,
  detach,
  exhaust,
  expectSuccess,
  expectThat,
  given,
  hasRefused,
  hasSucceeded,
  newContainer,
  tinySubnet,
  tryAttach,
} from "../probe-steps.ts";
import { everyKind, makers, type Requirement } from "../requirement.ts";
import type { Scene, TestContainer } from "../scene.ts";

const section = "2, DEL";
const idempotent =
  "Plugins MUST accept multiple DEL calls for the same pair, and return success if the interface is missing.";
const missing =
  "Plugins should generally complete a DEL action without error even if some resources are missing.";
const released =
  "An IPAM plugin should generally release an IP allocation and return success even if the network namespace no longer exists.";

/** All that a probe may compare of an attachment while its namespace is there. */
async function stateOf(scene: Scene, container: TestContainer): Promise<unknown> {
  const links = (await scene.machine.links(container.netns)).filter(({ name }) => name === container.ifname);
  return { links, routes: await scene.machine.routes(container.netns) };
}

export const delRequirements: readonly Requirement[] = [
  {
    id: "P-24a",
    level: "MUST",
    section,
    sentence: idempotent,
    title: "a second DEL succeeds",
    operations: ["DEL"],
    kinds: everyKind,
    probe: async (scene) => {
      const container = await attachNew(scene);
      await detach(scene, container);
      expectSuccess(scene, await call(scene, "DEL", container), "the second DEL");
    },
  },
  {
    id: "P-24b",
    level: "MUST",
    section,
    sentence: idempotent,
    title: "DEL of a container that was never added succeeds",
    operations: ["DEL"],
    kinds: everyKind,
    probe: async (scene) => {
      const container = await newContainer(scene);
      expectSuccess(
        scene,
        await call(scene, "DEL", container, { prevResult: null }),
        "DEL of an unknown container",
      );
    },
  },
  {
    id: "P-24c",
    level: "SHOULD",
    section,
    sentence: "DEL should delete the interface defined by CNI_IFNAME inside the container at CNI_NETNS.",
    title: "after DEL the interface is gone",
    operations: ["DEL"],
    kinds: makers,
    probe: async (scene) => {
      const container = await attachNew(scene);
      await detach(scene, container);
      const links = await scene.machine.links(container.netns);
      const left = links.some(({ name }) => name === container.ifname);
      expectThat(scene, !left, `${container.ifname} is still in the container`);
    },
  },
  {
    id: "P-24d",
    level: "SHOULD",
    section,
    sentence:
      "DEL should delete the interface, or undo any modifications applied in the plugin's ADD functionality.",
    title: "after DEL, ADD of the same container works again",
    operations: ["DEL", "ADD"],
    kinds: everyKind,
    probe: async (scene) => {
      const container = await attachNew(scene);
      await detach(scene, container);
      expectSuccess(scene, await call(scene, "ADD", container), "ADD after DEL");
    },
  },
  {
    id: "P-25a",
    level: "SHOULD",
    section,
    sentence: `${missing} CNI_NETNS is optional.`,
    title: "DEL succeeds with CNI_NETNS unset",
    operations: ["DEL"],
    kinds: everyKind,
    probe: async (scene) => {
      const container = await attachNew(scene);
      const exchange = await call(scene, "DEL", container, { env: { CNI_NETNS: undefined } });
      expectSuccess(scene, exchange, "DEL with CNI_NETNS unset");
    },
  },
  {
    id: "P-25b",
    level: "SHOULD",
    section,
    sentence: missing,
    title: "DEL succeeds with a CNI_NETNS that does not exist",
    operations: ["DEL"],
    kinds: everyKind,
    probe: async (scene) => {
      const container = await attachNew(scene);
      expectSuccess(
        scene,
        await call(scene, "DEL", container, { env: { CNI_NETNS: `${scene.machine.folder}/never-made` } }),
        "DEL with a CNI_NETNS that does not exist",
      );
    },
  },
  {
    id: "P-25c",
    level: "SHOULD",
    section,
    sentence: missing,
    title: "DEL succeeds once the namespace is gone, and its links with it",
    operations: ["DEL"],
    kinds: everyKind,
    probe: async (scene) => {
      const container = await attachNew(scene);
      await scene.machine.removeNamespace(container.netns);
      expectSuccess(scene, await call(scene, "DEL", container), "DEL once the namespace is gone");
    },
  },
  {
    id: "P-25d",
    level: "SHOULD",
    section,
    sentence: released,
    title: "DEL with CNI_NETNS unset, the namespace being gone, gives the address back",
    operations: ["DEL"],
    kinds: ["interface", "ipam", "meta"],
    needs: ["pool"],
    probe: async (scene) => {
      scene.holes.subnet = tinySubnet;
      const [first, second] = await exhaust(scene);
      given(first !== undefined && second !== undefined, "the range gives fewer than two addresses");
      if (first === undefined || second === undefined) return;
      await detach(scene, first);
      given(await tryAttach(scene, await newContainer(scene)), "DEL frees no address at all");
      await scene.machine.removeNamespace(second.netns);
      const exchange = await call(scene, "DEL", second, { env: { CNI_NETNS: undefined } });
      given(hasSucceeded(exchange), "DEL fails with CNI_NETNS unset");
      const again = await tryAttach(scene, await newContainer(scene));
      expectThat(scene, again, "the address of the deleted container is still taken");
    },
  },
  {
    id: "P-25e",
    level: "advisory",
    section,
    sentence: missing,
    title: "DEL makes no file at a CNI_NETNS that does not exist",
    operations: ["DEL"],
    kinds: everyKind,
    probe: async (scene) => {
      const container = await attachNew(scene);
      const path = `${scene.machine.folder}/no-namespace`;
      await call(scene, "DEL", container, { env: { CNI_NETNS: path } });
      expectThat(scene, !scene.machine.exists(path), "DEL has made a file at CNI_NETNS");
    },
  },
  {
    id: "P-26a",
    level: "SHOULD",
    section,
    sentence: "Plugins should generally complete a DEL action without error, also without prevResult.",
    title: "DEL succeeds without prevResult",
    operations: ["DEL"],
    since: "0.4.0",
    kinds: everyKind,
    settled:
      "The newest text says that prevResult must be supplied on DEL; a plugin should succeed without it all the same.",
    probe: async (scene) => {
      const container = await attachNew(scene);
      expectSuccess(
        scene,
        await call(scene, "DEL", container, { prevResult: null }),
        "DEL without prevResult",
      );
    },
  },
  {
    id: "P-27a",
    level: "advisory",
    section,
    sentence: "An attachment is identified by (CNI_CONTAINERID, CNI_IFNAME).",
    title: "DEL of another container changes nothing of this one",
    operations: ["DEL"],
    kinds: everyKind,
    probe: async (scene) => {
      const container = await attachNew(scene);
      const before = await stateOf(scene, container);
      const other = await newContainer(scene);
      given(
        hasSucceeded(await call(scene, "DEL", other, { prevResult: null })),
        "DEL of an unknown container fails",
      );
      const after = await stateOf(scene, container);
      expectThat(scene, isSame(before, after), `the other attachment is now ${canonical(after)}`);
    },
  },
  {
    id: "P-27b",
    level: "advisory",
    section,
    sentence: "An attachment is identified by (CNI_CONTAINERID, CNI_IFNAME).",
    title:
      "DEL of another interface of the same container, or of another container, frees no address of this one",
    operations: ["DEL"],
    kinds: ["interface", "ipam", "meta"],
    needs: ["pool"],
    probe: async (scene) => {
      scene.holes.subnet = tinySubnet;
      const [first] = await exhaust(scene);
      given(first !== undefined, "the range gives no address");
      if (first === undefined) return;
      await call(scene, "DEL", { ...first, ifname: "hwcother" }, { prevResult: null });
      await call(
        scene,
        "DEL",
        { ...first, id: "hwcnobody" },
        { env: { CNI_NETNS: undefined }, prevResult: null },
      );
      const freed = await tryAttach(scene, await newContainer(scene));
      expectThat(scene, !freed, "an address of the attached container was given again");
    },
  },
  {
    id: "P-28a",
    level: "SHOULD",
    section: "3, Lifecycle & Ordering",
    sentence: "A _delete_ must still be executed even if the _add_ fails.",
    title: "after a failed ADD, DEL succeeds",
    operations: ["ADD", "DEL"],
    kinds: makers,
    probe: async (scene) => {
      const container = await failedAdd(scene);
      expectSuccess(scene, await call(scene, "DEL", container), "DEL after a failed ADD");
    },
  },
  {
    id: "P-28b",
    level: "SHOULD",
    section: "3, Lifecycle & Ordering",
    sentence: "A _delete_ must still be executed even if the _add_ fails.",
    title: "and then ADD works",
    operations: ["ADD", "DEL"],
    kinds: makers,
    probe: async (scene) => {
      const container = await failedAdd(scene);
      given(hasSucceeded(await call(scene, "DEL", container)), "DEL after a failed ADD fails");
      const links = await scene.machine.links(container.netns);
      if (links.some(({ name }) => name === container.ifname)) {
        await scene.machine.deleteLink(container.netns, container.ifname);
      }
      expectSuccess(scene, await call(scene, "ADD", container), "ADD after a failed one and its DEL");
    },
  },
];

/** An ADD that fails for a reason that is found late: the interface name is taken. */
async function failedAdd(scene: Scene): Promise<TestContainer> {
  const container = await newContainer(scene);
  await scene.machine.addLink(container.netns, container.ifname, "hwcother0");
  given(hasRefused(await call(scene, "ADD", container)), "ADD accepts an interface name that exists");
  return container;
}
