import { expect, test } from "vitest";
import { parseEnvironment } from "../cni/environment.ts";
import { must } from "../sys/outcome-testing.ts";
import { identify, printIdentity } from "./identity.ts";

function identified(args: string, kind: "pod" | "container" = "pod") {
  const environment = must(
    parseEnvironment({
      CNI_COMMAND: "DEL",
      CNI_CONTAINERID: "c1",
      CNI_IFNAME: "net1",
      CNI_ARGS: args,
    }),
  );
  const identity = identify(environment, kind);
  return identity.ok ? printIdentity(identity.value) : identity.error.id;
}

const pod = "K8S_POD_NAMESPACE=blue;K8S_POD_NAME=web-0";

test.each<[string, string, "pod" | "container", string]>([
  ["a pod's interface", `${pod};K8S_POD_UID=u-1`, "pod", "blue/web-0/net1"],
  ["the same without its UID", pod, "pod", "blue/web-0/net1"],
  ["a container where no pod is named", "", "pod", "container:c1/net1"],
  ["a container where only half a pod is named", "K8S_POD_NAME=web-0", "pod", "container:c1/net1"],
  ["a container where nothing is kept", pod, "container", "container:c1/net1"],
  [
    "nobody whose name would leave its key",
    "K8S_POD_NAMESPACE=blue;K8S_POD_NAME=a/b",
    "pod",
    "ipam.identity",
  ],
])("an address belongs to %s", (_case, args, kind, expected) => {
  expect(identified(args, kind)).toBe(expected);
});

test("a namespace called container is no container", () => {
  expect(identified("K8S_POD_NAMESPACE=container;K8S_POD_NAME=c1")).not.toBe(identified(""));
});
