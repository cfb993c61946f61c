import { shortHash } from '../../../src/contract/ids.ts';

/** Numbers in [0, 1), the same ones for the same name (mulberry32). */
export function generator(name: string): () => number {
  let state = Number.parseInt(shortHash(name), 16);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
