import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createFake } from "./fake.ts";
import type { Attempt } from "./fault.ts";
import { linux } from "./linux.ts";
import type { Files } from "./sys.ts";

/** One contract for every implementation of Files: what a test proves over the fake holds on the machine. */
const implementations: Record<string, () => { files: Files; root: string; remove: () => void }> = {
  linux: () => {
    const root = fs.mkdtempSync(path.join(os.tmpdir(), "hawser-files-"));
    return { files: linux.files, root, remove: () => fs.rmSync(root, { recursive: true }) };
  },
  fake: () => {
    const { sys } = createFake({ files: { "/root/.keep": "" } });
    sys.files.remove("/root/.keep");
    return { files: sys.files, root: "/root", remove: () => {} };
  },
};

function code(attempt: Attempt<unknown>): string {
  return attempt.ok ? "ok" : attempt.error.code;
}

const mode = 0o600;

describe.each(Object.entries(implementations))("Files of %s", (_name, create) => {
  let files: Files;
  let root: string;
  let remove: () => void;
  const at = (name: string): string => `${root}/${name}`;
  const put = (name: string, text = "text"): void => {
    expect(code(files.write(at(name), text, { mode }))).toBe("ok");
  };
  const folder = (name: string): void => {
    expect(code(files.makeFolder(at(name), 0o700))).toBe("ok");
  };
  const text = (name: string): string => {
    const read = files.read(at(name));
    return read.ok ? read.value : read.error.code;
  };
  const names = (name = ""): readonly string[] | string => {
    const list = files.list(at(name));
    return list.ok ? list.value : list.error.code;
  };
  beforeEach(() => {
    ({ files, root, remove } = create());
  });
  afterEach(() => remove());

  test("what is written is read, every byte of it", () => {
    put("file", "a\0b\u{1f6a2}\r\n\ufeff");
    expect(text("file")).toBe("a\0b\u{1f6a2}\r\n\ufeff");
  });

  test("a file is read as far as is allowed, and refused where there is more", () => {
    put("file", "äbc");
    expect([3, 4, 5].map((most) => code(files.read(at("file"), most)))).toEqual(["EFBIG", "ok", "ok"]);
    put("long", "ä".repeat(50_000));
    expect([99_999, 100_000].map((most) => code(files.read(at("long"), most)))).toEqual(["EFBIG", "ok"]);
    expect(text("long")).toBe("ä".repeat(50_000));
    put("empty", "");
    expect([code(files.read(at("empty"), 0)), text("empty")]).toEqual(["ok", ""]);
  });

  test("a shorter text replaces a longer one whole, and the mode stays", () => {
    put("file", "a long text");
    expect(code(files.write(at("file"), "b", { mode: 0o644, sync: true }))).toBe("ok");
    expect(text("file")).toBe("b");
    expect(files.stat(at("file"))).toMatchObject({ ok: true, value: { mode } });
  });

  test("an exclusive write refuses what is there and leaves it", () => {
    put("file", "first");
    expect(code(files.write(at("file"), "second", { mode, exclusive: true }))).toBe("EEXIST");
    expect(code(files.write(at("other"), "third", { mode, exclusive: true }))).toBe("ok");
    expect([text("file"), text("other")]).toEqual(["first", "third"]);
  });

  test("names are listed in order", () => {
    for (const name of ["b", ".hidden", "a", "B"]) put(name);
    expect(names()).toEqual([".hidden", "B", "a", "b"]);
  });

  test("stat tells kind, mode, owner and bytes", () => {
    put("file", "\u00e4\u00e4");
    folder("folder");
    const file = files.stat(at("file"));
    expect(file).toMatchObject({ ok: true, value: { kind: "file", mode, sizeBytes: 4 } });
    expect(file.ok && Number.isFinite(file.value.modifiedMs) && file.value.uid >= 0).toBe(true);
    expect(files.stat(at("folder"))).toMatchObject({ ok: true, value: { kind: "folder", mode: 0o700 } });
  });

  test("a folder is made with its parents, and made again without a word", () => {
    folder("a/b/c");
    folder("a/b/c");
    expect([names("a"), names("a/b")]).toEqual([["b"], ["c"]]);
    expect(files.stat(at("a/b/c"))).toMatchObject({ ok: true, value: { mode: 0o700 } });
    // Others use the folders above, too: /var/lib/cni must not be closed to them.
    for (const above of ["a", "a/b"])
      expect(files.stat(at(above))).toMatchObject({ ok: true, value: { mode: 0o755 } });
  });

  test("the real path is the same by whatever links it is reached", () => {
    folder("a/b");
    expect(code(files.symlink("a", at("near")))).toBe("ok");
    expect(code(files.symlink(at("near/b"), at("far")))).toBe("ok");
    const real = files.realPath(root);
    const to = (name: string): unknown => files.realPath(at(name));
    const value = `${real.ok ? real.value : ""}/a/b`;
    for (const name of ["a/b", "near/b", "far", "a//b/"]) expect(to(name)).toEqual({ ok: true, value });
    expect(code(files.realPath(at("a/none")))).toBe("ENOENT");
  });

  test("a rename replaces a file", () => {
    put("old", "new text");
    put("file");
    expect(code(files.rename(at("old"), at("file")))).toBe("ok");
    expect([names(), text("file")]).toEqual([["file"], "new text"]);
  });

  test("a folder is renamed over an empty folder, never over one that is not", () => {
    folder("prepared");
    put("prepared/holder");
    folder("lock");
    expect(code(files.rename(at("prepared"), at("lock")))).toBe("ok");
    expect([names(), names("lock")]).toEqual([["lock"], ["holder"]]);
    folder("next");
    put("next/waiter");
    expect(code(files.rename(at("next"), at("lock")))).toBe("ENOTEMPTY");
    expect([names("next"), names("lock")]).toEqual([["waiter"], ["holder"]]);
  });

  test("a linked file has two names", () => {
    put("file", "shared");
    expect(code(files.link(at("file"), at("second")))).toBe("ok");
    expect(code(files.remove(at("file")))).toBe("ok");
    expect(text("second")).toBe("shared");
  });

  test("a symbolic link is followed, renamed over and removed as itself", () => {
    put("file", "of the file");
    folder("folder");
    put("folder/inside", "inside");
    expect(code(files.symlink("file", at("link")))).toBe("ok");
    expect(code(files.symlink(at("folder"), at("way")))).toBe("ok");
    expect([text("link"), text("way/inside")]).toEqual(["of the file", "inside"]);
    expect(files.readLink(at("link"))).toEqual({ ok: true, value: "file" });
    expect(files.stat(at("link"))).toMatchObject({ ok: true, value: { kind: "file" } });
    expect(code(files.symlink("nowhere", at("dangling")))).toBe("ok");
    expect(text("dangling")).toBe("ENOENT");
    expect(code(files.rename(at("dangling"), at("link")))).toBe("ok");
    expect([text("link"), text("file")]).toEqual(["ENOENT", "of the file"]);
    expect(code(files.remove(at("way")))).toBe("ok");
    expect(names()).toEqual(["file", "folder", "link"]);
  });

  test("a copy has the bytes and the mode that it is given", () => {
    put("file", "bytes");
    expect(code(files.copy(at("file"), at("copy"), 0o755))).toBe("ok");
    put("file", "changed");
    expect(text("copy")).toBe("bytes");
    expect(files.stat(at("copy"))).toMatchObject({ ok: true, value: { kind: "file", mode: 0o755 } });
  });

  test("syncFolder takes folders", () => {
    put("file");
    expect(code(files.syncFolder(root))).toBe("ok");
    expect(code(files.syncFolder(at("file")))).toBe("ENOTDIR");
    expect(code(files.syncFolder(at("none")))).toBe("ENOENT");
  });

  const refusals: [string, string, (files: Files) => Attempt<unknown>][] = [
    ["read what is not there", "ENOENT", (f) => f.read(at("none"))],
    ["read a folder", "EISDIR", (f) => f.read(at("full"))],
    ["read below a file", "ENOTDIR", (f) => f.read(at("file/below"))],
    ["write into a folder that is not there", "ENOENT", (f) => f.write(at("none/file"), "", { mode })],
    ["write over a folder", "EISDIR", (f) => f.write(at("full"), "", { mode })],
    ["exclusively write over a folder", "EEXIST", (f) => f.write(at("full"), "", { mode, exclusive: true })],
    ["rename what is not there", "ENOENT", (f) => f.rename(at("none"), at("file"))],
    ["rename into a folder that is not there", "ENOENT", (f) => f.rename(at("file"), at("none/file"))],
    ["rename a file over a folder", "EISDIR", (f) => f.rename(at("file"), at("empty"))],
    ["rename a folder over a file", "ENOTDIR", (f) => f.rename(at("empty"), at("file"))],
    ["rename a folder into itself", "EINVAL", (f) => f.rename(at("empty"), at("empty/inside"))],
    ["link over a name that is taken", "EEXIST", (f) => f.link(at("file"), at("full/file"))],
    ["link what is not there", "ENOENT", (f) => f.link(at("none"), at("second"))],
    ["link a folder", "EPERM", (f) => f.link(at("empty"), at("second"))],
    ["link symbolically over a name that is taken", "EEXIST", (f) => f.symlink("empty", at("full/file"))],
    ["copy what is not there", "ENOENT", (f) => f.copy(at("none"), at("copy"), mode)],
    ["copy over a file", "EEXIST", (f) => f.copy(at("file"), at("full/file"), mode)],
    ["remove what is not there", "ENOENT", (f) => f.remove(at("none"))],
    ["remove a folder as a file", "EISDIR", (f) => f.remove(at("empty"))],
    ["make a folder where a file is", "EEXIST", (f) => f.makeFolder(at("file"), 0o700)],
    ["make a folder below a file", "ENOTDIR", (f) => f.makeFolder(at("file/below"), 0o700)],
    ["remove a folder that is not there", "ENOENT", (f) => f.removeFolder(at("none"))],
    ["remove a folder that is not empty", "ENOTEMPTY", (f) => f.removeFolder(at("full"))],
    ["remove a file as a folder", "ENOTDIR", (f) => f.removeFolder(at("file"))],
    ["list what is not there", "ENOENT", (f) => f.list(at("none"))],
    ["list a file", "ENOTDIR", (f) => f.list(at("file"))],
    ["stat what is not there", "ENOENT", (f) => f.stat(at("none"))],
    ["read a link that is none", "EINVAL", (f) => f.readLink(at("file"))],
    ["read a link that is not there", "ENOENT", (f) => f.readLink(at("none"))],
  ];

  test.each(refusals)("refuses to %s with %s and changes nothing", (_what, expected, act) => {
    folder("empty");
    folder("full");
    put("file");
    put("full/file", "kept");
    const outcome = act(files);
    expect(code(outcome)).toBe(expected);
    expect(!outcome.ok && outcome.error.message).toMatch(new RegExp(`^${expected}: `));
    expect([names(), names("full"), names("empty")]).toEqual([["empty", "file", "full"], ["file"], []]);
    expect([text("file"), text("full/file")]).toEqual(["text", "kept"]);
  });
});
