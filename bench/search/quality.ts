/** Searches of test functions through the real workflow and the real sampler, beside Optuna called directly and beside random search. */
import { isDeepStrictEqual } from 'node:util';
import { specOf, type SearchHarness } from '../../test/workflow/search-harness.ts';
import { Evaluator, runScript } from './python.ts';

interface QualityOptions {
  readonly sampler: 'tpe';
  readonly trials: number;
  readonly seeds: readonly number[];
  readonly randomSeeds: readonly number[];
}

interface Quality {
  readonly problem: string;
  /** Every trial of every seed has the parameters and the value that Optuna's own loop has. */
  readonly equal: boolean;
  /** Medians over the seeds of the best values; less is better. */
  readonly best: number;
  readonly random: number;
}

interface Told {
  readonly parameters: object;
  readonly value: number;
}
type Direct = Readonly<Record<string, readonly (readonly Told[])[]>>;

export async function measureQuality(harness: SearchHarness, options: QualityOptions): Promise<Quality[]> {
  const { sampler, trials, seeds, randomSeeds } = options;
  const spaces = await runScript<Record<string, object>>('problems.py', ['spaces']);
  const [direct, random] = await Promise.all([
    runScript<Direct>('problems.py', ['direct', sampler, seeds.join(','), trials]),
    runScript<Direct>('problems.py', ['direct', 'random', randomSeeds.join(','), trials]),
  ]);
  const evaluator = new Evaluator();
  harness.reset();
  harness.world.attempt = async ({ trial }) => {
    const objective = await evaluator.value(trial.spec.env.PROBLEM ?? '', trial.parameters);
    return { objective, metrics: { value: objective } };
  };
  try {
    return await Promise.all(
      Object.entries(spaces).map(async ([problem, space]) => {
        const own = await Promise.all(seeds.map((seed) => searched(harness, problem, space, { sampler, trials, seed })));
        return {
          problem,
          equal: isDeepStrictEqual(own, direct[problem]),
          best: median(own.map(bestOf)),
          random: median((random[problem] ?? []).map(bestOf)),
        };
      }),
    );
  } finally {
    await evaluator.stop();
  }
}

/** One trial at a time: only so can the suggestions be the same. */
async function searched(
  harness: SearchHarness,
  problem: string,
  space: object,
  { sampler, trials, seed }: { readonly sampler: string; readonly trials: number; readonly seed: number },
): Promise<Told[]> {
  const search = await harness.search(
    specOf({
      space,
      trials,
      parallel: 1,
      sampler: { kind: sampler, seed },
      objective: { metric: 'value', goal: 'minimize' },
      env: { PROBLEM: problem },
    }),
  );
  await search.result();
  const run = search.workflowId.split('/')[0];
  return harness.world.rows
    .filter((row) => row.run === run)
    .sort((a, b) => Number(a.trial) - Number(b.trial))
    .map((row) => ({ parameters: JSON.parse(String(row.parameters)) as object, value: Number(row.objective) }));
}

const bestOf = (trials: readonly Told[]): number => Math.min(...trials.map(({ value }) => value));

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [a = Number.NaN, b = Number.NaN] = [sorted[middle - 1], sorted[middle]];
  return sorted.length % 2 === 1 ? b : (a + b) / 2;
}
