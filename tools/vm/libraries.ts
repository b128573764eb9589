import { spawnSync } from "node:child_process";

/** The shared libraries of programs, with the loader, each by the path at which the loader looks for it. */
export function libraries(programs: readonly string[]): string[] {
  const { stdout } = spawnSync("ldd", programs, { encoding: "utf8" });
  return librariesIn(stdout);
}

/** What ldd prints: `name => /path (0x...)`, or `/path (0x...)` for the loader. Static programs have no such line. */
export function librariesIn(text: string): string[] {
  const paths = [...text.matchAll(/^\s+(?:\S+ => )?(\/\S+) \(0x/gm)].map(([, path = ""]) => path);
  return [...new Set(paths)].sort();
}
