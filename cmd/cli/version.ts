/** The build defines these. They are absent where the sources run without a build. */
declare const __HAWSER_VERSION__: string | undefined;
declare const __HAWSER_COMMIT__: string | undefined;

/** `hawser 0.1.0 (commit abc1234, bun 1.4.5)` */
export function versionLine(): string {
  const version = typeof __HAWSER_VERSION__ === "string" ? __HAWSER_VERSION__ : "unreleased";
  const commit = typeof __HAWSER_COMMIT__ === "string" ? __HAWSER_COMMIT__ : "unknown";
  const { bun, node } = process.versions;
  const engine = bun === undefined ? `node ${node}` : `bun ${bun}`;
  return `hawser ${version} (commit ${commit}, ${engine})`;
}
