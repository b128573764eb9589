/**
 * A path or URL without the slashes at its end. It uses no regular expression: `/\/+$/` begins anew at each slash, so
 * that a text of slashes, which a tenant may write, would take time by the square of its length.
 */
export function withoutTrailingSlashes(text: string): string {
  let end = text.length;
  while (end > 0 && text[end - 1] === "/") end--;
  return text.slice(0, end);
}
