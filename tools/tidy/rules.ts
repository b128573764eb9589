/** The rules of `make lint`, as data. An exception stands here with its reason, or not at all. */
export interface Rules {
  readonly layers: readonly Layer[];
  readonly packages: readonly PackageRule[];
  readonly hotPath: HotPath;
  readonly limits: readonly Limit[];
  /** Files that are started by name, and that no file imports. */
  readonly entries: readonly string[];
  /** Files that only tests, and other such files, import. */
  readonly testHelpers: readonly string[];
  readonly testedFolders: readonly string[];
  /** Files whose test is in another folder, each with that test. */
  readonly testedElsewhere: Readonly<Record<string, string>>;
  /** Files that no entry reaches yet, each with what it waits for. */
  readonly unfinished: Readonly<Record<string, string>>;
  /** Files that may have another file's name, by patterns, each with the reason. */
  readonly namesakes: Readonly<Record<string, string>>;
  readonly words: readonly WordRule[];
}

/** A folder and the folders that its files may import; `separate` ones hold subfolders that never see each other. */
export interface Layer {
  readonly folder: string;
  readonly imports: readonly string[];
  readonly separate?: boolean;
  /** The one subfolder that the separate ones share. It imports none of them. */
  readonly shared?: string;
}

/** The files that may import a package, and whether only by `await import()`. */
export interface PackageRule {
  readonly name: RegExp;
  readonly importers: readonly string[];
  readonly why: string;
}

/** The modules that `entries` load at once delay every pod, so they may import none of these. */
export interface HotPath {
  readonly entries: readonly string[];
  readonly packages: RegExp;
  readonly files: readonly string[];
}

export interface Limit {
  readonly files: readonly string[];
  readonly fileLines: number;
  readonly functionLines: number;
}

export interface WordRule {
  readonly word: RegExp;
  /** `code`: not in comments and strings. */
  readonly where: "code" | "text";
  readonly files: readonly string[];
  readonly except?: readonly string[];
  readonly message: string;
}

const product = ["cmd/**", "sys/**", "net/**", "cni/**", "kube/**", "plugins/**", "ipam/**"];
const tests = ["**/*.test.ts"];
const development = ["tools/**", "bench/**", "conformance/**", "vitest.config.ts"];
/** Suites of tests that every implementation of an interface passes. */
const contracts = ["**/*-contract.ts"];
const testHelpers = [
  "conformance/mutants/{catalogue,memory-machine}.ts",
  "conformance/report/markdown.ts",
  "tools/testbed/**",
  "**/*-testing.ts",
  "**/simulation/**",
  "**/memory-store.ts",
  "sys/fake*.ts",
  ...contracts,
];
const inner = ["net/**", "cni/**", "kube/**", "plugins/**", "ipam/**"];

export const rules: Rules = {
  layers: [
    { folder: "sys", imports: [] },
    { folder: "net", imports: ["sys"] },
    { folder: "cni", imports: ["sys"] },
    { folder: "kube", imports: ["cni", "sys"] },
    { folder: "ipam", imports: ["cni", "sys"], separate: true },
    { folder: "plugins", imports: ["cni", "kube", "net", "sys"], separate: true, shared: "link" },
    { folder: "cmd", imports: ["cni", "ipam", "kube", "net", "plugins", "sys"] },
    // If the suite used the product's parser, it would not see the parser's bugs.
    { folder: "conformance", imports: ["sys"] },
    // The bench builds an empty program with the flags of the executable.
    { folder: "bench", imports: ["sys", "tools"] },
    // Fake servers speak the formats of the product's stores.
    { folder: "tools/testbed", imports: ["cni", "ipam", "kube", "net", "sys"] },
    { folder: "tools", imports: ["sys"], separate: true },
    { folder: "docs", imports: ["cni", "ipam", "kube", "plugins", "sys"] },
    { folder: "examples", imports: ["cni", "ipam", "kube", "plugins", "sys"] },
  ],
  packages: [
    {
      name: /^node:/,
      importers: ["sys/linux*.ts", ...tests, ...testHelpers, ...development],
      why: "sys/linux*.ts is the only boundary to the machine",
    },
    {
      name: /^bun:/,
      importers: ["sys/linux-ffi-bun.ts"],
      why: "the same sources run on Node: where the engines differ, #... of package.json has a file for each",
    },
    {
      name: /^yargs\b/,
      importers: ["cmd/cli/**", "conformance/suite-options.ts"],
      why: "only the command line pays for it",
    },
    {
      name: /^string-width\b/,
      importers: ["cmd/cli/table.ts", ...tests],
      why: "a column is as wide as its characters look; only tables for people need that",
    },
    {
      name: /^yaml\b/,
      importers: ["kube/yaml.ts", ...tests],
      why: "everybody reads YAML as kubectl does; an ADD pays for it only where the kubeconfig is not JSON",
    },
    {
      name: /^zod\b/,
      importers: [...tests],
      why: "start-up decides: a table of readers reads the configuration, and this library is the oracle of its tests",
    },
    {
      name: /^ip-address\b/,
      importers: [...tests],
      why: "it is the oracle of the tests of cni/address.ts, which reads addresses by hand because start-up counts",
    },
    {
      name: /^(vitest|fast-check)\b/,
      importers: [...tests, ...testHelpers, ...development],
      why: "it is for tests",
    },
    {
      name: /^@grpc\//,
      importers: [...tests, ...testHelpers],
      why: "it is for tests; the product speaks it by itself",
    },
    { name: /^esbuild$/, importers: ["tools/**", "bench/**"], why: "it builds" },
    { name: /^oxc-parser$/, importers: ["tools/tidy/typescript.ts"], why: "it parses TypeScript for tidy" },
  ],
  hotPath: {
    entries: ["cmd/main.ts", "plugins/meta/plugin.ts", "ipam/*/plugin.ts"],
    packages:
      /^(yargs|string-width|yaml|ip-address|zod|node:(crypto|net|http|https|http2|stream|tls|zlib))\b/,
    files: ["cmd/cli/**"],
  },
  limits: [
    { files: contracts, fileLines: 600, functionLines: 600 },
    { files: tests, fileLines: 600, functionLines: 70 },
    { files: ["**/*.ts"], fileLines: 400, functionLines: 70 },
  ],
  entries: [
    "cmd/main.ts",
    "bench/main.ts",
    "bench/empty.ts",
    "bench/api-server.ts",
    "conformance/main.ts",
    "tools/build.ts",
    "tools/reporter.ts",
    "tools/demo/main.ts",
    "tools/release/main.ts",
    "tools/testbed/differential/main.ts",
    "tools/tidy/main.ts",
    "tools/vm/main.ts",
    "tools/vm/power-cuts/main.ts",
    // It runs in the virtual machine.
    "tools/vm/power-cuts/workload.ts",
    "vitest.config.ts",
  ],
  testHelpers,
  testedFolders: inner.concat("sys/**"),
  testedElsewhere: {
    "plugins/meta/plan/verdict.ts": "cmd/cli/doctor/check-trust.test.ts",
    "kube/devices/find-devices.ts": "plugins/meta/observe/devices.test.ts",
    "sys/linux-standard.ts": "plugins/meta/live/verbs.live.test.ts",
  },
  unfinished: {
    "net/frames.ts":
      "part 7: no plugin sends frames of its own, because the kernel announces addresses when asked to",
    "net/namespace-ids.ts": "part 7: the plugins that use it are being written",
    "net/neighbours.ts": "part 7: the plugins that use it are being written",
  },
  namesakes: {
    "{ipam,plugins}/*/{add,del,check,gc,status}.ts": "a verb of the plugin",
    "{ipam,plugins}/*/plugin.ts": "the plugin: its verbs and versions",
    "{ipam/*,plugins/*,plugins/*/config}/config.ts": "how the plugin reads its configuration",
    "cmd/cli/{show,version,attachments}.ts": "the command of this name",
    "cmd/cli/{gc,ipam}/{check,gc,ipam,list,release,show}.ts": "the command of this name",
    "cmd/cli/ipam/transfer/import.ts": "the command of this name",
    "**/main.ts": "where a program starts",
    "conformance/requirements/*.ts": "the requirements on what the name says",
    "conformance/mutants/model/*.ts": "the test plugin in the role that the name says",
    "plugins/meta/trust/schemas/*.ts": "what plugins of the kind that the name says may be given",
  },
  words: [
    {
      word: /\b(TODO|FIXME|XXX|HACK)\b/,
      where: "text",
      files: ["**"],
      except: ["tools/tidy/**"],
      message: "do it, or write an issue",
    },
    {
      word: /\bconsole\./,
      where: "code",
      files: product,
      except: tests,
      message: "stdout belongs to the one document; say it with sys.warn",
    },
    {
      word: /\bBun\./,
      where: "code",
      files: product,
      message: "only Node's own API: the same bundle runs on Node",
    },
    {
      word: /\bprocess\.exit\b/,
      where: "code",
      files: product,
      except: ["cmd/main.ts", ...tests],
      message: "cmd/main.ts is the only exit",
    },
    {
      word: /\b(?<!\.)process\.(env|argv|pid|cwd|stdin|stdout|stderr|kill)\b/,
      where: "code",
      files: inner,
      except: [...tests, ...testHelpers],
      message: "the process is injected: take it from sys",
    },
    {
      word: /\b(Date\.now|Math\.random|performance\.now|new Date\(\))/,
      where: "code",
      files: inner,
      except: [...tests, ...testHelpers],
      message: "time and chance are injected: take them from sys",
    },
    {
      word: /(\btypeof|[:<|&])\s*import\(/,
      where: "code",
      files: ["**"],
      message: "write import type: Biome does not see a circle through this",
    },
    {
      word: /\.includes\(([\w.]+\.)?error\.id\)/,
      where: "code",
      files: product,
      except: [...tests, ...testHelpers],
      message: "compare with hasId: the compiler then knows that each word is an id",
    },
    {
      word: /["'`]\/(tmp|home|root)\//,
      where: "text",
      files: product,
      except: [...tests, "sys/**"],
      message: "no such path on a node; state lies where the configuration says",
    },
  ],
};
