import * as fs from "node:fs";
import { describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { parseDefinition } from "../../../kube/definition.ts";
import { networkStatusAnnotation } from "../../../kube/pod.ts";
import { hawser } from "../commands.ts";
import { parseUsage } from "../usage.ts";
import { credentialSteps } from "./credentials.ts";
import {
  createNode,
  documentOf,
  type InstallCommandOptions,
  install,
  owner,
  type UninstallOptions,
  uninstall,
} from "./install-testing.ts";
import { linkPathOf } from "./path-link.ts";

const page = { columns: 80, version: "" };
const folder = `${import.meta.dirname}/../../../examples/kubernetes`;

interface Container {
  readonly args: readonly string[];
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
  readonly securityContext: object;
  readonly readinessProbe: { readonly exec: { readonly command: readonly string[] } };
}

// biome-ignore lint/suspicious/noExplicitAny: a manifest is whatever its file says; each test names what it wants of it.
function manifests(file: string): any[] {
  return parseAllDocuments(fs.readFileSync(`${folder}/${file}`, "utf8")).map((each) => {
    expect(each.errors).toEqual([]);
    return each.toJS();
  });
}

async function optionsOf({ args }: Container): Promise<InstallCommandOptions & UninstallOptions> {
  const usage = await parseUsage(hawser, args, page);
  if (usage.kind !== "command") throw new Error(JSON.stringify(usage));
  // biome-ignore lint/suspicious/noExplicitAny: of the one of two commands that its own name tells.
  return usage.options as any;
}

/** Every folder of the node that a path is in, by the mounts of a container. */
function isMounted({ volumeMounts }: Container, path: string): boolean {
  return volumeMounts.some(({ mountPath }) => path === mountPath || path.startsWith(`${mountPath}/`));
}

describe("the DaemonSet that installs", () => {
  const [daemonSet, configMap] = manifests("daemonset.yaml");
  const { spec } = daemonSet.spec.template;
  const [container] = spec.containers as [Container];

  test("what it asks for is done in the folders that it mounts", async () => {
    const options = await optionsOf(container);
    expect(options).toMatchObject({ root: "/host", api: true, stay: true });
    for (const path of [options.binDir, options.confDir, options.ownDir, linkPathOf(options)])
      expect(isMounted(container, options.root + path), path).toBe(true);
    expect(isMounted(container, options.settings ?? "")).toBe(true);
  });

  test("it is ready when a runtime on its node finds what it has installed", async () => {
    const [program, ...args] = container.readinessProbe.exec.command;
    expect(fs.readFileSync(`${folder}/Dockerfile`, "utf8")).toContain(`ENTRYPOINT ["${program}"]`);
    const usage = await parseUsage(hawser, args, page);
    expect(usage).toMatchObject({ name: "doctor", options: { ready: true, root: "/host" } });
  });

  test("its settings are ones that hawser takes", async () => {
    const node = createNode({ "/settings/hawser.json": configMap.data["hawser.json"] });
    const options = { ...(await optionsOf(container)), root: "", stay: false };
    expect(await install(node.sys, options)).toMatchObject({ code: 0 });
    expect(documentOf(node, "/etc/cni/net.d/00-hawser.conflist")).toMatchObject({
      plugins: [{ kubeconfig: "/etc/cni/hawser/kubeconfig", ...JSON.parse(configMap.data["hawser.json"]) }],
    });
  });

  test("it needs no right but root's own files, and comes before every other pod", () => {
    expect(container.securityContext).toMatchObject({
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"] },
      readOnlyRootFilesystem: true,
    });
    expect(spec).toMatchObject({
      hostNetwork: true,
      priorityClassName: "system-node-critical",
      tolerations: [{ operator: "Exists" }],
    });
    expect(JSON.stringify(daemonSet)).not.toContain("privileged");
  });

  test("its token lives for an hour, and lies where --api looks for it", () => {
    const mount = container.volumeMounts.find(({ name }) => name === "account");
    const { projected } = spec.volumes.find(({ name }: { name: string }) => name === "account");
    const [token, authority] = projected.sources;
    expect(spec.automountServiceAccountToken).toBe(false);
    // 3607 is what the automatic one asks for, and what API servers lengthen.
    expect(token.serviceAccountToken).toEqual({ path: "token", expirationSeconds: 3600 });
    expect(authority.configMap).toEqual({
      name: "kube-root-ca.crt",
      items: [{ key: "ca.crt", path: "ca.crt" }],
    });
    const node = createNode({
      [`${mount?.mountPath}/token`]: "secret",
      [`${mount?.mountPath}/ca.crt`]: "authority",
    });
    const steps = credentialSteps(node.sys, "/etc/cni/hawser", { host: "10.0.0.1", port: "443" });
    expect(steps).toMatchObject({ ok: true, value: [{ text: "secret" }, {}] });
  });

  test("labels and names fit together", () => {
    expect(daemonSet.spec.template.metadata.labels).toMatchObject(daemonSet.spec.selector.matchLabels);
    const volumes = spec.volumes.map(({ name }: { name: string }) => name);
    expect(container.volumeMounts.map(({ name }) => name).sort()).toEqual([...volumes].sort());
    expect(manifests("rbac.yaml")[0].metadata.name).toBe(spec.serviceAccountName);
    expect(spec.volumes).toContainEqual({ name: "settings", configMap: { name: configMap.metadata.name } });
  });
});

describe("the DaemonSet that uninstalls", () => {
  const [daemonSet] = manifests("uninstall.yaml");
  const { spec } = daemonSet.spec.template;
  const [container] = spec.initContainers as [Container];

  test("undoes the other's work, in the folders that it mounts", async () => {
    const options = await optionsOf(container);
    const link = linkPathOf({ ...owner, link: undefined });
    for (const path of ["/opt/cni/bin", "/etc/cni/net.d", options.ownDir, options.stateDir, link])
      expect(isMounted(container, options.root + path), path).toBe(true);
    const [installer] = manifests("daemonset.yaml")[0].spec.template.spec.containers as [Container];
    const node = createNode({ "/settings/hawser.json": "{}" });
    const before = node.machine.disk.paths();
    await install(node.sys, { ...(await optionsOf(installer)), root: "", stay: false });
    expect(await uninstall(node.sys, { ...options, root: "" })).toMatchObject({ code: 0 });
    expect(node.machine.disk.paths().filter((path) => !path.endsWith("/"))).toEqual(
      before.filter((path) => !path.endsWith("/")),
    );
  });

  test("labels and volumes fit together", () => {
    expect(daemonSet.spec.template.metadata.labels).toMatchObject(daemonSet.spec.selector.matchLabels);
    const volumes = spec.volumes.map(({ name }: { name: string }) => name);
    expect(container.volumeMounts.map(({ name }) => name).sort()).toEqual([...volumes].sort());
  });
});

test("the role has what hawser asks for, and nothing else", () => {
  const [account, role, binding] = manifests("rbac.yaml");
  expect(role.rules).toEqual([
    { apiGroups: [""], resources: ["pods"], verbs: ["get"] },
    { apiGroups: [""], resources: ["pods/status"], verbs: ["patch"] },
    { apiGroups: ["k8s.cni.cncf.io"], resources: ["network-attachment-definitions"], verbs: ["get"] },
  ]);
  expect(binding.roleRef.name).toBe(role.metadata.name);
  expect(binding.subjects).toEqual([
    { kind: "ServiceAccount", name: account.metadata.name, namespace: account.metadata.namespace },
  ]);
});

test("the policy is of hawser's account and of the annotation that hawser writes, and it is bound", () => {
  const [policy, binding] = manifests("admission-policy.yaml");
  const [account] = manifests("rbac.yaml");
  const { name, namespace } = account.metadata;
  expect(policy.spec.matchConditions).toEqual([
    {
      name: expect.any(String),
      expression: `request.userInfo.username == "system:serviceaccount:${namespace}:${name}"`,
    },
  ]);
  const own = policy.spec.variables.find((each: { name: string }) => each.name === "own");
  expect(own.expression).toBe(JSON.stringify(networkStatusAnnotation));
  expect(policy.spec.failurePolicy).toBe("Fail");
  expect(binding.spec).toEqual({ policyName: policy.metadata.name, validationActions: ["Deny"] });
});

const base = "$".concat("{BASE}");
test("the image's base is what its builder names, by its digest", () => {
  const lines = fs.readFileSync(`${folder}/Dockerfile`, "utf8").split("\n");
  const bases = lines.filter((line) => line.startsWith("FROM ")).map((line) => line.split(" ").slice(1));
  const names = bases.map((words) => words.find((word) => !word.startsWith("--")));
  expect(names).toEqual([base, base]);
  expect(lines).toContain("ARG BASE");
  for (const page of [`${folder}/Dockerfile`, `${folder}/README.md`, `${folder}/../../docs/kubernetes.md`])
    expect(fs.readFileSync(page, "utf8"), page).toMatch(/--build-arg BASE=\$base \\/);
});

test("the CRD is of the definitions that hawser reads", () => {
  const [crd] = manifests("crd.yaml");
  const { group, names, versions } = crd.spec;
  expect(crd.metadata.name).toBe(`${names.plural}.${group}`);
  expect([group, names.plural, names.kind, versions[0].name, crd.spec.scope]).toEqual([
    "k8s.cni.cncf.io",
    "network-attachment-definitions",
    "NetworkAttachmentDefinition",
    "v1",
    "Namespaced",
  ]);
  expect(names.shortNames).toEqual(["net-attach-def"]);
});

test("the network to try it with is a definition, and its pod asks for it", () => {
  const [definition, pod] = manifests("network.yaml");
  const { name, namespace } = definition.metadata;
  const read = parseDefinition(JSON.stringify(definition), {
    namespace,
    name,
    source: "network.yaml",
    keptIn: "disk",
  });
  expect(read).toMatchObject({ ok: true, value: { config: { type: "bridge", name: "storage" } } });
  expect(pod.metadata.annotations["k8s.v1.cni.cncf.io/networks"]).toBe(name);
});
