import type { Behaviour, Delegate } from "./behaviour.ts";

/**
 * A recorder as POSIX sh, which starts faster than anything else. The log is written under a name that begins with a
 * dot and renamed, so that a reader sees whole entries only.
 */
export function scriptOf(delegate: Delegate, logDir: string): string {
  const cases = Object.entries(delegate.verbs).map(([verb, behaviour]) =>
    [`${verb})`, ...linesOf(behaviour, logDir), ";;"].join("\n"),
  );
  return `#!/bin/sh
log=${logDir}
start=$(date +%s%N)
call=$start-$$
{ printf '%s\\0' ${delegate.name}; cat; printf '\\0%s\\0' "$(readlink /proc/self/ns/net)"; cat /proc/$$/environ; } > $log/.$call
mv $log/.$call $log/$call
trap 'date +%s%N > $log/.end-$call' EXIT
case "$CNI_COMMAND" in
${cases.join("\n")}
VERSION) printf '%s' '${versionAnswer}' ;;
esac
`;
}

export const versionAnswer =
  '{"cniVersion":"1.1.0","supportedVersions":["0.1.0","0.2.0","0.3.0","0.3.1","0.4.0","1.0.0","1.1.0"]}';

/** The file that opens a gate; it begins with a dot, so that nobody takes it for an entry of the log. */
export function gateFile(logDir: string, gate: string): string {
  return `${logDir}/.gate-${gate}`;
}

/** How often a recorder looks for its gate, every 20 ms, before it gives up and goes on. */
const looks = 1000;

function linesOf(behaviour: Behaviour, logDir: string): string[] {
  const { stdout, stderr, exitCode = 0, killed, flood, delayS, gate } = behaviour;
  return [
    ...(killed === true ? ["trap - EXIT", "kill -KILL $$"] : []),
    ...(delayS === undefined ? [] : [`sleep ${delayS}`]),
    ...(gate === undefined ? [] : waitFor(gateFile(logDir, gate))),
    ...(stderr === undefined ? [] : [`printf '%s\\n' '${stderr}' >&2`]),
    ...(flood === undefined ? [] : [`head -c ${flood} /dev/zero | tr '\\0' x`]),
    ...(stdout === undefined ? [] : ["cat <<END_OF_ANSWER", stdout, "END_OF_ANSWER"]),
    `exit ${exitCode}`,
  ];
}

function waitFor(file: string): string[] {
  return [
    "looks=0",
    `while [ ! -e ${file} ] && [ $looks -lt ${looks} ]; do sleep 0.02; looks=$((looks + 1)); done`,
  ];
}
