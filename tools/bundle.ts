import type { BuildOptions } from "esbuild";

/** Both executables are bundled from this file. */
export const entry = "cmd/main.ts";

/** The options for Node: one CommonJS file, because a Node single executable takes no other. */
export const bundleOptions = {
  entryPoints: [entry],
  bundle: true,
  platform: "node",
  format: "cjs",
  target: "es2023",
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: "none",
  logLevel: "warning",
  // yargs is ESM and asks where it lies; in an executable that is nowhere. esbuild's own "use strict" comes behind the
  // banner, where it means nothing.
  banner: { js: '"use strict";const __url="file:///hawser.cjs";' },
  define: { "import.meta.url": "__url" },
} as const satisfies BuildOptions;

/**
 * For Bun. Bytecode always (10 ms instead of 23), and in chunks: what a verb does not load it does not pay for, and the
 * command line is half of all. Few functions run often enough in some milliseconds for a compiler of theirs to be worth its
 * start. Nothing of the folder that a runtime happens to start us in is read.
 */
export const bunFlags = [
  ...["--compile", "--bytecode", "--splitting", "--format=esm", "--minify", "--compile-jit-policy=1000"],
  ...["--no-compile-autoload-dotenv", "--no-compile-autoload-bunfig"],
];
