import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Crash, createFake, type Fake } from "../sys/fake.ts";
import { crashPoints } from "../sys/fake-crashes.ts";
import type { Loss } from "../sys/fake-files.ts";
import { must } from "../sys/outcome-testing.ts";
import type { Sys } from "../sys/sys.ts";
import {
  type AttachmentKey,
  forget,
  list,
  load,
  save,
  setAside,
  setLeftOver,
  sweepTemporary,
} from "./attachments.ts";
import { describe as tell } from "./errors.ts";
import { isObject, type JsonObject, parseJson, printJson } from "./json.ts";

const stateDir = "/var/lib/cni/hawser";
const key: AttachmentKey = { network: "pod-network", containerId: "c1", ifname: "eth0" };
const path = `${stateDir}/pod-network/c1@eth0.json`;

function document(text: string): JsonObject {
  const json = parseJson(text);
  if (!json.ok || !isObject(json.value)) throw new Error(`not an object: ${text}`);
  return json.value;
}

const begun = document('{"phase":"begun","steps":[{"ifname":"net1"}]}');
const committed = document('{"phase":"committed","steps":[{"ifname":"net1","mac":"02:00:00:00:00:01"}]}');

/** The record's text under the key, or the kind of its absence. */
function found(sys: Sys, of = key): string {
  const loaded = load(sys, stateDir, of);
  return loaded.kind === "record" ? printJson(loaded.record) : loaded.kind;
}

function saved(record: JsonObject, of = key): Fake {
  const fake = createFake();
  expect(save(fake.sys, stateDir, of, record, "begin").ok).toBe(true);
  return fake;
}

function text(fake: Fake): string {
  const read = fake.machine.disk.read(path);
  return read.ok ? read.value : "";
}

function overwrite(fake: Fake, content: string): void {
  fake.machine.disk.write(path, content, { mode: 0o600 });
}

describe("a record", () => {
  test("comes back as it was saved, digit for digit", () => {
    const record = document(
      '{"big":12345678901234567890,"float":1.0,"huge":1e400,"text":"\\u00e4\\ud83d","list":[-0]}',
    );
    const fake = saved(record);
    expect(found(fake.sys)).toBe(printJson(record));
    expect(found(fake.sys)).toContain('"big":12345678901234567890,"float":1.0,"huge":1e400');
  });

  test("lies as one JSON document with a checksum, readable by root alone", () => {
    const fake = saved(begun);
    expect(text(fake)).toMatch(/^\{"checksum":"[0-9a-f]{8}","record":\{"phase":"begun".*\}\}\n$/);
    expect(parseJson(text(fake))).toMatchObject({ ok: true, value: { record: begun } });
    const modes = [path, `${stateDir}/pod-network`].map((at) => fake.machine.disk.stat(at));
    expect(modes).toMatchObject([{ value: { mode: 0o600 } }, { value: { mode: 0o700 } }]);
  });

  test("leaves no temporary file, and costs three effects to begin, two to commit, one to forget", () => {
    const fake = saved(begun);
    const first = fake.effects().length;
    save(fake.sys, stateDir, { ...key, ifname: "eth1" }, begun, "begin");
    const second = fake.effects().length;
    save(fake.sys, stateDir, key, committed, "commit");
    const third = fake.effects().length;
    forget(fake.sys, stateDir, key);
    expect([second - first, third - second, fake.effects().length - third]).toEqual([3, 2, 1]);
    expect(fake.machine.disk.list(`${stateDir}/pod-network`)).toEqual({ ok: true, value: ["c1@eth1.json"] });
  });

  test("is none before it is saved and after it is forgotten, which may be done twice", () => {
    const fake = createFake();
    expect(found(fake.sys)).toBe("none");
    expect(forget(fake.sys, stateDir, key).ok).toBe(true);
    save(fake.sys, stateDir, key, begun, "begin");
    expect(forget(fake.sys, stateDir, key).ok).toBe(true);
    expect(forget(fake.sys, stateDir, key).ok).toBe(true);
    expect(found(fake.sys)).toBe("none");
  });

  test.each([
    ["network", { network: ".." }],
    ["network", { network: ".locks" }],
    ["container ID", { containerId: "../c" }],
    ["container ID", { containerId: "a@b" }],
    ["interface", { ifname: "a/b" }],
    ["interface", { ifname: "" }],
  ])("is never looked for under an unchecked %s: %o", (_what, change) => {
    const { sys, effects } = createFake();
    expect(() => save(sys, stateDir, { ...key, ...change }, begun, "begin")).toThrow(
      /no attachment has the key/,
    );
    expect(() => load(sys, stateDir, { ...key, ...change })).toThrow(/no attachment has the key/);
    expect(effects()).toEqual([]);
  });
});

describe("stopped at any effect", () => {
  const operations: [string, (sys: Sys) => void, string[]][] = [
    ["begin", (sys) => void save(sys, stateDir, key, begun, "begin"), ["none", printJson(begun)]],
    [
      "commit",
      (sys) => void save(sys, stateDir, key, committed, "commit"),
      [printJson(begun), printJson(committed)],
    ],
    ["forget", (sys) => void forget(sys, stateDir, key), [printJson(committed), "none"]],
  ];
  const losses: Loss[] = ["nothing", "unsynced", "some"];
  const cases = operations.flatMap(([name, , expected], index) =>
    losses.flatMap((lose) => crashPoints.map((point) => ({ name, lose, point, expected, index }))),
  );

  test.each(cases)(
    "$point an effect of $name, losing $lose: old or new, never another",
    ({ lose, point, expected, index }) => {
      const operation = operations[index]?.[1] ?? (() => {});
      const prepare = (seed: number): Fake => {
        const fake = createFake({ seed });
        for (const [, before] of operations.slice(0, index)) before(fake.sys);
        // The earlier operations are long ago, so the disk has synced them.
        if (index > 0) fake.machine.disk.syncFolder(`${stateDir}/pod-network`);
        return fake;
      };
      const probe = prepare(1);
      const start = probe.effects().length;
      operation(probe.sys);
      const end = probe.effects().length;
      expect(end).toBeGreaterThan(start);
      for (let effect = start; effect < end; effect++) {
        const fake = prepare(effect);
        fake.crashAt(effect, point);
        expect(() => operation(fake.sys)).toThrow(Crash);
        fake.machine.crash({ lose });
        const { sys } = fake.machine.spawn();
        expect(expected, `effect ${probe.effects()[effect]}`).toContain(found(sys));
        sweepTemporary(sys, stateDir);
        expect(fake.machine.disk.paths().filter((each) => each.endsWith(".tmp"))).toEqual([]);
      }
    },
  );

  test("begin, once it has answered, survives a power loss", () => {
    const first = saved(begun);
    const second = saved(begun, { ...key, containerId: "c0" });
    save(second.sys, stateDir, key, begun, "begin");
    for (const fake of [first, second]) {
      fake.machine.crash({ lose: "unsynced" });
      expect(found(fake.machine.spawn().sys)).toBe(printJson(begun));
    }
  });

  test("begin survives it even where the lock made the state folder, unsynced", () => {
    const fake = createFake();
    fake.sys.files.makeFolder(`${stateDir}/.locks`, 0o700);
    save(fake.sys, stateDir, key, begun, "begin");
    fake.machine.crash({ lose: "unsynced" });
    expect(found(fake.machine.spawn().sys)).toBe(printJson(begun));
  });

  test("commit, whatever a power loss takes, leaves begun or committed", () => {
    for (let seed = 0; seed < 30; seed++) {
      const fake = createFake({ seed });
      save(fake.sys, stateDir, key, begun, "begin");
      save(fake.sys, stateDir, key, committed, "commit");
      fake.machine.crash({ lose: "some" });
      expect([printJson(begun), printJson(committed)]).toContain(found(fake.machine.spawn().sys));
    }
  });
});

describe("an effect that fails", () => {
  test.each(["ENOSPC", "EIO", "EROFS", "EACCES"])(
    "with %s: the error says so, and no other record is found",
    (code) => {
      const probe = saved(begun);
      const first = probe.effects().length;
      save(probe.sys, stateDir, key, committed, "commit");
      for (let effect = 0; effect < probe.effects().length; effect++) {
        // Syncing the folders above is a courtesy to a power loss, not a condition.
        const isParent = /^syncFolder .*(?<!pod-network)$/.test(probe.effects()[effect] ?? "");
        const fake = createFake();
        fake.failAt(effect, code);
        const outcomes = [
          save(fake.sys, stateDir, key, begun, "begin"),
          ...(effect < first ? [] : [save(fake.sys, stateDir, key, committed, "commit")]),
        ];
        const failed = outcomes.find((each) => !each.ok);
        expect(failed === undefined, probe.effects()[effect]).toBe(isParent);
        if (failed !== undefined && !failed.ok) {
          expect(failed.error).toMatchObject({
            code: 104,
            id: "records.write",
            msg: `write record ${path}: ${code}`,
          });
          expect(failed.error.details).toMatch(/(disk|folder)/i);
        }
        expect(["none", printJson(begun)]).toContain(found(fake.sys));
        expect(fake.machine.disk.paths().filter((each) => each.endsWith(".tmp"))).toEqual([]);
      }
    },
  );

  test("to remove a record is told", () => {
    const fake = saved(begun);
    fake.failAt(fake.effects().length, "EIO");
    const outcome = forget(fake.sys, stateDir, key);
    expect(!outcome.ok && tell(outcome.error)).toMatch(/^remove record .*: EIO;.*The disk fails/);
    expect(!outcome.ok && outcome.error.id).toBe("records.remove");
  });

  test("stays on a disk that has become read-only: DEL has nothing left to do, and says so", () => {
    const fake = saved(begun);
    fake.failAt(fake.effects().length, "EROFS");
    expect(forget(fake.sys, stateDir, key).ok).toBe(true);
    expect(fake.warnings).toEqual([expect.stringContaining(`${path} stays`)]);
    expect(load(fake.sys, stateDir, key).kind).toBe("record");
  });

  test("that is not there is nothing to speak of on a read-only disk, which refuses every name", () => {
    const fake = createFake();
    fake.failAt(0, "EROFS");
    expect(forget(fake.sys, stateDir, key).ok).toBe(true);
    expect(fake.warnings).toEqual([]);
  });

  test("twice leaves a temporary file that the next save of this process replaces", () => {
    const fake = saved(begun);
    const next = fake.effects().length;
    fake.failAt(next + 1, "EIO");
    fake.failAt(next + 2, "EIO");
    expect(save(fake.sys, stateDir, key, committed, "commit").ok).toBe(false);
    expect(fake.machine.disk.paths().filter((each) => each.endsWith(".tmp")).length).toBe(1);
    expect(save(fake.sys, stateDir, key, committed, "commit").ok).toBe(true);
    expect(found(fake.sys)).toBe(printJson(committed));
  });
});

describe("a torn record", () => {
  const damages: [string, (text: string) => string][] = [
    ["empty", () => ""],
    ["zeroed", (whole) => "\0".repeat(whole.length)],
    ["cut in the middle", (whole) => whole.slice(0, whole.length / 2)],
    ["without its last byte", (whole) => whole.slice(0, -1)],
    ["with a byte more", (whole) => `${whole} `],
    ["with another's body", (whole) => whole.replace("net1", "net2")],
    ["with a checksum in capitals", (whole) => whole.replace(/[0-9a-f]{8}/, "ABCDEFAB")],
    ["not ours", () => '{"cniVersion":"1.1.0"}\n'],
  ];
  test.each(damages)("%s is moved aside once and reported", (_what, damage) => {
    const fake = saved(begun);
    overwrite(fake, damage(text(fake)));
    const content = text(fake);
    const torn = { kind: "torn", path, why: expect.stringMatching(/^it(s| is) /) };
    expect(load(fake.sys, stateDir, key)).toEqual(torn);
    expect(text(fake)).toBe(content);
    const aside = `${path}.torn-${fake.sys.clock.nowMs()}`;
    expect(setAside(fake.sys, stateDir, key)).toEqual({ ok: true, value: aside });
    expect(load(fake.sys, stateDir, key)).toEqual({ kind: "none" });
    expect(fake.machine.disk.read(aside)).toEqual({ ok: true, value: content });
  });

  test.each(["[1]", "null", "1", "{"])("whose checksum is right but which is %s is torn", (body) => {
    const fake = saved(begun);
    let hash = 0x811c9dc5;
    for (const unit of body) hash = Math.imul(hash ^ unit.charCodeAt(0), 0x01000193);
    const sum = (hash >>> 0).toString(16).padStart(8, "0");
    overwrite(fake, `{"checksum":"${sum}","record":${body}}\n`);
    expect(load(fake.sys, stateDir, key)).toMatchObject({
      kind: "torn",
      why: expect.stringMatching(/^it is not /),
    });
  });

  test("is found at every single bit that flips", () => {
    const fake = saved(document('{"ip":"10.1.0.5/16","name":"\u00e4\u{1f6a2}"}'));
    const bytes = Buffer.from(text(fake), "utf8");
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      overwrite(fake, flipped.toString("utf8"));
      expect(load(fake.sys, stateDir, key).kind, `bit ${bit}`).toBe("torn");
    }
  });

  test("that cannot be moved is told of all the same", () => {
    const fake = saved(begun);
    overwrite(fake, "");
    fake.failAt(fake.effects().length, "EROFS");
    expect(setAside(fake.sys, stateDir, key)).toMatchObject({ ok: false, error: { code: "EROFS" } });
    expect(load(fake.sys, stateDir, key)).toMatchObject({ kind: "torn", path });
  });

  test.each(["EIO", "EMFILE", "EACCES", "ENOMEM"])(
    "is not what the machine does not let us read now (%s): that stays where it is",
    (code) => {
      const fake = saved(begun);
      fake.failReads(path, code);
      expect(load(fake.sys, stateDir, key)).toMatchObject({ kind: "unread", error: { id: "records.read" } });
      expect(fake.machine.disk.read(path)).toMatchObject({ ok: true });
    },
  );
});

describe("the list", () => {
  test("names every network's records, torn ones and those set aside, and nothing else", () => {
    const fake = saved(begun);
    const { sys } = fake;
    const others: AttachmentKey[] = [
      { network: "locks", containerId: "c2", ifname: "a@b" },
      { network: "pod-network", containerId: "c3", ifname: "net1.json" },
      { network: "pod-network", containerId: "c4", ifname: "eth0" },
      { network: "pod-network", containerId: "c5", ifname: "eth0" },
    ];
    for (const other of others) save(sys, stateDir, other, committed, "begin");
    const folder = `${stateDir}/pod-network`;
    for (const name of ["c4@eth0.json", "c5@eth0.json"])
      sys.files.write(`${folder}/${name}`, "{}", { mode: 0o600 });
    setAside(sys, stateDir, { network: "pod-network", containerId: "c5", ifname: "eth0" });
    sys.files.makeFolder(`${stateDir}/.locks/c9@eth0.json`, 0o700);
    for (const name of ["README", "c6.json", "@eth0.json", ".c7@eth0.json.b-1-2.tmp"]) {
      sys.files.write(`${folder}/${name}`, "x", { mode: 0o600 });
    }
    sys.files.write(`${stateDir}/note`, "x", { mode: 0o600 });
    const entries = list(sys, stateDir);
    expect(entries.ok && entries.value.map((entry) => [entry.key, entry.path, entry.state.kind])).toEqual([
      [others[0], `${stateDir}/locks/c2@a@b.json`, "record"],
      [key, path, "record"],
      [others[1], `${folder}/c3@net1.json.json`, "record"],
      [others[2], `${folder}/c4@eth0.json`, "torn"],
      [others[3], `${folder}/c5@eth0.json.torn-${sys.clock.nowMs()}`, "set-aside"],
    ]);
  });

  test("of a node that never had an attachment is empty", () => {
    expect(list(createFake().sys, stateDir)).toEqual({ ok: true, value: [] });
  });

  test.each([stateDir, `${stateDir}/pod-network`])("says why %s cannot be read", (folder) => {
    const fake = saved(begun);
    fake.failReads(folder, "EACCES");
    const entries = list(fake.sys, stateDir);
    expect(entries).toMatchObject({
      ok: false,
      error: { code: 104, id: "records.read", msg: `read the records in ${folder}: EACCES` },
    });
  });

  test("says of what a DEL has given up whether it could be read", () => {
    const fake = saved(begun);
    const left = must(setLeftOver(fake.sys, stateDir, key, committed, "attached"));
    const contents = () => {
      const entries = list(fake.sys, stateDir);
      return entries.ok && entries.value.filter((each) => each.path === left).map(({ state }) => state);
    };
    expect(contents()).toEqual([{ kind: "left-over", content: { kind: "record", record: committed } }]);
    fake.failReads(left, "EIO");
    expect(contents()).toMatchObject([
      { kind: "left-over", content: { kind: "unread", why: expect.stringMatching(/EIO/) } },
    ]);
  });

  test("leaves out what was removed since the folder was read", () => {
    const fake = saved(begun);
    const other = fake.machine.spawn({
      onCall: (call) => {
        if (call === `read ${path}`) fake.machine.disk.remove(path);
      },
    });
    expect(list(other.sys, stateDir)).toEqual({ ok: true, value: [] });
  });
});

test("temporary files of live writers are left, and so is all else", () => {
  const fake = saved(begun);
  const { sys } = fake;
  const folder = `${stateDir}/pod-network`;
  const living = `.c1@eth0.json.${sys.processes.self()}.tmp`;
  const names = [living, ".c1@eth0.json.b0000001-1-1.tmp", ".keep", "c2@eth0.json.torn-5"];
  for (const name of names) sys.files.write(`${folder}/${name}`, "x", { mode: 0o600 });
  sweepTemporary(sys, stateDir);
  const left = fake.machine.disk.list(folder);
  expect(left).toEqual({ ok: true, value: [living, ".keep", "c1@eth0.json", "c2@eth0.json.torn-5"] });
});

test("any object survives, and any two differ on disk", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue()), (value) => {
      // A value as it would come from a configuration: parsed from text.
      const record = document(JSON.stringify(value));
      expect(found(saved(record).sys)).toBe(printJson(record));
    }),
    { numRuns: 200 },
  );
});
