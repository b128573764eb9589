import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createMachine } from "../../sys/fake.ts";
import { linux } from "../../sys/linux.ts";
import { openLocalStore } from "./store/local-store.ts";
import { createMemoryStore } from "./store/memory-store.ts";
import { storeContract } from "./store/store-contract.ts";

storeContract("memory", () => {
  const store = createMemoryStore();
  return { open: () => store, close: () => {} };
});

storeContract("a folder of a simulated machine", () => {
  const machine = createMachine();
  return { open: () => openLocalStore(machine.spawn().sys, "/var/lib/store"), close: () => {} };
});

storeContract("a folder", () => {
  const folder = mkdtempSync(join(tmpdir(), "hawser-store-"));
  const base = linux.processes.self();
  let handles = 0;
  return {
    // A lock belongs to a process, and a test is one process. So each handle claims to be another process.
    open: () => {
      handles += 1;
      const self = `${base}-${handles}`;
      const processes = { ...linux.processes, self: () => self };
      return openLocalStore({ ...linux, processes }, folder);
    },
    close: () => {
      rmSync(folder, { recursive: true });
      rmSync(`/run/hawser${folder}`, { recursive: true, force: true });
    },
  };
});
