import * as fs from "node:fs";
import { describe, expect, test } from "vitest";
import { type Json, type JsonObject, parseJson } from "../../../cni/json.ts";
import { type FieldName, fields, isRight, judgeFields, settingsIn, unknownFields } from "./config-fields.ts";

interface Documented {
  readonly name: string;
  readonly type: string;
  readonly otherwise: string;
}

/** The rows of both tables of fields in docs/configuration.md. A row may have several names. */
function documented(): Documented[] {
  const page = fs.readFileSync(new URL("../../../docs/configuration.md", import.meta.url), "utf8");
  const [, section = ""] = /^## Fields$([\s\S]*?)^## /m.exec(page) ?? [];
  const rows = [...section.matchAll(/^\| ((?:`\w+`(?:, )?)+) \| (.*?) \| (.*?) ?\|/gm)];
  return rows.flatMap(([, names = "", type = "", otherwise = ""]) =>
    [...names.matchAll(/\w+/g)].map(([name]) => ({ name, type, otherwise })),
  );
}

const rows = documented();

test("docs/configuration.md has a row for each field, and none beside", () => {
  expect(rows.map(({ name }) => name).sort()).toEqual(Object.keys(fields).sort());
});

/** A number that JavaScript cannot hold exactly. The parser makes an object of it, which no field may take for an object. */
const exact = parseJson("1.0");
const exactNumber = exact.ok ? exact.value : null;
const path = (beginning: string) => ({
  right: ["", "/", "/etc/x"],
  wrong: [
    ...[1, null, ["/etc"]].map((value): [Json, string] => [value, `must be ${beginning}, as text`]),
    ...["etc", "./etc"].map((value): [Json, string] => [value, `must be ${beginning}`]),
  ],
});
interface Kind {
  readonly right: readonly Json[];
  /** Wrong values, each with its error. */
  readonly wrong: readonly [Json, string][];
}
const not = (message: string, ...values: Json[]): [Json, string][] => values.map((each) => [each, message]);
const mustBeRules = expect.stringMatching(/^must be an object of ips, mac, .*, each "allow" or "deny"/);

/** Kinds by the words in the documentation's column "Type". */
const kinds: Readonly<Record<string, Kind>> = {
  any: { right: [null, 0, "", [], {}, exactNumber], wrong: [] },
  text: { right: ["", "a"], wrong: not("must be text", 1, null, true, ["a"], {}, exactNumber) },
  duration: { right: ["90s", ""], wrong: not('must be text like "90s"', 90, null, exactNumber) },
  boolean: { right: [true, false], wrong: not("must be true or false", "true", 1, null, []) },
  object: { right: [{}, { a: 1 }], wrong: not("must be an object", "x", 1, [], exactNumber) },
  "object of booleans": {
    right: [{}, { a: true, b: false }],
    wrong: not("must be an object of names, each true or false", { a: 1 }, null, [], "a", exactNumber),
  },
  "absolute path": path("an absolute path"),
  "absolute path, `in-cluster` or empty text": path('"in-cluster" or an absolute path'),
};

/** Values that are right or wrong for one field only. */
const more: Readonly<Partial<Record<FieldName, Partial<Kind>>>> = {
  delegate: { wrong: not("must be an object", null) },
  runtimeConfig: { right: [null] },
  prevResult: { right: [null] },
  kubeconfig: { right: ["in-cluster"] },
};

function kindOfRow({ name, type }: Documented): Kind | undefined {
  if (name === "requests") return { right: [{ ips: "deny" }], wrong: [[{ ip: "deny" }, mustBeRules]] };
  const words = [...type.matchAll(/`([\w-]+)`/g)].map(([, word = ""]) => word);
  if (!type.startsWith("`")) return kinds[type];
  const must = `must be ${type.replaceAll("`", '"')}`;
  return { right: words, wrong: not(must, "", "x", null, true, [words[0] ?? ""]) };
}

const texts: Kind = {
  right: [[], ["a"], ["a", "b"]],
  wrong: not("must be a list of texts", "a", null, {}, 1, exactNumber),
};

describe.each(rows)("$name ($type)", (row) => {
  const name = row.name as FieldName;
  const kind = row.type === "list of texts" ? texts : kindOfRow(row);

  test("takes the values of its documented type", () => {
    const right = [...(kind?.right ?? []), ...(more[name]?.right ?? [])];
    expect(right.length).toBeGreaterThan(0);
    for (const value of right) {
      expect(judgeFields({ [name]: value }).problems, JSON.stringify(value)).toEqual([]);
      expect(isRight(name, value)).toBe(true);
    }
  });

  test("says what is wrong with other values", () => {
    for (const [value, why] of [...(kind?.wrong ?? []), ...(more[name]?.wrong ?? [])]) {
      expect(judgeFields({ [name]: value }).problems, JSON.stringify(value)).toEqual([{ place: name, why }]);
      expect(isRight(name, value)).toBe(false);
    }
  });
});

test.each(rows.filter(({ type }) => type === "list of texts"))(
  "$name: entries that are wrong are told, and the others taken",
  ({ name }) => {
    expect(judgeFields({ [name]: ["a", 1, "b", null] }).problems).toEqual([
      { place: `${name}.1`, why: "must be text" },
      { place: `${name}.3`, why: "must be text" },
    ]);
    expect(settingsIn({ [name]: ["a", 1, "b"] })).toMatchObject({ [name]: ["a", "b"] });
  },
);

test.each(Object.entries(settingsIn({})))("%s has its documented default: %j", (name, otherwise) => {
  const row = rows.find((each) => each.name === name);
  expect(row?.otherwise.replace(/^see .*|^none$/, "")).toBe(shown(name, otherwise));
});

function shown(name: string, otherwise: unknown): string {
  if (name === "result") return "`merged`; when chained `primary`";
  if (otherwise === undefined || otherwise === "" || name === "runtimeConfig" || name === "requests")
    return "";
  return `\`${typeof otherwise === "string" ? otherwise : JSON.stringify(otherwise)}\``;
}

describe("the fields together", () => {
  test("have their problems told in the order of the table", () => {
    const raw: JsonObject = { timeout: 1, parallel: "yes", networks: 1, name: "n", type: "hawser" };
    expect(judgeFields(raw).problems.map(({ place }) => place)).toEqual(["networks", "parallel", "timeout"]);
  });

  test("report unknown fields in their own order, except keys of others", () => {
    const raw: JsonObject = { network: 1, name: "n", "cni.dev/attachments": [], toString: 1 };
    expect(unknownFields(raw)).toEqual(["network", "toString"]);
    expect(unknownFields(JSON.parse('{"__proto__": 1}'))).toEqual(["__proto__"]);
  });

  test("have the dialect's default if they are missing or wrong", () => {
    const dialect = { status: "off", opaqueTypes: ["*"], binDir: "/opt/cni/bin" } as const;
    expect(settingsIn({ binDir: "" }, dialect)).toMatchObject(dialect);
    expect(settingsIn({ status: "on", opaqueTypes: "a", binDir: 7 }, dialect)).toMatchObject(dialect);
    const said = { status: "required", opaqueTypes: [], binDir: "/b" };
    expect(settingsIn(said, dialect)).toMatchObject(said);
  });

  test("keep a relative path although it is wrong: a DEL looks there", () => {
    expect(settingsIn({ stateDir: "state" }).stateDir).toBe("state");
  });
});
