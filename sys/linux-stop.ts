let received: string | undefined;
const listeners = new Set<(signal: string) => void>();
let listening = false;

/** The first signal that asked us to stop. */
export function stopSignal(): string | undefined {
  return received;
}

/** Calls back when we are asked to stop from now on: an undo after a signal still runs. Returns how to stop listening. */
export function onStop(listener: (signal: string) => void): () => void {
  if (!listening) {
    listening = true;
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
      process.on(signal, () => {
        received ??= signal;
        for (const each of listeners) each(signal);
      });
    }
  }
  listeners.add(listener);
  return () => listeners.delete(listener);
}
