import { describe, expect, test } from "vitest";
import type { CaseOutcome, RunOutcome, Verdict } from "../case-outcome.ts";
import { differences, parseLedger, printLedger, recorded, unknownTo } from "../ledger.ts";
import type { Requirement } from "../requirement.ts";
import type { Level } from "../vocabulary.ts";
import { jsonReport } from "./json-report.ts";
import { junitReport } from "./junit-report.ts";
import { scriptOfCase } from "./reproduce.ts";
import { exitCodeOf } from "./summary.ts";
import { progressLine, tableReport } from "./table-report.ts";
import { tapReport } from "./tap-report.ts";

const script = [
  "mkdir -p /t/hwc-1/bin /t/hwc-1/log",
  "ip netns add a",
  "ip netns add b",
  "./plugin",
  "ip netns del b",
];

function requirement(level: Level, id = "P-1a"): Requirement {
  return {
    id,
    level,
    section: "2, ADD",
    sentence: "It must <work> & so on.",
    title: "it works",
    operations: ["ADD"],
    kinds: ["ipam"],
    probe: async () => undefined,
  };
}

function outcome(verdict: Verdict, level: Level = "MUST", more: Partial<CaseOutcome> = {}): CaseOutcome {
  const findings = verdict === "pass" ? [] : ['it says "no"'];
  return {
    requirement: requirement(level),
    version: "1.1.0",
    verdict,
    findings,
    script,
    durationMs: 12,
    ...more,
  };
}

function run(...cases: readonly CaseOutcome[]): RunOutcome {
  return { plugin: "/bin/plugin", profile: "plugin", versions: ["1.1.0"], cases };
}

test.each<[string, readonly CaseOutcome[], number]>([
  ["all passes", [outcome("pass"), outcome("not applicable"), outcome("excluded")], 0],
  ["a MUST fails", [outcome("fail"), outcome("fail", "SHOULD")], 1],
  ["a SHOULD fails", [outcome("fail", "SHOULD"), outcome("blocked")], 3],
  ["an advisory and a MAY fail", [outcome("fail", "advisory"), outcome("fail", "MAY")], 0],
  ["a MUST is blocked", [outcome("blocked")], 5],
  ["a SHOULD is blocked, a MUST untestable", [outcome("blocked", "SHOULD"), outcome("untestable")], 5],
  ["a MUST is untestable", [outcome("untestable"), outcome("pass")], 6],
  ["an advisory is blocked", [outcome("blocked", "advisory")], 0],
])("exit status: %s", (_what, cases, code) => {
  expect(exitCodeOf(run(...cases))).toBe(code);
});

test("a script ends by taking away what it has made and not taken away", () => {
  expect(scriptOfCase(outcome("fail")).slice(-2)).toEqual(["ip netns del a", "rm -r /t/hwc-1"]);
});

describe("reports tell what failed, the sentence, and how to see it", () => {
  const told = run(
    outcome("fail"),
    outcome("pass", "SHOULD"),
    outcome("blocked", "MUST", { version: "0.4.0" }),
  );

  test("table", () => {
    const text = tableReport(told);
    for (const part of [
      "FAIL  P-1a  MUST",
      "It must <work>",
      'it says "no"',
      "./plugin",
      "--only P-1a --versions 1.1.0",
      "BLOCKED  P-1a",
    ]) {
      expect(text).toContain(part);
    }
  });

  test("table of a plugin whose ordinary ADD fails: that comes first", () => {
    const ordinary = outcome("fail", "MUST", { requirement: requirement("MUST", "P-16a") });
    const [, , , advice] = tableReport(run(outcome("fail"), ordinary)).split("\n");
    expect(advice).toContain('Begin with P-16a: at 1.1.0 an ordinary it says "no"');
    expect(tableReport(told)).not.toContain("Begin with");
  });

  test("table of what the kernel cannot do: its reason", () => {
    const findings = ["the kernel makes no link of type vlan"];
    const text = tableReport(run(outcome("untestable", "MUST", { findings })));
    expect(text).toContain("not tried, as the kernel makes no link of type vlan: P-1a");
  });

  test("progress", () => {
    const line = progressLine(outcome("fail"), { done: 7, total: 120 });
    expect(line).toBe("   7/120 fail       P-1a   1.1.0  it works (12 ms)");
  });

  test("JSON", () => {
    const { cases } = JSON.parse(jsonReport(told)) as { cases: Record<string, unknown>[] };
    expect(cases.map(({ verdict }) => verdict)).toEqual(["fail", "pass", "blocked"]);
    expect(cases[0]).toMatchObject({
      id: "P-1a",
      sentence: "It must <work> & so on.",
      reproduce: expect.arrayContaining(["./plugin"]),
    });
  });

  test("JUnit XML", () => {
    const text = junitReport(
      run(
        ...told.cases,
        outcome("fail", "advisory"),
        outcome("excluded", "MUST", { findings: ["\u0000"] }),
        outcome("untestable"),
      ),
    );
    expect(text).toContain('tests="6" failures="1" errors="1" skipped="2"');
    expect(text).toContain('<failure message="it says &quot;no&quot;">It must &lt;work&gt; &amp; so on.');
    expect(text).toContain('<skipped message="?"/>');
  });

  test("TAP", () => {
    const lines = tapReport(
      run(...told.cases, outcome("fail", "advisory"), outcome("not applicable"), outcome("untestable")),
    ).split("\n");
    expect(lines.slice(0, 3)).toEqual(["TAP version 14", "1..6", "not ok 1 - P-1a 1.1.0 MUST it works"]);
    expect(lines).toContain(`not ok 4 - P-1a 1.1.0 advisory it works # ${["TO", "DO"].join("")} advisory`);
    for (const number of [5, 6])
      expect(lines).toContain(`ok ${number} - P-1a 1.1.0 MUST it works # SKIP it says "no"`);
  });
});

describe("the ledger", () => {
  const first = run(outcome("fail"), outcome("pass", "MUST", { version: "0.4.0" }));
  const ledger = recorded(undefined, first);

  test("is read as it was written", () => {
    expect(parseLedger(printLedger(ledger))).toEqual({
      plugin: "plugin",
      outcomes: { "P-1a": { fail: "1.1.0", pass: "0.4.0" } },
    });
  });

  test.each<[string, CaseOutcome, string[]]>([
    ["the same", outcome("fail"), []],
    ["better", outcome("pass"), ["P-1a at 1.1.0: pass, expected fail"]],
    ["worse", outcome("fail", "MUST", { version: "0.4.0" }), ["P-1a at 0.4.0: fail, expected pass"]],
    [
      "new",
      outcome("pass", "MUST", { version: "0.3.1" }),
      ["P-1a at 0.3.1: pass, expected nothing (it is not written down)"],
    ],
  ])("%s", (_what, now, changed) => {
    expect(differences(ledger, run(now))).toEqual(changed);
  });

  test("a kernel that can do less, or more, changes nothing", () => {
    const unable = run(outcome("untestable"), outcome("untestable", "MUST", { version: "1.0.0" }));
    const known = recorded(ledger, unable);
    expect(known.outcomes).toEqual({ "P-1a": { fail: "1.1.0", pass: "0.4.0", untestable: "1.0.0" } });
    const able = run(outcome("fail"), outcome("pass", "MUST", { version: "1.0.0" }));
    expect([differences(known, unable), differences(known, able)]).toEqual([[], []]);
    expect([unknownTo(known, unable), unknownTo(known, able)]).toEqual([0, 1]);
  });

  describe("of a verdict that varies", () => {
    const varying = { ...ledger, varies: { "P-1a": "It loses a race now and then." } };

    test("compares no pass with a fail, and every other verdict", () => {
      expect(differences(varying, run(outcome("pass")))).toEqual([]);
      expect(differences(varying, run(outcome("fail", "MUST", { version: "0.4.0" })))).toEqual([]);
      expect(differences(varying, run(outcome("blocked")))).toEqual([
        "P-1a at 1.1.0: blocked, expected fail",
      ]);
    });

    test("keeps its reason and its verdict when it is recorded again", () => {
      expect(recorded(varying, run(outcome("pass")))).toEqual(varying);
      expect(parseLedger(printLedger(varying))).toEqual(varying);
    });

    test.each([
      ["its varies is no object", []],
      ["it does not say why P-1a varies", { "P-1a": "" }],
      ["P-9z, which varies, has no outcome", { "P-9z": "why" }],
    ])("%s: it is none", (complaint, varies) => {
      expect(parseLedger(JSON.stringify({ ...ledger, varies }))).toBe(complaint);
    });
  });

  test("one version that is tried again leaves the others", () => {
    const again = recorded(ledger, run(outcome("pass")));
    expect(again.outcomes).toEqual({ "P-1a": { pass: "0.4.0 1.1.0" } });
  });

  test("records what was tried; what was not stays", () => {
    const other = outcome("pass", "MUST", { requirement: requirement("MUST", "P-2a") });
    expect(recorded(ledger, run(other)).outcomes).toEqual({
      "P-1a": { fail: "1.1.0", pass: "0.4.0" },
      "P-2a": { pass: "1.1.0" },
    });
  });

  test.each(["{", "[]", "{}"])("%s is none", (text) => {
    expect(typeof parseLedger(text)).toBe("string");
  });
});
