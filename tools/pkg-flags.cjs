/**
 * Loaded into pkg by `--require`. pkg writes the description of a single executable without what Node knows of in it: that
 * NODE_OPTIONS is not read (--require in it would run before us), that OPENSSL_CONF names no libraries to load, and that no
 * proxy of the environment is looked at (one that is no URL would end the program). And V8's code of the bundle is made once and
 * lies in the executable: to parse all of it cost each call 26 ms of 56.
 */
const promises = require("node:fs/promises");

const flags = {
  execArgvExtension: "none",
  execArgv: ["--openssl-config=/dev/null", "--no-use-env-proxy"],
  useCodeCache: true,
};
const { writeFile } = promises;
promises.writeFile = (path, text, ...more) =>
  writeFile(
    path,
    String(path).endsWith("sea-config.json") ? JSON.stringify({ ...JSON.parse(text), ...flags }) : text,
    ...more,
  );
