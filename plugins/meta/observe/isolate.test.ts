import { describe, expect, test } from "vitest";
import type { HttpHandler } from "../../../sys/fake.ts";
import { ok } from "../../../sys/outcome.ts";
import { kubeconfigOfTests } from "../api-testing.ts";
import { createRecordingNode } from "../meta-testing.ts";

/** Definitions of namespace blue in the API, for a pod of namespace shop. */

const networks = "k8s.v1.cni.cncf.io/networks";
const opens = { "v1.hawser-cni.io/allowed-namespaces": "shop" };
/** The reference macvlan has no isGateway. So the field is left out, and stderr says so. */
const leaky = { type: "macvlan", master: "eth0", isGateway: true };

function api(annotations: Record<string, string>, config: object): HttpHandler {
  return ({ url }) => {
    if (!url.endsWith("/namespaces/blue/network-attachment-definitions/lan"))
      return ok({ status: 404, body: JSON.stringify({ kind: "Status", code: 404, details: { kind: "x" } }) });
    const metadata = { namespace: "blue", name: "lan", annotations };
    const definition = {
      kind: "NetworkAttachmentDefinition",
      metadata,
      spec: { config: JSON.stringify(config) },
    };
    return ok({ status: 200, body: JSON.stringify(definition) });
  };
}

async function addOf(asked: string, http: HttpHandler, resources = "{}") {
  const files = { "/k": kubeconfigOfTests, "/resources.json": resources };
  const node = createRecordingNode(["main", "macvlan"], files, { http });
  const config = {
    ...{ cniVersion: "1.1.0", name: "pods", type: "hawser", delegate: { type: "main" } },
    ...{ kubeconfig: "/k", status: "off", resources: "/resources.json" },
    ...{ definitionsDir: "/d", confDir: "/c", stateDir: "/s" },
  };
  const added = await node.call("ADD", config, { annotations: { [networks]: asked } });
  return { error: added.ok ? undefined : added.error, warnings: node.warnings() };
}

describe("a pod learns nothing of another namespace's definition", () => {
  const nothing = { error: expect.objectContaining({ id: "meta.cross-namespace" }), warnings: [] };

  test.each([
    ["whose fields are left out", leaky, "{}"],
    ["that is refused", { type: "macvlan", dataDir: "/etc" }, "{}"],
    ["while the operator's resources are broken", leaky, "{"],
  ])("%s: neither by the error nor by stderr", async (_case, config, resources) => {
    const said = await addOf("blue/lan", api({}, config), resources);
    expect(said).toEqual(nothing);
    const ofNone = await addOf("blue/none", api({}, config), resources);
    expect({ ...ofNone.error, msg: ofNone.error?.msg.replace("none", "lan") }).toEqual(said.error);
  });

  test("a definition that opens itself is decoded as any other", async () => {
    const left = expect.stringContaining("network definition blue/lan: left out: isGateway");
    expect(await addOf("blue/lan", api(opens, leaky))).toEqual({ error: undefined, warnings: [left] });
    expect((await addOf("blue/lan", api(opens, leaky), "{")).error?.id).toBe("config.resources");
  });
});
