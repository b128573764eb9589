import { readFileSync, writeSync } from "node:fs";

// The least that a plugin can do in this engine. Hawser's own cost of VERSION is what VERSION costs above this.
readFileSync(0);
writeSync(1, '{"cniVersion":"1.1.0","supportedVersions":["1.1.0"]}\n');
