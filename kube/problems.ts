/** One mistake in what a person wrote. */
export interface Problem {
  /** The error's id. */
  readonly id: string;
  /** Where: `entry 2 ("a@b@c")`. */
  readonly place: string;
  readonly why: string;
}

const shownProblems = 10;
const shownLength = 60;

/** All problems in one line; a million of them are as many as ten. */
export function describeProblems(problems: readonly Problem[]): string {
  const shown = problems.slice(0, shownProblems).map(({ place, why }) => `${place}: ${why}`);
  const rest = problems.length - shown.length;
  return [...shown, ...(rest > 0 ? [`and ${rest} more`] : [])].join("; ");
}

/** Somebody else's text within a message of ours. */
export function quote(text: string): string {
  return JSON.stringify(text.length > shownLength ? `${text.slice(0, shownLength)}...` : text);
}
