/** Prints milliseconds since 1970 as `2026-08-01 12:00:00Z`. */
export function printTime(ms: number): string {
  const date = new Date(ms);
  if (Number.isNaN(date.getTime())) return "?";
  return date.toISOString().replace("T", " ").replace(/\.\d+/, "");
}
