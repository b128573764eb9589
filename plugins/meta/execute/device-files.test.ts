import { describe, expect, test } from "vitest";
import { createFake } from "../../../sys/fake.ts";
import type { Step } from "../plan/plan.ts";
import { informationOf } from "./device-files.ts";

const path = "/devinfo/cni/blue-fast-c1_net1";
const chain = {
  cniVersion: "1.1.0" as const,
  name: "fast",
  disableCheck: false,
  disableGC: false,
  plugins: [],
};
const plain: Step = { role: "secondary", network: "blue/fast", ifname: "net1", chain };
const step: Step = { ...plain, deviceInfoFile: path };

describe("the device information in the pod's status", () => {
  test.each<[string, Step, Record<string, string>, unknown]>([
    ["what its file says, whoever wrote it", step, { [path]: '{"type":"memif"}' }, { type: "memif" }],
    ["nothing, where nobody wrote it", step, {}, undefined],
    ["nothing, where it has none", plain, { [path]: "{}" }, undefined],
  ])("%s", async (_case, of, files, expected) => {
    const fake = createFake({ files });
    expect(await informationOf(fake.sys, of)).toEqual(expected);
    expect(fake.warnings).toEqual([]);
  });

  test("a plugin's garbage fails no pod that stands: stderr tells of it", async () => {
    const fake = createFake({ files: { [path]: "{" } });
    expect(await informationOf(fake.sys, step)).toBeUndefined();
    expect(fake.warnings).toEqual([expect.stringContaining(path)]);
  });
});
