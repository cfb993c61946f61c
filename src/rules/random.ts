/** Random numbers that follow from a seed. Pure. */

/** Numbers from 0 to 1 (exclusive): Tommy Ettinger's generator of 32 bits of state. Different lists of seeds give independent ones. */
export function random(...seeds: readonly number[]): () => number {
  let state = seeds.length === 1 ? (seeds[0] ?? 0) >>> 0 : seeds.reduce((mixed, seed) => scrambled((mixed ^ seed) + 0x9e3779b9), 0);
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The finaliser of MurmurHash3 (Appleby). */
function scrambled(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
