/**
 * Hyper-parameters of a fork near to those of its parent. Pure. Jaderberg et al. (arXiv:1711.09846): a number is multiplied by one of two factors, or,
 * with a probability, drawn anew; as in Ray Tune a choice among numbers moves to a neighbour. Values stay within the space.
 */
import type { PopulationScheduler, Space, SpaceParameter } from '../contract/search-space.ts';
import type { Json } from '../contract/values.ts';
import { parseConstraint } from './constraint-expression.ts';
import { random } from './random.ts';
import { activeSet, drawn } from './space-draws.ts';

/** Of the reference trainer: another value makes a model, or an optimizer, that the parent's checkpoint does not fit. */
export const SHAPING = ['hidden_units', 'embedding_size', 'optimizer', 'learning_rate_schedule'];

type Parameters = Readonly<Record<string, Json>>;
type Exploring = Readonly<Pick<PopulationScheduler, 'explore' | 'resample_probability' | 'mutate'>> & {
  readonly perturbation_factors: readonly [number, number];
};

interface Asked {
  readonly space: Space;
  /** Expressions that have to be at most 0. */
  readonly constraints: readonly string[];
  readonly scheduler: Exploring;
  readonly seed: number;
}

/** So many tries to keep to the constraints before the parent's own values are taken. */
const TRIES = 100;

/** Parameters of the space, for a fork of a trial with these. */
export function explored(parent: Parameters, { space, constraints, scheduler, seed }: Asked): Parameters {
  const read = constraints.map((text) => parseConstraint(text));
  for (let i = 0; i < TRIES; i++) {
    const next = random(seed, i);
    const set = activeSet(space, (name, parameter) => {
      const value = parent[name];
      if (value !== undefined && !mutates(scheduler, name)) return value;
      const anew = value === undefined || scheduler.explore !== 'perturb' || next() < scheduler.resample_probability;
      return anew ? drawn(parameter, next) : perturbed(parameter, value, scheduler.perturbation_factors, next);
    });
    if (read.every((constraint) => constraint.holds(set) === true)) return set;
  }
  return parent;
}

/** What the sampler suggests, with those of the parent that are not to be changed. */
export function suggested(parent: Parameters, suggestion: Parameters, { space, scheduler, seed }: Asked): Parameters {
  const next = random(seed);
  return activeSet(space, (name, parameter) => {
    const value = mutates(scheduler, name) ? suggestion[name] : parent[name];
    return value ?? drawn(parameter, next);
  });
}

const mutates = ({ mutate }: Exploring, name: string): boolean => mutate === undefined || mutate.includes(name);

function perturbed(parameter: SpaceParameter, value: Json, factors: readonly [number, number], next: () => number): Json {
  const up = next() < 0.5;
  if (parameter.type === 'categorical') return neighbour(parameter.choices, value, up);
  if (typeof value !== 'number') return value;
  const { low, high, step = parameter.type === 'int' ? 1 : undefined } = parameter;
  const inside = (x: number): number => Math.min(high, Math.max(low, x));
  const moved = value * (up ? factors[1] : factors[0]);
  if (step === undefined || parameter.log) return inside(parameter.type === 'int' ? wholeBeside(value, moved) : moved);
  // At least one step, or a small number would stay for ever.
  const steps = Math.round((moved - value) / step) || Math.sign(moved - value);
  return inside(low + (Math.round((value - low) / step) + steps) * step);
}

const wholeBeside = (value: number, moved: number): number =>
  Math.round(moved) === value ? value + Math.sign(moved - value) : Math.round(moved);

/** Choices that are numbers have an order; the others have none, and stay unless they are drawn anew. */
function neighbour(choices: readonly Json[], value: Json, up: boolean): Json {
  if (!choices.every((choice) => typeof choice === 'number')) return value;
  const ordered = [...choices].sort((a, b) => a - b);
  const at = ordered.findIndex((choice) => choice === value) + (up ? 1 : -1);
  return ordered[Math.min(ordered.length - 1, Math.max(0, at))] ?? value;
}
