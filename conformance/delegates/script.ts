import type { Behaviour, Delegate } from "./delegate.ts";

/**
 * A recorder as POSIX sh, which starts faster than anything else. The log is written under a name that begins with a
 * dot and renamed, so that a reader sees whole entries only.
 */
export function scriptOf(delegate: Delegate, logDir: string): string {
  const cases = Object.entries(delegate.verbs).map(([verb, behaviour]) =>
    [`${verb})`, ...linesOf(behaviour), ";;"].join("\n"),
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

function linesOf(behaviour: Behaviour): string[] {
  const { stdout, stderr, exitCode = 0, killed, flood, delayS } = behaviour;
  return [
    ...(killed === true ? ["trap - EXIT", "kill -KILL $$"] : []),
    ...(delayS === undefined ? [] : [`sleep ${delayS}`]),
    ...(stderr === undefined ? [] : [`printf '%s\\n' '${stderr}' >&2`]),
    ...(flood === undefined ? [] : [`head -c ${flood} /dev/zero | tr '\\0' x`]),
    ...(stdout === undefined ? [] : ["cat <<END_OF_ANSWER", stdout, "END_OF_ANSWER"]),
    `exit ${exitCode}`,
  ];
}
