/** The pattern of Multus for namespaces and networks alike. JavaScript's `$` alone ends at no newline. */
const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

/** Why this cannot name a namespace (a DNS-1123 label); undefined when it can, and a folder then. */
export function namespaceProblem(text: string): string | undefined {
  return problem("The namespace", text, 63);
}

/**
 * Why this cannot name a network (a DNS-1123 subdomain, as any Kubernetes object); undefined when it can, and a file then: no
 * part between dots is empty.
 */
export function definitionNameProblem(text: string): string | undefined {
  return text === "" ? "The network's name is empty." : objectNameProblem("The network's name", text);
}

/** The same of a name in the annotation's short form: its grammar has no dot in a name. */
export function shortNameProblem(text: string): string | undefined {
  const why = problem("The network's name", text, 253);
  if (why === undefined || definitionNameProblem(text) !== undefined) return why;
  return "The network's name has a dot, which the short form does not know; use the JSON form.";
}

/** Why no Kubernetes object can have this name (a DNS-1123 subdomain); undefined when one can. */
export function objectNameProblem(what: string, text: string): string | undefined {
  if (text.length > 253) return `${what} has more than 253 characters.`;
  if (text.split(".").every((part) => label.test(part))) return undefined;
  return `${what} must consist of lower-case letters, digits and '-', and of dots between such parts.`;
}

function problem(what: string, text: string, maxBytes: number): string | undefined {
  if (text === "") return `${what} is empty.`;
  if (text.length > maxBytes) return `${what} has more than ${maxBytes} characters.`;
  if (label.test(text)) return undefined;
  return `${what} must consist of lower-case letters, digits and '-' and begin and end with a letter or digit.`;
}
