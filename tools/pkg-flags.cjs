/**
 * Loaded into pkg by `--require`. pkg writes the description of a single executable without what Node knows of in it: that
 * NODE_OPTIONS is not read (--require in it would run before us), and that OPENSSL_CONF names no libraries to load.
 */
const promises = require("node:fs/promises");

const flags = { execArgvExtension: "none", execArgv: ["--openssl-config=/dev/null"] };
const { writeFile } = promises;
promises.writeFile = (path, text, ...more) =>
  writeFile(
    path,
    String(path).endsWith("sea-config.json") ? JSON.stringify({ ...JSON.parse(text), ...flags }) : text,
    ...more,
  );
