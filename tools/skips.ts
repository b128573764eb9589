/** An entry of tools/skips.json: a test that may be left out where everything is there, and why. */
export interface Excuse {
  /** The file of the test, from the top of the project. */
  readonly file: string;
  /** The test's full name; a `*` stands for any characters. */
  readonly test: string;
  readonly reason: string;
  /** Says on which machines the test is left out. Without it, the test is left out on all. */
  readonly sometimes?: string;
}

/** Reads the list, and throws what is wrong with it: an entry that is misread would excuse too much. */
export function parseExcuses(text: string): Excuse[] {
  const entries: unknown = JSON.parse(text);
  if (!Array.isArray(entries)) throw new Error("tools/skips.json: it is no list");
  return entries.map((entry: unknown, index) => {
    const problem = problemOf(entry);
    if (problem !== undefined) throw new Error(`tools/skips.json, entry ${index}: ${problem}`);
    return entry as Excuse;
  });
}

function problemOf(entry: unknown): string | undefined {
  if (typeof entry !== "object" || entry === null) return "it is no object";
  const fields = Object.entries(entry);
  const unknown = fields.find(([name]) => !["file", "test", "reason", "sometimes"].includes(name));
  if (unknown !== undefined) return `${unknown[0]} is no field of it`;
  const missing = ["file", "test", "reason"].find((name) => !(name in entry));
  if (missing !== undefined) return `${missing} is missing`;
  const bad = fields.find(([, value]) => typeof value !== "string" || value.trim() === "");
  return bad === undefined ? undefined : `${bad[0]} is no text`;
}

export function excuses({ file, test }: Excuse, skipped: { file: string; name: string }): boolean {
  const escaped = test.replace(/[.+?^${}()|[\]\\]/g, "\\$&");
  const pattern = escaped.replaceAll("*", ".*");
  return file === skipped.file && new RegExp(`^${pattern}$`, "s").test(skipped.name);
}
