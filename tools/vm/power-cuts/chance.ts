/** Numbers that look random and are the same for the same seed. */
export interface Chance {
  /** A whole number from 0 to `end` - 1. */
  below(end: number): number;
}

export function makeChance(seed: number): Chance {
  let state = seed >>> 0;
  // The generator "mulberry32".
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  return { below: (end) => (end < 1 ? 0 : next() % end) };
}
