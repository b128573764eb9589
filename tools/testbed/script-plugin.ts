import * as fs from "node:fs";
import { join } from "node:path";
import type { Verb } from "../../cni/version.ts";
import { type Bed, namesIn } from "./bed.ts";
import type { Executable } from "./executables.ts";

/** What a plugin does for each verb, as lines of POSIX sh. A verb that is not named succeeds and prints nothing. */
export type Script = Partial<Record<Verb, readonly string[]>>;

/**
 * Puts a plugin into the bed that records every call (environment and stdin) and then runs its script. It is a shell script,
 * because that starts faster than anything else.
 */
export function addPlugin(bed: Bed, type: string, script: Script = wellBehaved()): void {
  const cases = Object.entries(script).map(([verb, lines]) => [`${verb})`, ...lines, ";;"].join("\n"));
  const text = `#!/bin/sh
log=${bed.logDir}
call=$(date +%s%N)-$$
{ printf '%s\\0' ${type}; cat; printf '\\0'; cat /proc/$$/environ; } > $log/.$call
mv $log/.$call $log/$call
effect=${bed.effectsDir}/${type}@$CNI_CONTAINERID@$CNI_IFNAME
case "$CNI_COMMAND" in
${cases.join("\n")}
esac
`;
  fs.writeFileSync(join(bed.binDir, type), text, { mode: 0o755 });
}

/**
 * Puts the executable into the bed as `hawser`, behind a script that records each call of the runtime. The script's lines run
 * first. Then the same process becomes the executable.
 */
export function addWitnessed(bed: Bed, { path }: Executable, script: Script = {}): void {
  const cases = Object.entries(script).map(([verb, lines]) => [`${verb})`, ...lines, ";;"].join("\n"));
  const text = `#!/bin/sh
log=${bed.logDir}
call=$(date +%s%N)-$$
cat > $log/.$call.stdin
{ printf 'hawser\\0'; cat $log/.$call.stdin; printf '\\0'; cat /proc/$$/environ; } > $log/.$call
mv $log/.$call $log/$call
case "$CNI_COMMAND" in
${cases.join("\n")}
esac
exec ${path} < $log/.$call.stdin
`;
  fs.writeFileSync(join(bed.binDir, "hawser"), text, { mode: 0o755 });
}

/** A plugin whose ADD makes a file, whose DEL removes it and whose CHECK looks for it. */
export function wellBehaved(result: object = someResult()): Script {
  return { ADD: [makeEffect, answer(result)], DEL: [removeEffect], CHECK: [checkEffect] };
}

/**
 * A result of one interface with one address. In a plugin's answer, `$CNI_IFNAME` and other variables get the call's values.
 */
export function someResult(more: object = {}): object {
  return {
    cniVersion: "1.1.0",
    interfaces: [{ name: "$CNI_IFNAME", mac: "02:00:00:00:00:01", sandbox: "$CNI_NETNS" }],
    ips: [{ address: "10.9.0.5/24", interface: 0 }],
    ...more,
  };
}

/** A file stands for what a plugin does to the machine. If the file is still there in the end, it is a leak. */
export const makeEffect = `( set -C; : > "$effect" ) 2>/dev/null || { ${failWith(999, "it exists")}; }`;
export const removeEffect = `rm -f "$effect"`;
export const checkEffect = `[ -e "$effect" ] || { ${failWith(999, "it is gone")}; }`;

/** Prints a document in which variables of the environment are replaced by their values. */
export function answer(document: object): string {
  return `cat <<END_OF_ANSWER\n${JSON.stringify(document)}\nEND_OF_ANSWER`;
}

export function print(text: string): string {
  return `printf '%s' ${quote(text)}`;
}

export function say(text: string): string {
  return `printf '%s\\n' ${quote(text)} >&2`;
}

export function failWith(code: number, msg: string, details = ""): string {
  return `${print(JSON.stringify({ cniVersion: "1.1.0", code, msg, details }))}; exit 1`;
}

/** Waits until the file is there. */
export function awaitFile(path: string): string {
  return `until [ -e ${path} ]; do sleep 0.02; done`;
}

export function sleepS(seconds: number): string {
  return `sleep ${seconds}`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** One call of a plugin of the bed, as the plugin recorded it. */
export interface SeenCall {
  readonly type: string;
  readonly verb: string;
  readonly ifname: string;
  readonly stdin: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly env: Readonly<Record<string, string>>;
}

/** Every call, in the order of the calls' starts. */
export function calls(bed: Bed): SeenCall[] {
  return namesIn(bed.logDir)
    .filter((name) => !name.startsWith("."))
    .map((name) => readCall(join(bed.logDir, name)));
}

function readCall(path: string): SeenCall {
  const [type = "", stdin = "", ...environ] = fs.readFileSync(path, "utf8").split("\0");
  const pairs = environ.filter((entry) => entry !== "").map((entry) => entry.split(/=(.*)/s).slice(0, 2));
  const env: Record<string, string> = Object.fromEntries(pairs);
  const config = JSON.parse(stdin) as SeenCall["config"];
  return { type, verb: env.CNI_COMMAND ?? "", ifname: env.CNI_IFNAME ?? "", stdin, config, env };
}

/** The calls as `ADD main eth0`, to compare their order. */
export function callNames(bed: Bed): string[] {
  return calls(bed).map(({ verb, type, ifname }) => [verb, type, ifname].filter((it) => it !== "").join(" "));
}

export function forgetCalls(bed: Bed): void {
  for (const name of namesIn(bed.logDir)) fs.rmSync(join(bed.logDir, name));
}
