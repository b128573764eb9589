/** A JSON object, whose fields nobody has looked at yet. */
export type JsonDocument = { readonly [key: string]: unknown };

export function isObject(value: unknown): value is JsonDocument {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isText(value: unknown): value is string {
  return typeof value === "string";
}

/** Whether it is a whole number that is not negative. */
export function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0;
}

/** The elements of a list; none where the value is missing or is no list. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Whether both are equal as JSON: the order of an object's keys does not count. */
export function isSame(left: unknown, right: unknown): boolean {
  return canonical(left) === canonical(right);
}

export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (!isObject(value)) return JSON.stringify(value) ?? "null";
  const keys = Object.keys(value).filter((key) => value[key] !== undefined);
  return `{${keys
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`)
    .join(",")}}`;
}

/** Lays fields over a configuration; objects are joined, undefined takes a field away. */
export function merge(base: JsonDocument, over: JsonDocument): JsonDocument {
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const below = merged[key];
    if (value === undefined) delete merged[key];
    else merged[key] = isObject(value) && isObject(below) ? merge(below, value) : value;
  }
  return merged;
}

/** The beginning of a text, for one line of a report. */
export function excerpt(value: unknown, length = 160): string {
  const text = (typeof value === "string" ? value : (JSON.stringify(value) ?? "nothing")).trim();
  const line = text.replaceAll(/\s+/g, " ");
  return line.length <= length ? line : `${line.slice(0, length)}...`;
}
