/** Random sets of a search space, to see whether constraints leave anything of it. Pure: the same for the same seed. */
import type { Space, SpaceParameter } from '../contract/search-space.ts';
import type { Json } from '../contract/values.ts';
import { random } from './random.ts';
import { isActive } from './space-problems.ts';

export function* drawnSets(space: Space, count: number, seed = 1): Generator<Record<string, Json>> {
  const next = random(seed);
  for (let i = 0; i < count; i++) {
    yield activeSet(space, (_name, parameter) => drawn(parameter, next));
  }
}

/** A value for each parameter whose conditions hold, and none for the others. */
export function activeSet(space: Space, valueOf: (name: string, parameter: SpaceParameter) => Json): Record<string, Json> {
  const all = Object.fromEntries(Object.entries(space).map(([name, parameter]) => [name, valueOf(name, parameter)]));
  return Object.fromEntries(Object.entries(all).filter(([name]) => isActive(space, name, all)));
}

/** A value of its range, as likely as any other, logarithmic where the range is. */
export function drawn(parameter: SpaceParameter, next: () => number): Json {
  if (parameter.type === 'categorical') return parameter.choices[Math.floor(next() * parameter.choices.length)] ?? null;
  const { low, high, log, step = parameter.type === 'int' ? 1 : undefined } = parameter;
  if (log) {
    const value = Math.exp(Math.log(low) + next() * (Math.log(high) - Math.log(low)));
    return Math.min(high, Math.max(low, parameter.type === 'int' ? Math.round(value) : value));
  }
  if (step === undefined) return low + next() * (high - low);
  return low + Math.floor(next() * (Math.floor((high - low) / step + 1e-9) + 1)) * step;
}
