import { canonical, isSame } from "../json-document.ts";
import {
  addressesOf,
  attachNew,
  call,
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
import { everyKind, type Requirement } from "../requirement.ts";
import type { Scene, TestContainer } from "../scene.ts";
import type { Kind } from "../vocabulary.ts";

const section = "2, GC";
const since = "1.1.0";
const withPool: readonly Kind[] = ["interface", "ipam", "meta"];
/** The kinds that have this duty themselves. P-39 is for a plugin that asks another plugin for them. */
const givers: readonly Kind[] = ["ipam", "meta"];
const stale =
  "A plugin SHOULD remove as many stale resources as possible, e.g. IPAM reservations of attachments not in the list.";

/** A network with all addresses taken, of which only the first is still valid; the other namespaces are gone. */
async function collected(scene: Scene): Promise<{ valid: TestContainer; others: TestContainer[] }> {
  scene.holes.subnet = tinySubnet;
  const [valid, ...others] = await exhaust(scene);
  given(valid !== undefined && others.length > 0, "the range gives fewer than two addresses");
  if (valid === undefined) throw new Error("unreachable: given() has looked");
  for (const { netns } of others) await scene.machine.removeNamespace(netns);
  given(hasSucceeded(await call(scene, "GC", undefined, { valid: [valid] })), "GC fails");
  return { valid, others };
}

export const gcRequirements: readonly Requirement[] = [
  {
    id: "P-37a",
    level: "SHOULD",
    section,
    sentence: stale,
    title: "GC frees the addresses of attachments that are not in the list",
    operations: ["GC"],
    since,
    kinds: givers,
    needs: ["pool"],
    probe: async (scene) => {
      const { others } = await collected(scene);
      const room = (await exhaust(scene)).length;
      expectThat(
        scene,
        room >= others.length,
        `${others.length} addresses are stale, ${room} can be given again`,
      );
    },
  },
  {
    id: "P-37b",
    level: "MUST",
    section,
    sentence: "`cni.dev/valid-attachments`: the list of **still valid** attachments to this network.",
    title: "GC frees no address of an attachment in the list",
    operations: ["GC"],
    since,
    kinds: withPool,
    needs: ["pool"],
    settled:
      "Text and an earlier tag name the key differently: cni.dev/valid-attachments and cni.dev/attachments are both sent.",
    probe: async (scene) => {
      const { valid } = await collected(scene);
      const [address = ""] = addressesOf(scene, valid);
      const again = await exhaust(scene);
      const taken = again.some((each) => addressesOf(scene, each).includes(address));
      expectThat(scene, !taken, `${address} of a valid attachment was given again`);
    },
  },
  {
    id: "P-37c",
    level: "MUST",
    section,
    sentence: "The list of still valid attachments **to this network**.",
    title: "GC frees no address of another network",
    operations: ["GC"],
    since,
    kinds: withPool,
    needs: ["pool"],
    probe: async (scene) => {
      scene.holes.subnet = tinySubnet;
      const other = { config: { name: "hwcothernet" } };
      given((await exhaust(scene, other)).length > 0, "the range gives no address");
      given(hasSucceeded(await call(scene, "GC", undefined, { valid: [] })), "GC fails");
      const freed = await tryAttach(scene, await newContainer(scene), other);
      expectThat(scene, !freed, "GC of one network has freed an address of another");
    },
  },
  {
    id: "P-37d",
    level: "MUST",
    section,
    sentence: "A valid attachment is `containerID` and `ifname`.",
    title: "of two interfaces of one container GC frees the one that is not in the list",
    operations: ["GC"],
    since,
    kinds: ["ipam"],
    needs: ["pool"],
    probe: async (scene) => {
      scene.holes.subnet = tinySubnet;
      const first = await attachNew(scene);
      const second = await newContainer(scene, { id: first.id, ifname: "eth7", netns: first.netns });
      given(await tryAttach(scene, second), "ADD of a second interface fails");
      const stranger = await attachNew(scene);
      const others = await exhaust(scene);
      given(hasSucceeded(await call(scene, "GC", undefined, { valid: [first, ...others] })), "GC fails");
      const again = (await exhaust(scene)).flatMap((each) => addressesOf(scene, each));
      const firstOf = (each: TestContainer): string => addressesOf(scene, each)[0] ?? "";
      const [gone, stale, kept] = [firstOf(stranger), firstOf(second), firstOf(first)];
      given(again.includes(gone), "GC frees not even another container's address");
      expectThat(scene, again.includes(stale), `${stale} of the stale interface is still taken`);
      expectThat(scene, !again.includes(kept), `${kept} of the valid interface was given again`);
    },
  },
  {
    id: "P-37e",
    level: "MUST",
    section,
    sentence: "`cni.dev/valid-attachments`: the list of **still valid** attachments to this network.",
    title: "GC changes no interface and no route of an attachment in the list, and its CHECK still succeeds",
    operations: ["GC"],
    since,
    kinds: everyKind,
    probe: async (scene) => {
      const container = await attachNew(scene);
      given(hasSucceeded(await call(scene, "CHECK", container)), "CHECK right after ADD fails");
      const look = async () => [
        await scene.machine.links(container.netns),
        await scene.machine.routes(container.netns),
      ];
      const before = await look();
      given(hasSucceeded(await call(scene, "GC", undefined, { valid: [container] })), "GC fails");
      const after = await look();
      expectThat(scene, isSame(before, after), `the valid attachment is now ${canonical(after)}`);
      expectSuccess(scene, await call(scene, "CHECK", container), "CHECK of a valid attachment after GC");
    },
  },
  {
    id: "P-40a",
    level: "MUST",
    section,
    sentence: "No output on success.",
    title: "a GC that succeeds prints nothing on stdout",
    operations: ["GC"],
    since,
    kinds: everyKind,
    probe: async (scene) => {
      const exchange = await call(scene, "GC", undefined, { valid: [] });
      given(!hasRefused(exchange), "GC fails");
      expectThat(scene, exchange.stdout.trim() === "", "GC printed something on stdout");
    },
  },
  {
    id: "P-40b",
    level: "MUST",
    section,
    sentence: "GC. Required environment parameters: CNI_COMMAND, CNI_PATH.",
    title: "GC succeeds without CNI_CONTAINERID, CNI_NETNS and CNI_IFNAME",
    operations: ["GC"],
    since,
    kinds: everyKind,
    probe: async (scene) => expectSuccess(scene, await call(scene, "GC", undefined, { valid: [] }), "GC"),
  },
  {
    id: "P-41a",
    level: "SHOULD",
    section,
    sentence: stale,
    title: "GC with an empty list frees every address",
    operations: ["GC"],
    since,
    kinds: givers,
    needs: ["pool"],
    probe: async (scene) => {
      scene.holes.subnet = tinySubnet;
      const all = await exhaust(scene);
      for (const { netns } of all) await scene.machine.removeNamespace(netns);
      given(hasSucceeded(await call(scene, "GC", undefined, { valid: [] })), "GC fails");
      const room = (await exhaust(scene)).length;
      expectThat(scene, room >= all.length, `${all.length} addresses are stale, ${room} can be given again`);
    },
  },
  {
    id: "P-41b",
    level: "advisory",
    section,
    sentence:
      "The network plugin may remove any resources related to attachments that do not exist in this set.",
    title: "GC without a list, or with null, frees no address",
    operations: ["GC"],
    since,
    kinds: withPool,
    needs: ["pool"],
    probe: async (scene) => {
      scene.holes.subnet = tinySubnet;
      given((await exhaust(scene)).length > 0, "the range gives no address");
      await call(scene, "GC", undefined, { valid: null });
      await call(scene, "GC", undefined);
      const freed = await tryAttach(scene, await newContainer(scene));
      expectThat(scene, !freed, "GC without a list has freed an address");
    },
  },
];
