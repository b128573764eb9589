import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createFake } from "../../sys/fake.ts";
import { readDeviceInfo, removeDeviceInfo, writeDeviceInfo } from "./device-info.ts";
import { attachmentInfoPath, pluginInfoPath } from "./info-path.ts";

const info = { type: "pci", version: "1.1.0", pci: { "pci-address": "0000:18:02.5" } };

describe("where the files lie", () => {
  test.each([
    [{ resource: "intel.com/sriov", id: "0000:18:02.5" }, "/d/dp/intel.com-sriov-0000:18:02.5-device.json"],
    [{ resource: "v/a/b", id: "x/y z" }, "/d/dp/v-a-b-x-y z-device.json"],
    [{ resource: "../../etc", id: ".." }, "/d/dp/..-..-etc-..-device.json"],
  ])("a device plugin's: %o", (device, path) => {
    expect(pluginInfoPath("/d", device)).toBe(path);
  });

  test.each([
    ["blue/sriov", "/d/cni/blue-sriov-c1_net1"],
    ["../x", "/d/cni/..-x-c1_net1"],
  ])("an attachment's to %s", (network, path) => {
    expect(attachmentInfoPath("/d", network, "c1", "net1")).toBe(path);
  });

  test("an attachment's is one name of a file, and no other attachment's, whatever the network is called", () => {
    const attachment = fc.tuple(fc.string({ maxLength: 400 }), fc.stringMatching(/^[0-9a-f]{1,190}$/));
    fc.assert(
      fc.property(attachment, attachment, ([network, id], [otherNetwork, otherId]) => {
        const path = attachmentInfoPath("/d", network, id, "net1");
        expect(path).toMatch(/^\/d\/cni\/[^/\0]{1,255}$/);
        if (id !== otherId) expect(path).not.toBe(attachmentInfoPath("/d", otherNetwork, otherId, "net1"));
      }),
    );
  });
});

describe("what they say", () => {
  const path = "/d/cni/blue-sriov-c1_net1";

  test("what was written is read, and gone when removed; a second removal is none", () => {
    const { sys, machine } = createFake();
    expect(writeDeviceInfo(sys, path, info)).toMatchObject({ ok: true });
    expect(machine.disk.stat(path)).toMatchObject({ value: { mode: 0o644 } });
    expect(readDeviceInfo(sys, path)).toEqual({ ok: true, value: info });
    expect(removeDeviceInfo(sys, path)).toMatchObject({ ok: true });
    expect(readDeviceInfo(sys, path)).toEqual({ ok: true, value: undefined });
    expect(removeDeviceInfo(sys, path)).toMatchObject({ ok: true });
  });

  test.each([
    ["", "is not JSON"],
    ["[]", "is an array"],
  ])("a file that says %o is refused", (text, why) => {
    const { sys } = createFake({ files: { [path]: text } });
    const read = readDeviceInfo(sys, path);
    expect(read).toMatchObject({ ok: false, error: { id: "device.info", code: 5 } });
    if (!read.ok) expect(read.error.msg).toContain(why);
  });

  test("a machine that refuses is told of", () => {
    const fake = createFake({ files: { [path]: "{}" } });
    fake.failReads(path, "EIO");
    expect(readDeviceInfo(fake.sys, path)).toMatchObject({ ok: false, error: { id: "device.info" } });
    for (const effect of [0, 2, 3]) fake.failAt(effect, "EROFS");
    expect(writeDeviceInfo(fake.sys, path, info)).toMatchObject({ ok: false });
    expect(writeDeviceInfo(fake.sys, path, info)).toMatchObject({ ok: false });
    expect(removeDeviceInfo(fake.sys, path)).toMatchObject({ ok: false, error: { id: "device.info" } });
  });
});
