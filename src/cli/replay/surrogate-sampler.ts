/**
 * Another sampler on a recorded search. What it would have tried in a continuous space, and what it would have got there, nobody knows: instead
 * of each of its suggestions the nearest recorded trial runs that did not run yet, and its result is told to the sampler as that of the
 * suggestion. Nearest-neighbour surrogates of recorded searches: Eggensperger et al., Efficient benchmarking of hyperparameter optimizers via
 * surrogates (AAAI 2015); here without replacement, so that no trial is found twice. Pure, apart from the sampler that is asked.
 */
import { canonicalJson } from '../../contract/canonical-json.ts';
import type { AskedTrial, AskInput, AskResult } from '../../contract/sampler.ts';
import type { Objective, Sampler, Space, SpaceParameter } from '../../contract/search-space.ts';
import type { Json } from '../../contract/values.ts';
import type { NextTrial, RecordedTrial, ReplayedTrial } from './replayed-search.ts';

type Parameters = Readonly<Record<string, Json>>;

interface SurrogateOptions {
  readonly study: string;
  readonly space: Space;
  readonly sampler: Sampler;
  readonly objectives: readonly Objective[];
  readonly trials: readonly RecordedTrial[];
  /** Trials that the replay runs at most. */
  readonly count: number;
  readonly ask: (input: AskInput) => Promise<AskResult>;
}

/** Every question is a workflow on the server: a search of a thousand trials asks for ten at a time. */
const MAX_QUESTIONS = 100;

interface SurrogateSampler {
  readonly next: NextTrial;
  /** By number of the recorded trial: how far it is from what the sampler had asked for, 0 = the same, 1 = the other end in every parameter. */
  readonly distances: ReadonlyMap<number, number>;
  /** What `auto` chose. */
  sampler: string;
}

export function surrogateSampler(options: SurrogateOptions): SurrogateSampler {
  const left = new Map(options.trials.map((trial) => [trial.trial, trial]));
  const asked: { readonly parameters: Parameters; readonly asked: number; readonly trial: number }[] = [];
  const waiting: { readonly parameters: Parameters; readonly asked: number }[] = [];
  const distances = new Map<number, number>();
  const atOnce = Math.ceil(options.count / MAX_QUESTIONS);
  const self: SurrogateSampler = {
    distances,
    sampler: options.sampler.kind,
    next: async (ended) => {
      if (left.size === 0 || asked.length >= options.count) return null;
      if (waiting.length === 0) {
        const answer = await options.ask(question(options, asked, ended, Math.min(atOnce, options.count - asked.length)));
        self.sampler = answer.sampler;
        waiting.push(...answer.suggestions.map((parameters) => ({ parameters, asked: ended.length })));
      }
      const suggestion = waiting.shift();
      // A grid that has no further point.
      if (suggestion === undefined) return null;
      const { trial, distance } = nearest(options.space, suggestion.parameters, [...left.values()]);
      left.delete(trial.trial);
      distances.set(trial.trial, distance);
      asked.push({ ...suggestion, trial: trial.trial });
      return trial;
    },
  };
  return self;
}

function question(
  { study, space, sampler, objectives, count: plannedTrials }: SurrogateOptions,
  asked: readonly { readonly parameters: Parameters; readonly asked: number; readonly trial: number }[],
  ended: readonly ReplayedTrial[],
  count: number,
): AskInput {
  const trials = asked.map((suggestion, i): AskedTrial => {
    const told = ended.findIndex(({ trial }) => trial === suggestion.trial);
    const end = ended[told];
    return {
      trial: i,
      parameters: suggestion.parameters,
      suggested: true,
      asked: suggestion.asked,
      told: end ? told : null,
      state: end ? STATES[end.status] : 'running',
      values: end?.values ?? [],
      last: end?.status === 'stopped' && end.points > 0 ? [end.points, end.lastValue] : null,
    };
  });
  return { study, space, sampler, objectives, plannedTrials, trials, warm: [], count };
}

const STATES = { succeeded: 'complete', stopped: 'pruned', failed: 'failed', cancelled: 'failed' } as const;

/** @returns of equally near ones the one that was recorded first */
function nearest(
  space: Space,
  suggestion: Parameters,
  trials: readonly RecordedTrial[],
): { readonly trial: RecordedTrial; readonly distance: number } {
  const [first, ...rest] = trials.map((trial) => ({ trial, distance: distanceOf(space, suggestion, trial.parameters) }));
  if (first === undefined) throw new Error('there is no trial left');
  return rest.reduce((best, one) => (one.distance < best.distance ? one : best), first);
}

/** Mean over the parameters that either has: difference of the places in the range of a number (logarithmic where the space is), 0 or 1 of a category. */
export function distanceOf(space: Space, a: Parameters, b: Parameters): number {
  const differences = Object.entries(space).flatMap(([name, parameter]) => {
    const [left, right] = [a[name], b[name]];
    if (left === undefined && right === undefined) return [];
    return left === undefined || right === undefined ? [1] : [difference(parameter, left, right)];
  });
  return differences.length === 0 ? 0 : differences.reduce((sum, one) => sum + one, 0) / differences.length;
}

function difference(parameter: SpaceParameter, a: Json, b: Json): number {
  if (parameter.type === 'categorical' || typeof a !== 'number' || typeof b !== 'number')
    return canonicalJson(a) === canonicalJson(b) ? 0 : 1;
  const { low, high, log } = parameter;
  const place = (value: number): number => (log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low));
  return high > low ? Math.min(1, Math.abs(place(a) - place(b))) : 0;
}
