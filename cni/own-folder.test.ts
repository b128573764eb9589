import { expect, test } from "vitest";
import { createFake } from "../sys/fake.ts";
import { save } from "./attachments.ts";
import { lockContainer } from "./lock.ts";
import { makeOwnFolder } from "./own-folder.ts";
import { setTombstone } from "./tombstones.ts";

const stateDir = "/var/lib/cni/hawser";
const key = { network: "pods", containerId: "c1", ifname: "eth0" };

/** The first operation makes the folders that all operations use. */
test.each<[string, (sys: ReturnType<typeof createFake>["sys"]) => unknown]>([
  ["a record", (sys) => save(sys, stateDir, key, {}, "begin")],
  ["a tombstone", (sys) => setTombstone(sys, stateDir, key)],
  ["any folder of ours", (sys) => makeOwnFolder(sys, `${stateDir}/pods`)],
])("%s makes the state folder for root alone, and leaves what is above open to all", async (_what, make) => {
  const { sys, machine } = createFake();
  const lock = await lockContainer(sys, stateDir, "c1", 0);
  make(sys);
  if (lock.ok) lock.value.release();
  const modeOf = (path: string): unknown => {
    const stat = machine.disk.stat(path);
    return stat.ok && stat.value.mode.toString(8);
  };
  expect(["/var", "/var/lib", "/var/lib/cni", stateDir].map(modeOf)).toEqual(["755", "755", "755", "700"]);
  expect(["/run/hawser", `/run/hawser${stateDir}/.locks`].map(modeOf)).toEqual(["755", "700"]);
});
