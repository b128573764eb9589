/** Words and documents as a shell takes them, for the lines that reproduce a case by hand. */

export function quote(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./{}-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

export function commandLine(argv: readonly string[]): string {
  return argv.map(quote).join(" ");
}

/** A command with a text on its stdin, byte for byte. */
export function withStdin(command: string, stdin: string): string {
  if (stdin === "") return `${command} </dev/null`;
  return `printf %s ${quote(stdin)} | ${command}`;
}

export function assignments(env: Readonly<Record<string, string>>): string {
  return Object.entries(env)
    .map(([name, value]) => `${name}=${quote(value)}`)
    .join(" ");
}
