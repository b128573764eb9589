/** What an action gives or, where the machine refuses it, something else. */
export function attemptOr<T, U>(action: () => T, otherwise: U): T | U {
  try {
    return action();
  } catch {
    return otherwise;
  }
}
