/** What there is above one run: pools, clusters, schedules, models by stage, money. Pure. */
import type { ClusterNow, ScheduleSummary } from '../client/index.ts';
import type { LedgerRow } from '../contract/ledger.ts';
import type { Profile } from '../contract/profile.ts';
import type { JobInfo } from '../ports/compute.ts';
import { monthsUntil, spendings, type OpenSpending, type Spending } from '../rules/monthly-costs.ts';
import { poolsNow, ratesOf, ratesSince, type Placed, type PoolNow } from './pools-now.ts';

export { summed, type Spending, type SpendingPart } from '../rules/monthly-costs.ts';

const MONTHS = 12;
/** The newest ones besides champions; `longhaul models list` has all. */
const MODELS_SHOWN = 200;

/** Where runs train: a profile as the newest run with it has it. */
export interface Place {
  readonly profileName: string;
  readonly profile: Profile;
  readonly team: string | null;
}

export interface PoolRow extends PoolNow {
  readonly profile: string;
  readonly team: string | null;
  readonly currency: string;
}

export interface ClusterRow extends ClusterNow {
  readonly profile: string;
  readonly team: string | null;
  readonly pools: readonly string[];
  readonly running: number;
  readonly waiting: number;
}

/** Of one pipeline and stage: how many models, of how many runs. */
export interface StageCount {
  readonly pipeline: string;
  readonly stage: string;
  readonly models: number;
  readonly runs: number;
}

export interface OverviewParts {
  readonly pools: readonly PoolRow[];
  readonly clusters: readonly ClusterRow[];
  readonly schedules: readonly ScheduleSummary[];
  readonly models: { readonly stages: readonly StageCount[]; readonly rows: readonly LedgerRow<'models'>[] };
  readonly money: readonly Spending[];
}

/** What one ledger holds of all runs. */
export interface LedgerFacts {
  readonly currency: string;
  readonly runs: readonly LedgerRow<'runs'>[];
  readonly steps: readonly LedgerRow<'steps'>[];
  readonly attempts: readonly LedgerRow<'attempts'>[];
  readonly models: readonly LedgerRow<'models'>[];
}

/** ms since 1970: from when on rows are worth reading. */
export const overviewSince = (now: number): number => Math.min(ratesSince(now), monthsUntil(now, MONTHS).since);

/** @param attempts of the ledger of the place */
export function poolRows(
  { profile, profileName, team }: Place,
  attempts: readonly LedgerRow<'attempts'>[],
  placed: readonly Placed[],
  jobs: readonly JobInfo[],
  now: number,
): PoolRow[] {
  const of = { profile: profileName, team, currency: profile.currency };
  return poolsNow(profile, ratesOf(attempts, now), placed, jobs).map((pool) => ({ ...of, ...pool }));
}

/** @param pools of the same place */
export function clusterRows({ profileName, team }: Place, clusters: readonly ClusterNow[], pools: readonly PoolRow[]): ClusterRow[] {
  return clusters.map((cluster) => {
    const own = clusters.length === 1 ? pools : pools.filter((pool) => pool.cluster === cluster.cluster);
    const sum = (of: (pool: PoolRow) => number): number => own.reduce((total, pool) => total + of(pool), 0);
    return {
      ...cluster,
      profile: profileName,
      team,
      pools: own.map(({ pool }) => pool),
      running: sum(({ running }) => running),
      waiting: sum(({ waiting }) => waiting),
    };
  });
}

/** Champions first, then the newest. */
export function modelsByStage(rows: readonly LedgerRow<'models'>[]): OverviewParts['models'] {
  const groups = Map.groupBy(rows, (row) => JSON.stringify([row.pipeline, stageOf(row)]));
  const stages = [...groups.values()].flatMap(([first, ...more]): StageCount[] => {
    if (first === undefined) return [];
    const all = [first, ...more];
    return [{ pipeline: first.pipeline, stage: stageOf(first), models: all.length, runs: new Set(all.map(({ run }) => run)).size }];
  });
  const sorted = [...rows].sort((a, b) => Number(isChampion(b)) - Number(isChampion(a)) || b.time.localeCompare(a.time));
  return {
    stages: stages.sort((a, b) => a.pipeline.localeCompare(b.pipeline) || a.stage.localeCompare(b.stage)),
    rows: sorted.filter((row, index) => isChampion(row) || index < MODELS_SHOWN),
  };
}

const stageOf = (row: LedgerRow<'models'>): string => (typeof row.stage === 'string' ? row.stage : 'candidate');
const isChampion = (row: LedgerRow<'models'>): boolean => row.stage === 'champion';

export function moneyRows(ledgers: readonly LedgerFacts[], open: readonly OpenSpending[], now: number): Spending[] {
  const { first } = monthsUntil(now, MONTHS);
  return ledgers
    .flatMap((ledger) => spendings(ledger, open, now))
    .filter(({ month }) => month >= first)
    .sort((a, b) => b.month.localeCompare(a.month) || b.cost - a.cost);
}

/** Rows of a ledger that a console of this team may show: what is written as another team's is not. */
export function ofTeam(facts: LedgerFacts, team: string | null): LedgerFacts {
  if (team === null) return facts;
  const foreign = new Set(facts.runs.flatMap((row) => (typeof row.team === 'string' && row.team !== team ? [row.run] : [])));
  const own = <R extends { readonly run: string }>(rows: readonly R[]): R[] => rows.filter(({ run }) => !foreign.has(run));
  return {
    ...facts,
    runs: own(facts.runs),
    steps: own(facts.steps),
    attempts: own(facts.attempts),
    models: own(facts.models),
  };
}
