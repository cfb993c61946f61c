/** Random sets of a search space, to see whether constraints leave anything of it. Pure: the same for the same seed. */
import type { Space, SpaceParameter } from '../contract/search-space.ts';
import type { Json } from '../contract/values.ts';
import { isActive } from './space-problems.ts';

export function* drawnSets(space: Space, count: number, seed = 1): Generator<Record<string, Json>> {
  const next = mulberry32(seed);
  for (let i = 0; i < count; i++) {
    const all = Object.fromEntries(Object.entries(space).map(([name, parameter]) => [name, drawn(parameter, next)]));
    yield Object.fromEntries(Object.entries(all).filter(([name]) => isActive(space, name, all)));
  }
}

function drawn(parameter: SpaceParameter, next: () => number): Json {
  if (parameter.type === 'categorical') return parameter.choices[Math.floor(next() * parameter.choices.length)] ?? null;
  const { low, high, log, step = parameter.type === 'int' ? 1 : undefined } = parameter;
  if (log) {
    const value = Math.exp(Math.log(low) + next() * (Math.log(high) - Math.log(low)));
    return Math.min(high, Math.max(low, parameter.type === 'int' ? Math.round(value) : value));
  }
  if (step === undefined) return low + next() * (high - low);
  return low + Math.floor(next() * (Math.floor((high - low) / step + 1e-9) + 1)) * step;
}

/** Tommy Ettinger's generator of 32 bits of state. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
