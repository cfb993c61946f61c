/** What came of a search besides its best trial: broken constraints, the front and its knee, replicates, who was forked from whom. Pure. */
import type { Replicated } from '../contract/search.ts';
import type { MetricConstraint, Objective } from '../contract/search-space.ts';
import type { SearchSpec } from '../contract/steps.ts';
import type { Json } from '../contract/values.ts';
import { breaksMeasured, brokenConstraints, kneeOf, offlineOf, paretoFront } from '../rules/best-trials.ts';
import { groupsOf, REPLICATE, replicated } from '../rules/replicates.ts';
import type { TrialView } from './charts/views.ts';

type Searched = Pick<SearchSpec, 'objective' | 'alsoOptimize' | 'metricConstraints'>;

/** A member of a population, from the first of those that it was forked from. */
interface Lineage {
  readonly members: readonly {
    readonly trial: number;
    /** Those that are other than its parent's; all of the first. */
    readonly parameters: Readonly<Record<string, Json>>;
    readonly objective: number | null;
  }[];
}

export interface SearchFindings {
  /** Trials that cannot be the best, and why. */
  readonly broken: readonly { readonly trial: number; readonly why: readonly string[] }[];
  /** Of several objectives. */
  readonly front: readonly number[];
  readonly knee: number | null;
  readonly replicates: Replicated | null;
  /** Of members that went on to their ends, the best first. */
  readonly lineages: readonly Lineage[];
}

const OFFSPRING = 'pbt';

export function findingsOf(trials: readonly TrialView[], { objective, alsoOptimize, metricConstraints = [] }: Searched): SearchFindings {
  const objectives = [objective, ...alsoOptimize];
  const ended = trials.filter(({ status, origin }) => (status === 'succeeded' || status === 'stopped') && origin !== REPLICATE);
  const candidates = ended
    .filter((trial) => brokenBy(trial, metricConstraints).length === 0)
    .map((trial) => ({ trial: trial.trial, values: objectives.map(({ metric }, i) => valueOf(trial, metric, i)) }));
  const several = alsoOptimize.length > 0;
  return {
    broken: ended.flatMap((trial) => {
      const why = brokenBy(trial, metricConstraints);
      return why.length === 0 ? [] : [{ trial: trial.trial, why }];
    }),
    front: several ? paretoFront(candidates, objectives) : [],
    knee: several ? kneeOf(candidates, objectives) : null,
    replicates: replicatesOf(trials, objective),
    lineages: lineagesOf(trials, objective),
  };
}

/** Whether a trial may be the best one, or on the front: it keeps to the constraints, and is no repetition of another. */
export const canBeBest = (trial: TrialView, constraints: readonly MetricConstraint[]): boolean =>
  trial.origin !== REPLICATE && brokenBy(trial, constraints).length === 0;

/** Whether it may become the best one: no constraint is known to be broken yet. */
export const mayBeBest = (trial: TrialView, constraints: readonly MetricConstraint[]): boolean =>
  trial.origin !== REPLICATE && !breaksMeasured(constraints, trial.metrics, offlineOf(trial.metrics));

const brokenBy = (trial: TrialView, constraints: readonly MetricConstraint[]): string[] =>
  brokenConstraints(constraints, trial.metrics, offlineOf(trial.metrics));

const valueOf = ({ objective, metrics }: TrialView, metric: string, i: number): number | null =>
  (i === 0 ? objective : null) ?? metrics[metric] ?? null;

/** What the replicates of a finalist came to. */
export const replicateValues = ({ values, diverged = 0 }: Replicated['finalists'][number], show: (value: number) => string): string =>
  [...values.map(show), ...new Array<string>(diverged).fill('diverged')].join(', ');

function replicatesOf(trials: readonly TrialView[], objective: Objective): Replicated | null {
  const all = trials.filter(({ origin }) => origin === REPLICATE);
  if (all.length === 0 || all.some(({ endedAt }) => endedAt === null)) return null;
  return replicated(groupsOf(all.map(({ parent, ...end }) => ({ finalist: parent ?? 0, ...end }))), objective);
}

function lineagesOf(trials: readonly TrialView[], { goal }: Objective): Lineage[] {
  const byNumber = new Map(trials.map((trial) => [trial.trial, trial]));
  const sign = goal === 'maximize' ? -1 : 1;
  const worth = ({ objective }: TrialView): number => (objective === null ? Number.POSITIVE_INFINITY : sign * objective);
  return trials
    .filter(({ origin, status }) => origin === OFFSPRING && status === 'succeeded')
    .sort((a, b) => worth(a) - worth(b) || a.trial - b.trial)
    .map((last) => ({ members: ancestry(last, byNumber) }));
}

function ancestry(last: TrialView, byNumber: ReadonlyMap<number, TrialView>): Lineage['members'] {
  const parent = last.origin === OFFSPRING && last.parent !== null ? byNumber.get(last.parent) : undefined;
  const changed = Object.entries(last.parameters).filter(
    ([name, value]) => JSON.stringify(value) !== JSON.stringify(parent?.parameters[name]),
  );
  const own = { trial: last.trial, parameters: Object.fromEntries(changed), objective: last.objective };
  return [...(parent ? ancestry(parent, byNumber) : []), own];
}
