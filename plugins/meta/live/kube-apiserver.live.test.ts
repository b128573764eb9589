import * as fs from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { definitionPath, podPath } from "../../../kube/api-path.ts";
import { networkStatusAnnotation } from "../../../kube/pod.ts";
import { type Bed, useBed } from "../../../tools/testbed/bed.ts";
import { answerOf, call, errorOf, expectSilence } from "../../../tools/testbed/call.ts";
import { suite } from "../../../tools/testbed/executables.ts";
import { type KubeServer, startKubeApi } from "../../../tools/testbed/kube-api.ts";
import { noKubeApiserver, startKubeApiserver } from "../../../tools/testbed/kube-apiserver.ts";
import { networkDefinition, pod } from "../../../tools/testbed/kube-objects.ts";
import { leftovers } from "../../../tools/testbed/leftovers.ts";
import { annotated, hawser, networksAnnotation } from "../../../tools/testbed/networks.ts";
import { addPlugin, callNames, calls } from "../../../tools/testbed/script-plugin.ts";
import { kubeconfigFor, writeKubeconfig } from "../../../tools/testbed/test-kubeconfig.ts";

/**
 * The same tests run against our test server and, if there is one, the real kube-apiserver. So our test server answers as the
 * real one does.
 */

const servers = [
  { name: "the test server", start: startKubeApi, missing: undefined },
  { name: "kube-apiserver", start: startKubeApiserver, missing: noKubeApiserver() },
];

for (const { name, start, missing } of servers) {
  const reason = missing === undefined ? "" : ` (skipped: ${missing})`;
  describe.skipIf(missing !== undefined)(`${name}${reason}`, () => {
    let server: KubeServer;
    beforeAll(async () => {
      server = await start();
    });
    afterAll(() => server?.stop());
    suite("reads", ["root"], (executable) => {
      const bed = useBed({ node: false });
      let count = 0;

      /** Creates a pod in a namespace of its own with two networks. Returns its configuration and CNI_ARGS. */
      async function scene(user?: object) {
        const namespace = `${executable.name}-${++count}`;
        const network = { cniVersion: "1.1.0", type: "one", id: 7 };
        await server.create(networkDefinition(namespace, "a", network, { "example.org/x": "y" }));
        await server.create(
          networkDefinition(namespace, "b", { cniVersion: "1.1.0", plugins: [{ type: "one" }] }),
        );
        const { metadata } = await server.create(
          pod(namespace, "web", { [networksAnnotation]: "a,b@data0" }),
        );
        server.forget();
        const paths = ["a", "b"].map((each) => `get ${definitionPath(namespace, each)}`);
        return {
          namespace,
          config: configuration(bed(), server, user),
          args: `K8S_POD_NAMESPACE=${namespace};K8S_POD_NAME=web;K8S_POD_UID=${metadata.uid}`,
          asked: [`get ${podPath(namespace, "web")}`, ...paths],
        };
      }

      const add = (config: object, args: string) => call(bed(), executable, { verb: "ADD", config, args });

      test.each(["token", "certificate"])(
        "the pod and its definitions, with a %s; nothing on DEL",
        async (by) => {
          const { certFile, keyFile } = server.client;
          const user = by === "token" ? undefined : { "client-certificate": certFile, "client-key": keyFile };
          const { config, args, asked, namespace } = await scene(user);
          answerOf(await add(config, args));
          expect(callNames(bed())).toEqual(["ADD main eth0", "ADD one net1", "ADD one data0"]);
          expect(calls(bed())[1]?.config).toMatchObject({ name: `${namespace}.a`, type: "one", id: 7 });
          expectSilence(await call(bed(), executable, { verb: "DEL", config, args }));
          expect(leftovers(bed())).toEqual([]);
          expect(server.asked().toSorted()).toEqual(asked.toSorted());
        },
      );

      test("the pod's status is one request more", async () => {
        const { config, args, asked, namespace } = await scene();
        answerOf(await add({ ...config, status: "required" }, args));
        const path = podPath(namespace, "web");
        expect(server.asked().toSorted()).toEqual([...asked, `patch ${path}/status`].toSorted());
        const { annotations } = (await server.read(path))?.metadata ?? {};
        expect(annotations?.[networksAnnotation]).toBe("a,b@data0");
        const status = JSON.parse(annotations?.[networkStatusAnnotation] ?? "[]");
        expect(status).toMatchObject([
          { name: "pods", interface: "eth0", default: true },
          { name: `${namespace}/a`, interface: "net1" },
          { name: `${namespace}/b`, interface: "data0" },
        ]);
      });

      test("another pod of the name by now: its status is not touched, and the ADD that requires it undone", async () => {
        const { config, args, namespace } = await scene();
        const required = annotated({ ...config, status: "required" }, "");
        const error = errorOf(await add(required, args.replace(/UID=.*/, "UID=u-1")));
        expect(error.details).toContain("[kube.api-conflict]");
        expect(leftovers(bed())).toEqual([]);
        const { annotations } = (await server.read(podPath(namespace, "web")))?.metadata ?? {};
        expect(Object.keys(annotations ?? {})).toEqual([networksAnnotation]);
      });

      test.each<[string, (args: string) => string, string, object | undefined]>([
        ["a pod that is not there", (args) => args.replace("=web", "=other"), "kube.pod-gone", undefined],
        ["another pod of the name", (args) => args.replace(/UID=.*/, "UID=u-1"), "kube.pod-uid", undefined],
        ["an unknown token", (args) => args, "kube.api-unauthorized", { token: "nobody" }],
        ["nobody", (args) => args, "kube.api-unauthorized", {}],
      ])("%s", async (_case, change, id, user) => {
        const { config, args } = await scene(user);
        expect(errorOf(await add(config, change(args))).details).toContain(`[${id}]`);
        expect([callNames(bed()), leftovers(bed())]).toEqual([[], []]);
      });

      test("a definition that is not there", async () => {
        const { namespace, config } = await scene();
        await server.create(pod(namespace, "lost", { [networksAnnotation]: "nowhere" }));
        const error = errorOf(await add(config, `K8S_POD_NAMESPACE=${namespace};K8S_POD_NAME=lost`));
        expect(error.details).toContain("[kube.unknown-network]");
        expect(error.details).toContain("The Kubernetes API has none either.");
      });
    });
  });
}

function configuration(bed: Bed, server: KubeServer, user?: object): Record<string, unknown> {
  for (const type of ["main", "one"]) addPlugin(bed, type);
  const kubeconfig = writeKubeconfig(join(bed.root, "kubeconfig"), server);
  if (user !== undefined) fs.writeFileSync(kubeconfig, JSON.stringify(kubeconfigFor(server, { user })));
  return hawser(bed, {
    delegate: { type: "main" },
    kubeconfig,
    status: "off",
    allowedTypes: ["*"],
    opaqueTypes: ["one"],
  });
}
