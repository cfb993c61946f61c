/**
 * What a search will probably cost, and how long it will take, from the trials of earlier runs: a bootstrap (Efron 1979) of the whole search. Each
 * draw takes one earlier run, so that the interval also tells how runs differ, and as many of its trials as are planned, with replacement. Pure.
 */
import type { LedgerRow } from '../contract/ledger.ts';
import { elapsedSeconds, type Used } from '../rules/promise.ts';
import { random } from '../rules/random.ts';
import { REPLICATE } from '../rules/replicates.ts';
import type { SearchSpec } from '../contract/steps.ts';
import { MAX_EARLIER_RUNS, newestFirst } from './earlier-runs.ts';

/** 90 % interval, mean and median. */
export interface Interval {
  readonly low: number;
  readonly expected: number;
  readonly median: number;
  readonly high: number;
}

export interface SearchEstimate {
  readonly step: string;
  readonly trials: number;
  /** Trainings of finalists with other seeds, once all else is over. */
  readonly replicates: number;
  readonly parallel: number;
  /** What it rests on. */
  readonly earlierRuns: number;
  readonly earlierTrials: number;
  readonly cost: Interval;
  readonly machineSeconds: Interval;
  /** From its start to its end, with so many trials at once that always find a machine. */
  readonly elapsedSeconds: Interval;
  /** Objective of its best trial: of as many trials, drawn from one earlier run each time. Null where the earlier ones had another objective. */
  readonly quality: Interval | null;
}

const DRAWS = 1000;
/** The same ledger gives the same estimate. */
const SEED = 1;
const [LOW, HIGH] = [0.05, 0.95];

/**
 * @param trials rows of the ledger of this pipeline
 * @param runs of them, those that ran where this one is to run: other machines have other prices
 * @returns null where no earlier run has a trial of this search
 */
export function estimateSearch(
  step: string,
  spec: Pick<SearchSpec, 'trials' | 'parallel' | 'budget'> & Partial<Pick<SearchSpec, 'objective' | 'replicates'>>,
  trials: readonly LedgerRow<'trials'>[],
  runs: readonly Pick<LedgerRow<'runs'>, 'run' | 'started_at'>[],
): SearchEstimate | null {
  const earlier = earlierRuns(step, trials, runs);
  if (earlier.length === 0) return null;
  const most = spec.budget.trials ?? Number.POSITIVE_INFINITY;
  const planned = Math.min(spec.trials, most);
  const replicates = Math.min(replicatesOf(spec), most - planned);
  const draw = random(SEED);
  const pick = <T>(items: readonly T[]): T | undefined => items[Math.floor(items.length * draw())];
  const some = (count: number, of: readonly Used[]): Used[] => Array.from({ length: count }, () => pick(of) ?? { cost: 0, seconds: 0 });
  const parts = earlier.map((run) => ({ ordinary: run.filter(isOrdinary), whole: wholeOf(run) }));
  const drawn = Array.from({ length: DRAWS }, () => {
    const { ordinary, whole } = pick(parts) ?? { ordinary: [], whole: [] };
    const searched = totalsOf(some(planned, ordinary), spec.parallel);
    return replicates === 0 ? searched : both(searched, totalsOf(some(replicates, whole), spec.parallel));
  });
  return {
    step,
    trials: planned,
    replicates,
    parallel: spec.parallel,
    earlierRuns: earlier.length,
    earlierTrials: parts.reduce((sum, { ordinary }) => sum + ordinary.length, 0),
    cost: intervalOf(drawn.map(({ cost }) => cost)),
    machineSeconds: intervalOf(drawn.map(({ seconds }) => seconds)),
    elapsedSeconds: intervalOf(drawn.map(({ elapsed }) => elapsed)),
    quality: qualityOf(byRun(step, trials, runs, objectiveOf(spec.objective?.metric)), planned, spec.objective?.goal ?? 'maximize'),
  };
}

/** Trainings that come once all trials are over. */
export const replicatesOf = ({ replicates, trials }: Pick<SearchSpec, 'trials'> & Partial<Pick<SearchSpec, 'replicates'>>): number =>
  replicates === undefined ? 0 : replicates.seeds * Math.min(replicates.of, trials);

/** What trials of earlier runs used, and those that trained to their ends; their levels moved apart as a prediction needs. */
export function earlierTrials(
  step: string,
  trials: readonly LedgerRow<'trials'>[],
  runs: readonly Pick<LedgerRow<'runs'>, 'run' | 'started_at'>[],
): { readonly trials: Used[]; readonly whole: Used[] } {
  const earlier = earlierRuns(step, trials, runs);
  return { trials: earlier.flatMap((run) => run.filter(isOrdinary)), whole: earlier.flatMap(wholeOf) };
}

const earlierRuns = (
  step: string,
  trials: readonly LedgerRow<'trials'>[],
  runs: readonly Pick<LedgerRow<'runs'>, 'run' | 'started_at'>[],
): Told[][] => spread(byRun(step, trials, runs, toldOf).filter((run) => run.some(isOrdinary)));

/** What a trial of the ledger tells of those to come. */
interface Told extends Used {
  readonly isReplicate: boolean;
  readonly isWhole: boolean;
}

const isOrdinary = ({ isReplicate }: Told): boolean => !isReplicate;

/** Replicates train to their ends; where none did, all that is known is what trials used. */
function wholeOf(run: readonly Told[]): readonly Told[] {
  const whole = run.filter(({ isWhole }) => isWhole);
  return whole.length > 0 ? whole : run;
}

/** Of each earlier run what its trials tell, the newest runs first; those of which none tells anything do not count. */
function byRun<T>(
  step: string,
  trials: readonly LedgerRow<'trials'>[],
  runs: readonly Pick<LedgerRow<'runs'>, 'run' | 'started_at'>[],
  tells: (row: LedgerRow<'trials'>) => readonly T[],
): T[][] {
  return newestFirst(runs)
    .map(({ run }) => trials.filter((row) => row.run === run && row.step === step).flatMap(tells))
    .filter((told) => told.length > 0)
    .slice(0, MAX_EARLIER_RUNS);
}

/** Stopped and failed trials are part of what a search costs. */
function toldOf(row: LedgerRow<'trials'>): Told[] {
  const seconds = Number(row.seconds);
  const kind = { isReplicate: row.origin === REPLICATE, isWhole: row.status === 'succeeded' };
  return seconds > 0 ? [{ cost: Number(row.cost ?? 0), seconds, ...kind }] : [];
}

const objectiveOf =
  (metric: string | undefined) =>
  (row: LedgerRow<'trials'>): number[] =>
    row.objective_metric === metric && row.origin !== REPLICATE && typeof row.objective === 'number' ? [row.objective] : [];

/**
 * A further run is none of the earlier ones: it differs from their mean as they do, and that mean is itself known from few. So their levels are moved
 * apart until their variance is that of a prediction, s² (1 + 1/n) with s² over n - 1; of the logarithm, as times and prices differ by factors.
 */
function spread(earlier: readonly Told[][]): Told[][] {
  const apart = Math.sqrt((earlier.length + 1) / (earlier.length - 1));
  const scales = (of: keyof Used): number[] => {
    const levels = earlier.map((run) => run.filter(isOrdinary)).map((run) => run.reduce((sum, used) => sum + used[of], 0) / run.length);
    if (earlier.length < 2 || levels.some((level) => level <= 0)) return levels.map(() => 1);
    const mean = levels.reduce((sum, level) => sum + Math.log(level), 0) / levels.length;
    return levels.map((level) => Math.exp((Math.log(level) - mean) * (apart - 1)));
  };
  const [cost, seconds] = [scales('cost'), scales('seconds')];
  return earlier.map((run, i) =>
    run.map((used) => ({ ...used, cost: used.cost * (cost[i] ?? 1), seconds: used.seconds * (seconds[i] ?? 1) })),
  );
}

interface Totals extends Used {
  readonly elapsed: number;
}

const totalsOf = (trials: readonly Used[], parallel: number): Totals => ({
  cost: trials.reduce((sum, { cost }) => sum + cost, 0),
  seconds: trials.reduce((sum, { seconds }) => sum + seconds, 0),
  elapsed: elapsedSeconds(trials, parallel),
});

/** The one after the other. */
const both = (first: Totals, then: Totals): Totals => ({
  cost: first.cost + then.cost,
  seconds: first.seconds + then.seconds,
  elapsed: first.elapsed + then.elapsed,
});

function qualityOf(earlier: readonly number[][], planned: number, goal: 'maximize' | 'minimize'): Interval | null {
  if (earlier.length === 0) return null;
  const draw = random(SEED);
  const best = goal === 'maximize' ? Math.max : Math.min;
  const drawn = Array.from({ length: DRAWS }, () => {
    const values = earlier[Math.floor(earlier.length * draw())] ?? [];
    return Array.from({ length: planned }, () => values[Math.floor(values.length * draw())] ?? Number.NaN).reduce((a, b) => best(a, b));
  });
  return intervalOf(drawn);
}

function intervalOf(values: readonly number[]): Interval {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.round(share * (sorted.length - 1))] ?? 0;
  return { low: at(LOW), median: at(0.5), expected: values.reduce((sum, value) => sum + value, 0) / values.length, high: at(HIGH) };
}
