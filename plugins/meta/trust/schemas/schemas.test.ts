import { describe, expect, test } from "vitest";
import { foldedTwins } from "../../../../cni/fold.ts";
import type { Schema } from "../schema.ts";
import sources from "../testdata/go-fields.json" with { type: "json" };
import { legal, needed, readAs } from "./corpus-testing.ts";
import { schemaOf, typesWithSchema } from "./index.ts";
import { ofAnother } from "./readers.ts";

interface Source {
  readonly fields: readonly string[];
  readonly also?: Readonly<Record<string, string>>;
}

const parts = ["plugin", "ipam"] as const;

describe("every field of the plugins' own sources is decided", () => {
  test.each(
    parts.flatMap((part) =>
      Object.entries<Source>(sources[part]).map(([type, source]) => ({ part, type, source })),
    ),
  )("$part $type", ({ part, type, source }) => {
    const known = ownFields(schemaOf(type, part)).sort();
    expect(known).toEqual([...source.fields, ...Object.keys(source.also ?? {})].sort());
  });

  test("of every type, and of no other", () => {
    for (const part of parts) expect(typesWithSchema(part).sort()).toEqual(Object.keys(sources[part]).sort());
  });
});

/** The fields of a schema, except those that a tenant may write but plugins are never given. */
function ownFields(schema: Schema | undefined): string[] {
  return Object.entries(schema?.fields ?? {}).flatMap(([key, reader]) => (reader === ofAnother ? [] : [key]));
}

describe("legal values are handed on as they are", () => {
  const cases = Object.entries(legal).flatMap(([type, fields]) =>
    Object.entries(fields).flatMap(([field, values]) => values.map((value) => ({ type, field, value }))),
  );
  test.each(cases)("$type $field $value", ({ type, field, value }) => {
    const read = readAs(type, { ...needed(type), [field]: value });
    expect(read).toEqual({ handedOn: { ...needed(type), [field]: value }, problems: [], leftOut: [] });
  });

  test.each(cases)("and $type without $field, as null", ({ type, field }) => {
    const others = Object.entries(needed(type)).filter(([key]) => key !== field);
    const isNeeded = Object.hasOwn(needed(type), field);
    const read = readAs(type, { ...needed(type), [field]: null });
    expect(read.handedOn).toEqual(Object.fromEntries(others));
    expect(read.problems.length > 0).toBe(isNeeded);
  });
});

describe("what is the operator's in whatever value, or is left out", () => {
  const operators = {
    "host-device": ["kernelpath"],
    macvtap: ["deviceID"],
    rdma: ["deviceID"],
    coordinator: ["hostRPFilter", "hostRuleTable"],
    "ipam:hawser-flat": ["node", "journalDir", "notReadyWhen"],
    "ipam:whereabouts": [
      ...["etcd_host", "etcd_username", "etcd_password"],
      ...["etcd_key_file", "etcd_cert_file", "etcd_ca_cert_file"],
    ],
  };
  const left = {
    sriov: ["logLevel", "logFile"],
    "ipam:nv-ipam": ["logLevel", "logFile"],
    coordinator: ["logOptions"],
    "ovn-k8s-cni-overlay": [
      ...["logFile", "logLevel", "logfile-maxsize", "logfile-maxbackups", "logfile-maxage"],
    ],
    "ipam:whereabouts": [
      "log_file",
      "log_level",
      "reconciler_cron_expression",
      "sleep_for_race",
      "fast_ipam",
    ],
    "ipam:spiderpool": [
      ...["log_level", "log_file_path"],
      ...["log_file_max_size", "log_file_max_age", "log_file_max_count"],
    ],
  };
  const each = (table: Readonly<Record<string, readonly string[]>>) =>
    Object.entries(table).flatMap(([type, fields]) => fields.map((field) => [type, field] as const));

  test.each(each(operators))("%s %s is refused", (type, field) => {
    for (const value of ["", "x", "/etc/shadow", 0, {}]) {
      const { problems } = readAs(type, { ...needed(type), [field]: value });
      expect(problems).toEqual([expect.stringMatching(`^${field} is the operator's alone`)]);
    }
  });

  test.each(each(left))("%s %s is left out, and said so", (type, field) => {
    const read = readAs(type, { ...needed(type), [field]: "/etc/cron.d/x" });
    expect(read).toEqual({
      handedOn: needed(type),
      problems: [],
      leftOut: [expect.stringMatching(`^${field}: `)],
    });
  });

  test("so is what belongs to another plugin, unless this one would take it for its own", () => {
    const { handedOn, problems, leftOut } = readAs("macvlan", { master: "eth0", vlan: 5, isGateway: true });
    expect({ handedOn, problems }).toEqual({ handedOn: { master: "eth0" }, problems: [] });
    expect(leftOut).toEqual([
      "vlan: its plugin has no such field",
      "isGateway: its plugin has no such field",
    ]);
    expect(readAs("vlan", { vlanID: 5 }).problems).toEqual(['vlanID is written "vlanId"']);
  });

  test("no two fields of a plugin are one for Go", () => {
    for (const part of parts)
      for (const type of typesWithSchema(part)) {
        const fields = Object.keys(schemaOf(type, part)?.fields ?? {});
        expect(foldedTwins(Object.fromEntries(fields.map((key) => [key, 1])), [])).toEqual([]);
      }
  });

  test("no field is without a word", () => {
    const said = [legal, operators, left].flatMap((table) =>
      Object.entries<object>(table).flatMap(([type, fields]) =>
        (Array.isArray(fields) ? fields : Object.keys(fields)).map((field: string) => `${type} ${field}`),
      ),
    );
    const known = parts.flatMap((part) =>
      typesWithSchema(part).flatMap((type) =>
        ownFields(schemaOf(type, part)).map((field) => `${part === "ipam" ? "ipam:" : ""}${type} ${field}`),
      ),
    );
    const aliases = /^(cnv-(bridge|tuning)|ipam:hawser-(host-local|static)) /;
    expect(known.filter((field) => !aliases.test(field) && !said.includes(field))).toEqual([]);
  });
});
