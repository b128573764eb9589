import * as os from "node:os";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { HttpAttempt } from "../../sys/http.ts";
import { linux } from "../../sys/linux.ts";
import { ok } from "../../sys/outcome.ts";
import { asRoot, runCli, temporaryFolder, writeFile } from "./command-testing.ts";

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder(os.tmpdir());
});
afterEach(() => folder.remove());

function configure(capabilities: object): string {
  const at = folder.path;
  const path = `${at}/10-pods.conflist`;
  const places = { definitionsDir: `${at}/net.d`, stateDir: `${at}/state`, confDir: at };
  const kubeconfig = `${at}/kubeconfig`;
  const plugin = { type: "hawser", delegate: { type: "bridge" }, kubeconfig, capabilities, ...places };
  writeFile(path, { cniVersion: "1.1.0", name: "pods", plugins: [plugin] });
  writeFile(kubeconfig, {
    "current-context": "n",
    contexts: [{ name: "n", context: { cluster: "n" } }],
    clusters: [{ name: "n", cluster: { server: "https://10.0.0.1:6443" } }],
  });
  return path;
}

async function explain(capabilities: object, answer: HttpAttempt) {
  const urls: string[] = [];
  const request = async ({ url }: { url: string }): Promise<HttpAttempt> => {
    urls.push(url);
    return answer;
  };
  const sys = { ...asRoot(linux), http: { ...linux.http, request } };
  const args = ["explain", "--config", configure(capabilities), "--annotations", "storage", "--json"];
  const { stdout, exitCode } = await runCli(args, { sys });
  return { exitCode, urls, ...JSON.parse(stdout) };
}

const declared = { "io.kubernetes.cri.pod-annotations": true };
const definition = {
  kind: "NetworkAttachmentDefinition",
  metadata: { name: "storage", namespace: "default" },
  spec: { config: `{"type":"macvlan"}` },
};

test("a definition that is not on disk is asked for, as an ADD would", async () => {
  const { attachments, urls, notes } = await explain(
    declared,
    ok({ status: 200, body: JSON.stringify(definition) }),
  );
  expect(attachments).toMatchObject([
    { ifname: "eth0" },
    { ifname: "net1", network: "default/storage", source: "Kubernetes API" },
  ]);
  expect(urls).toEqual([
    "https://10.0.0.1:6443/apis/k8s.cni.cncf.io/v1/namespaces/default/network-attachment-definitions/storage",
  ]);
  expect(notes).toEqual([]);
});

test("what the ADD would end with is told", async () => {
  const { exitCode, error } = await explain(declared, ok({ status: 403, body: "{}" }));
  expect([exitCode, error.id]).toEqual([1, "kube.api-forbidden"]);
});

test("a runtime that is not asked for annotations: each ADD asks the API", async () => {
  const { notes } = await explain({}, ok({ status: 200, body: JSON.stringify(definition) }));
  expect(notes).toEqual([expect.stringContaining("each ADD will ask the Kubernetes API for them")]);
});
