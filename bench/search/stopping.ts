/**
 * Compute that a search needs with a rule of early stopping, for the same final quality as without one: random searches, one trial at a time, over
 * recorded learning curves. Where the rule stops the trial that would have been the best, the search goes on to further trials until one that is
 * as good has finished.
 */
import { inRecordedOrder, replay, type RecordedTrial } from '../../src/cli/replay/replayed-search.ts';
import type { StoppingRule } from '../../src/contract/search-space.ts';
import type { Json } from '../../src/contract/values.ts';
import { shuffled } from './shuffled.ts';

export type Tables = Readonly<Record<string, readonly { readonly parameters: Record<string, Json>; readonly curve: readonly number[] }[]>>;

interface Compute {
  /** Epochs with the rule for each epoch without. */
  readonly ratio: number;
  /** Searches that found as good a model only after more trials, or not at all. */
  readonly longer: number;
  readonly missed: number;
  readonly searches: number;
}

const OBJECTIVE = { metric: 'accuracy', goal: 'maximize' } as const;

/** @param trials of a search without the rule; the tables hold more */
export async function measureStopping(tables: Tables, rules: readonly StoppingRule[], trials: number, seeds: number): Promise<Compute> {
  const total = { with: 0, without: 0, longer: 0, missed: 0 };
  for (const table of Object.values(tables)) {
    for (let seed = 1; seed <= seeds; seed++) {
      const order = shuffled(table.map(recorded), seed);
      const wanted = Math.max(...order.slice(0, trials).map(({ objective }) => objective ?? 0));
      total.without += order.slice(0, trials).reduce((sum, { seconds }) => sum + seconds, 0);
      const ended = await replay(
        { study: `bench-${seed}`, objective: OBJECTIVE, parallel: 1, trials: order },
        rules,
        inRecordedOrder(order),
      );
      const found = ended.findIndex(({ status, objective }) => status === 'succeeded' && (objective ?? 0) >= wanted);
      if (found === -1) total.missed += 1;
      else if (found >= trials) total.longer += 1;
      const ran = found === -1 ? ended.length : Math.max(trials, found + 1);
      total.with += ended.slice(0, ran).reduce((sum, { seconds }) => sum + seconds, 0);
    }
  }
  return { ratio: total.with / total.without, longer: total.longer, missed: total.missed, searches: Object.keys(tables).length * seeds };
}

/** Share of the searches with the rules of which some trial, stopped or not, is within `tolerance` of the best of the same trials trained to the end. */
export async function measureFound(
  tables: Tables,
  rules: readonly StoppingRule[],
  {
    trials,
    seeds,
    parallel,
    tolerance,
  }: { readonly trials: number; readonly seeds: number; readonly parallel: number; readonly tolerance: number },
): Promise<number> {
  let [found, searches] = [0, 0];
  for (const table of Object.values(tables)) {
    for (let seed = 1; seed <= seeds; seed++) {
      const order = shuffled(table, seed).slice(0, trials);
      const wanted = Math.max(...order.flatMap(({ curve }) => curve));
      const played = order.map(recorded);
      const ended = await replay(
        { study: `bench-${seed}`, objective: OBJECTIVE, parallel, trials: played },
        rules,
        inRecordedOrder(played),
      );
      const best = Math.max(...ended.map(({ trial, points }) => Math.max(0, ...(order[trial]?.curve ?? []).slice(0, points))));
      found += Number(best >= wanted - tolerance * wanted);
      searches += 1;
    }
  }
  return found / searches;
}

/** An epoch is the unit of time and of money. */
function recorded({ parameters, curve }: Tables[string][number], trial: number): RecordedTrial {
  const objective = curve.at(-1) ?? null;
  const points = curve.map((value, i) => ({ seconds: i + 1, cost: i + 1, value, metrics: {} }));
  const epochs = curve.length;
  return { trial, status: 'succeeded', parameters, points, seconds: epochs, cost: epochs, objective, values: [objective], endedAt: trial };
}
