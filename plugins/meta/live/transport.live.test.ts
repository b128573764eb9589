import * as fs from "node:fs";
import { createServer as createPlain } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Bed, useBed } from "../../../tools/testbed/bed.ts";
import { call, errorOf } from "../../../tools/testbed/call.ts";
import { makeAuthority, readPair } from "../../../tools/testbed/certificates.ts";
import { suite } from "../../../tools/testbed/executables.ts";
import { annotated, hawser } from "../../../tools/testbed/networks.ts";
import { addPlugin, callNames } from "../../../tools/testbed/script-plugin.ts";

/**
 * Another server answers in the API server's place. The tests ask what it can make an ADD believe, print, or take into memory.
 */

const token = "token-of-hawser-0123456789";
const definition = {
  apiVersion: "k8s.cni.cncf.io/v1",
  kind: "NetworkAttachmentDefinition",
  metadata: { name: "blue", namespace: "shop" },
  spec: { config: JSON.stringify({ cniVersion: "1.1.0", type: "side" }) },
};

/** A server's way of answering a request. */
type Serve = Parameters<typeof createServer>[1];

const endless: Serve = (_request, response) => {
  response.writeHead(200, { "content-type": "application/json" });
  const part = Buffer.alloc(1 << 20, " ");
  const more = (): void => {
    while (response.writable && response.write(part));
    response.once("drain", more);
  };
  more();
};
const bomb = gzipSync(Buffer.alloc(200_000_000, " "), { level: 9 });
const compressed: Serve = (_request, response) =>
  void response.writeHead(200, { "content-encoding": "gzip" }).end(bomb);
const honest: Serve = (_request, response) => void response.end(JSON.stringify(definition));
const echoing: Serve = ({ headers }, response) => {
  const message = `${"x".repeat(380)} you sent ${headers.authorization}`;
  response.writeHead(403).end(JSON.stringify({ kind: "Status", message }));
};

suite("whoever answers in the API's place", [], (executable) => {
  const bed = useBed({ node: false });
  const servers: Server[] = [];
  let folder: string;
  let urls: Record<"endless" | "compressed" | "echoing" | "stranger" | "honest" | "plain", string>;

  beforeAll(async () => {
    folder = fs.mkdtempSync(join(process.env.TMPDIR ?? "/tmp", "hawser-transport-"));
    const pair = readPair(makeAuthority(folder).issue("server", "/CN=server", "IP:127.0.0.1"));
    const other = readPair(makeAuthority(folder, "other").issue("stranger", "/CN=server", "IP:127.0.0.1"));
    const listen = async (server: Server, scheme: string): Promise<string> => {
      servers.push(server);
      server.on("tlsClientError", () => undefined);
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      return `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`;
    };
    urls = {
      endless: await listen(createServer(pair, endless), "https"),
      compressed: await listen(createServer(pair, compressed), "https"),
      echoing: await listen(createServer(pair, echoing), "https"),
      stranger: await listen(createServer(other, honest), "https"),
      honest: await listen(createServer(pair, honest), "https"),
      plain: await listen(createPlain(honest as never) as unknown as Server, "http"),
    };
  });
  afterAll(() => {
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
    fs.rmSync(folder, { recursive: true });
  });

  interface Way {
    readonly ca?: boolean;
    readonly user?: object;
    readonly env?: Record<string, string>;
  }

  /** An ADD that needs one definition from the API. */
  async function add(at: Bed, server: string, { ca = true, user = { token }, env = {} }: Way = {}) {
    for (const type of ["main", "side"]) addPlugin(at, type);
    const cluster = { server, ...(ca && { "certificate-authority": join(folder, "ca.pem") }) };
    const document = {
      "current-context": "x",
      contexts: [{ name: "x", context: { cluster: "x", user: "x" } }],
      clusters: [{ name: "x", cluster }],
      users: [{ name: "x", user }],
    };
    const kubeconfig = join(at.root, "kubeconfig");
    fs.writeFileSync(kubeconfig, JSON.stringify(document), { mode: 0o600 });
    const more = {
      delegate: { type: "main" },
      kubeconfig,
      status: "off",
      allowedTypes: ["*"],
      opaqueTypes: ["*"],
    };
    const config = annotated(hawser(at, more), "blue");
    const args = "K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web";
    return await call(at, executable, { verb: "ADD", config, args, env });
  }

  test("the server that is meant is believed", async () => {
    expect((await add(bed(), urls.honest)).exitCode).toBe(0);
    expect(callNames(bed())).toEqual(["ADD main eth0", "ADD side net1"]);
  });

  test.each([
    [
      "NODE_TLS_REJECT_UNAUTHORIZED=0",
      true,
      (): Record<string, string> => ({ NODE_TLS_REJECT_UNAUTHORIZED: "0" }),
    ],
    ["NODE_TLS_REJECT_UNAUTHORIZED=0", false, () => ({ NODE_TLS_REJECT_UNAUTHORIZED: "0" })],
    ["NODE_EXTRA_CA_CERTS", true, () => ({ NODE_EXTRA_CA_CERTS: join(folder, "other.pem") })],
    ["NODE_EXTRA_CA_CERTS", false, () => ({ NODE_EXTRA_CA_CERTS: join(folder, "other.pem") })],
    ["SSL_CERT_FILE", false, () => ({ SSL_CERT_FILE: join(folder, "other.pem"), NODE_USE_SYSTEM_CA: "1" })],
    [
      "NODE_OPTIONS",
      false,
      () => ({ NODE_OPTIONS: "--use-openssl-ca", SSL_CERT_FILE: join(folder, "other.pem") }),
    ],
  ])("a stranger is not, whatever %s says (an authority of the kubeconfig: %s)", async (_name, ca, env) => {
    const error = errorOf(await add(bed(), urls.stranger, { ca, env: env() }));
    expect(String(error.details)).toContain("[kube.api-untrusted]");
    expect(callNames(bed())).toEqual([]);
  });

  test("a server without TLS is asked nothing", async () => {
    const error = errorOf(await add(bed(), urls.plain, { ca: false, user: {} }));
    expect(error).toMatchObject({ code: 7, details: expect.stringContaining("[kube.kubeconfig]") });
    expect(callNames(bed())).toEqual([]);
  });

  test.each(["endless", "compressed"] as const)("an answer that is %s fills no memory", async (which) => {
    const error = errorOf(await add(bed(), urls[which]));
    expect(error).toMatchObject({ code: 107, details: expect.stringContaining("[kube.api-answer]") });
    expect(callNames(bed())).toEqual([]);
  });

  test("a token that is repeated, and what debug variables print of it, stays out of errors and logs", async () => {
    const env = {
      BUN_CONFIG_VERBOSE_FETCH: "curl",
      NODE_DEBUG: "http,https,tls,net",
      NODE_DEBUG_NATIVE: "HTTP2",
    };
    const { stdout, stderr } = await add(bed(), urls.echoing, { env });
    expect(stdout).toContain("[kube.api-forbidden]");
    expect(stdout + stderr).not.toContain(token.slice(0, 12));
    expect(stderr).not.toMatch(/Bearer|authorization/i);
  });
});
