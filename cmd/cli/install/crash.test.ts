import { describe, expect, test } from "vitest";
import type { Fake } from "../../../sys/fake.ts";
import { crashPoints } from "../../../sys/fake-crashes.ts";
import {
  chained,
  createNode,
  fileText,
  type InstallCommandOptions,
  install,
  owner,
  primaryText,
  uninstall,
} from "./install-testing.ts";

const conf = "/etc/cni/net.d";
const ways: [string, InstallCommandOptions, Record<string, string>][] = [
  ["owner", owner, {}],
  ["owner, with a link on root's PATH", owner, { "/usr/local/bin/other": "" }],
  ["owner before a single configuration", owner, { [`${conf}/05-a.conf`]: '{"name":"a","type":"bridge"}' }],
  ["chained", chained, {}],
  ["chained to a single configuration", chained, { [`${conf}/05-a.conf`]: '{"name":"a","type":"bridge"}' }],
];

/** Expects a sound node: the runtime's first file is whole, and our plugins in it exist. */
function expectSound(node: Fake): void {
  const names = node.machine.disk.list(conf);
  const [first] = (names.ok ? names.value : []).filter((name) => !name.startsWith("."));
  const list = JSON.parse(fileText(node, `${conf}/${first}`)) as { plugins?: { type: string }[] };
  const isHawser = list.plugins?.some(({ type }) => type === "hawser") === true;
  if (isHawser) expect(fileText(node, "/opt/cni/bin/hawser")).toBe("the program");
}

/** The plugin types of the file that a runtime reads. */
function firstTypes(node: Fake): string[] {
  const names = node.machine.disk.list(conf);
  const [first] = (names.ok ? names.value : []).filter((name) => !name.startsWith("."));
  const { plugins = [] } = JSON.parse(fileText(node, `${conf}/${first}`)) as { plugins?: { type: string }[] };
  return plugins.map(({ type }) => type);
}

/** Runs `act` again and again, each time stopped at another effect, until it comes to its end; a power loss follows. */
async function atEveryEffect(
  prepare: () => Promise<Fake>,
  act: (process: Pick<Fake, "sys">) => Promise<unknown>,
  judge: (node: Fake) => Promise<void>,
): Promise<number> {
  let stops = 0;
  for (const point of crashPoints) {
    for (let effect = 0; ; effect++) {
      const node = await prepare();
      const process = node.machine.spawn();
      process.crashAt(effect, point);
      const ended = await act(process).then(
        () => true,
        () => false,
      );
      if (ended) break;
      stops++;
      node.machine.crash({ lose: "unsynced" });
      expectSound(node);
      await judge(node);
    }
  }
  return stops;
}

describe.each(ways)("%s", (_what, options, files) => {
  const original = files[`${conf}/05-a.conf`] ?? primaryText;
  const file = files[`${conf}/05-a.conf`] === undefined ? "10-cluster.conflist" : "05-a.conf";

  test("stopped anywhere, the node's network works; installing again completes it; uninstalling restores it", async () => {
    const stops = await atEveryEffect(
      async () => createNode(files),
      ({ sys }) => install(sys, options),
      async (node) => {
        const again = node.machine.spawn();
        expect(await install(again.sys, options)).toMatchObject({ code: 0 });
        expectSound(node);
        expect(node.machine.disk.paths().filter((path) => path.includes("hawser-new"))).toEqual([]);
        expect(await uninstall(again.sys)).toMatchObject({ code: 0 });
        expect(fileText(node, `${conf}/${file}`)).toBe(original);
      },
    );
    expect(stops).toBeGreaterThan(60);
  });

  test("uninstalling, stopped anywhere, leaves a network that works, and goes on", async () => {
    const stops = await atEveryEffect(
      async () => {
        const node = createNode(files);
        await install(node.sys, options);
        return node;
      },
      ({ sys }) => uninstall(sys),
      async (node) => {
        const again = node.machine.spawn();
        const rest = await uninstall(again.sys);
        // The last effect removed the manifest, so nothing is left to repeat.
        expect(rest.code === 0 || rest.err.includes("install.none")).toBe(true);
        expect(fileText(node, `${conf}/${file}`)).toBe(original);
        expect(fileText(node, "/opt/cni/bin/hawser")).toBe("ENOENT");
      },
    );
    expect(stops).toBeGreaterThan(20);
  });

  test("uninstalling, stopped anywhere, loses no plugin that another installer has put into the list", async () => {
    await atEveryEffect(
      async () => {
        const node = createNode(files);
        await install(node.sys, options);
        const names = node.machine.disk.list(conf);
        const path = `${conf}/${(names.ok ? names.value : []).find((name) => !name.startsWith("."))}`;
        const list = JSON.parse(fileText(node, path));
        list.plugins.push({ type: "istio-cni" });
        node.machine.disk.write(path, JSON.stringify(list), { mode: 0o644, sync: true });
        node.machine.disk.syncFolder(conf);
        return node;
      },
      ({ sys }) => uninstall(sys),
      async (node) => {
        expect(firstTypes(node)).toContain("istio-cni");
        await uninstall(node.machine.spawn().sys);
        expect(firstTypes(node)).toContain("istio-cni");
        expect(firstTypes(node)).not.toContain("hawser");
      },
    );
  });

  test("an effect that fails is told, and what was there works on", async () => {
    for (let effect = 0; ; effect++) {
      const node = createNode(files);
      const process = node.machine.spawn();
      process.failAt(effect, "ENOSPC");
      const { code, err } = await install(process.sys, options);
      expectSound(node);
      if (code === 0 && process.effects().length <= effect) break;
      // Removing the rest of an earlier attempt may fail, because there mostly is none.
      if (code !== 0) expect(err).toContain("install.write");
    }
  });
});
