import { createFake, type Fake } from "../../../sys/fake.ts";
import type { Sys } from "../../../sys/sys.ts";
import type { Context } from "../command.ts";
import { listen } from "../command-testing.ts";
import { installCommand } from "./install.ts";
import { uninstallCommand } from "./uninstall.ts";

export type InstallCommandOptions = Parameters<typeof installCommand.run>[2];
export type UninstallOptions = Parameters<typeof uninstallCommand.run>[2];

export const executable = "/image/hawser";
const account = "/var/run/secrets/kubernetes.io/serviceaccount";

export const primaryList = {
  cniVersion: "1.0.0",
  name: "cluster-net",
  plugins: [
    { type: "bridge", bridge: "cni0", mtu: 1450, ipam: { type: "host-local" } },
    { type: "portmap", capabilities: { portMappings: true } },
  ],
};
/** The primary's file as its author wrote it. Uninstall must restore exactly this text. */
export const primaryText = `${JSON.stringify(primaryList, null, 4)}\n\n`;

const base = { root: "", ownDir: "/etc/cni/hawser", dryRun: false, json: false } as const;
export const owner: InstallCommandOptions = {
  ...base,
  binDir: "/opt/cni/bin",
  confDir: "/etc/cni/net.d",
  mode: "owner",
  primary: undefined,
  settings: undefined,
  link: undefined,
  api: false,
  stay: false,
};
export const chained: InstallCommandOptions = { ...owner, mode: "chained" };
export const uninstallation: UninstallOptions = {
  ...base,
  stateDir: "/var/lib/cni/hawser",
  force: false,
  waitMs: undefined,
};
const variables = { KUBERNETES_SERVICE_HOST: "fd00::1", KUBERNETES_SERVICE_PORT: "6443" };
const program = { executable, variables };

/** A node with a network, and the pod on it that installs. */
export function createNode(files: Readonly<Record<string, string>> = {}): Fake {
  return createFake({
    files: {
      [executable]: "the program",
      [`${account}/token`]: "a token",
      [`${account}/ca.crt`]: "a certificate",
      "/etc/cni/net.d/10-cluster.conflist": primaryText,
      ...files,
    },
  });
}

export interface CommandOutput {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export async function install(sys: Sys, options: InstallCommandOptions): Promise<CommandOutput> {
  return hear((context) => installCommand.run(sys, context, options));
}

export async function uninstall(
  sys: Sys,
  options: UninstallOptions = uninstallation,
): Promise<CommandOutput> {
  return hear((context) => uninstallCommand.run(sys, context, options));
}

async function hear(run: (context: Context) => number | Promise<number>): Promise<CommandOutput> {
  const { context, printed } = listen({ program });
  const { exitCode, stdout, stderr } = printed(await run(context));
  return { code: exitCode, out: stdout, err: stderr };
}

export function fileText({ machine }: Fake, path: string): string {
  const text = machine.disk.read(path);
  return text.ok ? text.value : text.error.code;
}

export function documentOf(fake: Fake, path: string): unknown {
  return JSON.parse(fileText(fake, path));
}
