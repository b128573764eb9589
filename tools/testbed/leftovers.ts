import * as fs from "node:fs";
import { join } from "node:path";
import { type Bed, locksOf, namesIn, processesOf } from "./bed.ts";

/** Everything that operations have left and that a complete DEL removes. With `container`, only what is that container's. */
export function leftovers(bed: Bed, container = ""): string[] {
  const of = (names: readonly string[]): string[] => names.filter((name) => name.includes(container));
  const running = container === "" ? processesOf(bed).map((pid) => `process ${pid}`) : [];
  return [...of(records(bed)), ...of(effects(bed)), ...of(addresses(bed)), ...of(locks(bed)), ...running];
}

/** Records as `<network>/<container>@<interface>.json`, and every other file that lies there. */
export function records(bed: Bed): string[] {
  return namesIn(bed.stateDir)
    .filter((network) => !network.startsWith("."))
    .flatMap((network) => namesIn(join(bed.stateDir, network)).map((name) => `${network}/${name}`));
}

export function recordPath(bed: Bed, network: string, container = "c1", ifname = "eth0"): string {
  return join(bed.stateDir, network, `${container}@${ifname}.json`);
}

/** The files that stand for effects of the bed's own plugins: `<type>@<container>@<interface>`. */
export function effects(bed: Bed): string[] {
  return namesIn(bed.effectsDir);
}

/** host-local's files: `<network>/<address> <container> <interface>`. */
export function addresses(bed: Bed): string[] {
  return namesIn(bed.dataDir).flatMap((network) =>
    namesIn(join(bed.dataDir, network))
      .filter((name) => /^[0-9a-f.:]+$/.test(name))
      .map((name) => {
        const holder = fs.readFileSync(join(bed.dataDir, network, name), "utf8").trim();
        return `${network}/${name} ${holder.replaceAll("\r\n", " ")}`;
      }),
  );
}

/** Locks that are held or waited for: `<holder's identity> holds <container>`. */
export function locks(bed: Bed): string[] {
  const folder = join(locksOf(bed.stateDir), ".locks");
  return namesIn(folder).flatMap((name) => {
    const [waiter, container] = name.split("~");
    if (container !== undefined) return [`${waiter?.slice(1)} waits for ${container}`];
    return namesIn(join(folder, name)).map((holder) => `${holder} holds ${name}`);
  });
}
