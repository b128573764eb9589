import { readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * The shapes of the objects that tests use, cut out of the OpenAPI document of a kube-apiserver 1.34 (and of the
 * CustomResourceDefinition of network definitions). `object` stands for a shape that was cut away, and allows anything.
 */
const shapes: Readonly<Record<string, Shape>> = JSON.parse(
  readFileSync(join(import.meta.dirname, "testdata/kubernetes.json"), "utf8"),
);

interface Shape {
  readonly $ref?: string;
  readonly type?: string;
  readonly format?: string;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly additionalProperties?: Shape;
  readonly items?: Shape;
}

/** The problems for which an API server would refuse the object, each with its path. */
export function shapeProblems(kind: string, value: unknown): string[] {
  const shape = shapes[kind];
  return shape === undefined ? [`${kind} is not known`] : problemsOf(shape, value, kind);
}

function problemsOf(shape: Shape, value: unknown, path: string): string[] {
  if (shape.$ref !== undefined) return problemsOf(shapes[shape.$ref] ?? {}, value, path);
  if (shape.type === undefined) return [];
  if (typeOf(value) !== shape.type) return [`${path}: ${typeOf(value)}, not ${shape.type}`];
  if (shape.format === "date-time" && Number.isNaN(Date.parse(String(value)))) return [`${path}: no date`];
  if (shape.type === "array") {
    return (value as unknown[]).flatMap((each, index) =>
      problemsOf(shape.items ?? {}, each, `${path}[${index}]`),
    );
  }
  return shape.type === "object" ? fieldProblems(shape, value as Record<string, unknown>, path) : [];
}

function fieldProblems(
  { properties, additionalProperties, required = [] }: Shape,
  value: Readonly<Record<string, unknown>>,
  path: string,
): string[] {
  const missing = required.filter((key) => value[key] === undefined);
  const wrong = Object.entries(value).flatMap(([key, each]) => {
    const shape = properties?.[key] ?? additionalProperties;
    if (shape !== undefined) return problemsOf(shape, each, `${path}.${key}`);
    return properties === undefined ? [] : [`${path}.${key}: unknown`];
  });
  return [...missing.map((key) => `${path}.${key}: missing`), ...wrong];
}

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return value === null ? "null" : typeof value;
}
