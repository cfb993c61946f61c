/** What was spent by month, team and pipeline: what the ledger knows, and what open runs have spent beyond that. Pure. */
import type { LedgerRow } from '../contract/ledger.ts';

/** What was spent for one pipeline of one team in one month. */
export interface Spending {
  /** `2026-11`, UTC. */
  readonly month: string;
  /** null: of none, or of a run that was begun before the ledger had the column. */
  readonly team: string | null;
  readonly pipeline: string;
  readonly currency: string;
  readonly cost: number;
  /** Of the same machine time on demand. */
  readonly onDemandCost: number;
  /** Runs that something was spent for. */
  readonly runs: readonly string[];
}

interface SpendingRows {
  readonly runs: readonly LedgerRow<'runs'>[];
  readonly steps: readonly LedgerRow<'steps'>[];
  readonly attempts: readonly LedgerRow<'attempts'>[];
  /** Of rows that do not name it. */
  readonly currency: string;
}

/** What an open run says of itself. */
export interface OpenSpending {
  readonly run: string;
  readonly cost: number;
}

export type SpendingPart = 'month' | 'team' | 'pipeline';

/** Rows of so long before the first month are read too: a step's attempts may be older than its end. */
const LONGEST_STEP_MONTHS = 2;
/** Less is an error of rounding. */
const LEAST = 1e-9;

const monthOf = (at: number): string => new Date(at).toISOString().slice(0, 7);

/** The last `months` of them, the current one included. @returns the first, and from when on (ms since 1970) rows are worth reading */
export function monthsUntil(now: number, months: number): { readonly first: string; readonly since: number } {
  const date = new Date(now);
  const begin = (before: number): number => Date.UTC(date.getUTCFullYear(), date.getUTCMonth() - before);
  return { first: monthOf(begin(months - 1)), since: begin(months - 1 + LONGEST_STEP_MONTHS) };
}

/**
 * An attempt and a step are spread over the months in which they ran. A step has cost its attempts and what it cost besides; a run its
 * steps, and what of an open one the ledger does not know yet counts to the month of `now`.
 */
export function spendings({ runs, steps, attempts, currency }: SpendingRows, open: readonly OpenSpending[], now: number): Spending[] {
  const ledger = new Map(runs.map((row) => [row.run, row]));
  const alive = new Map(open.map(({ run, cost }) => [run, cost]));
  const found = new Map<string, Omit<Spending, 'runs'> & { readonly runs: Set<string> }>();
  const known = new Map<string, number>();
  const add = (row: { readonly run: string; readonly pipeline: string }, span: Span, cost: number, onDemandCost: number): void => {
    known.set(row.run, (known.get(row.run) ?? 0) + cost);
    const own = ledger.get(row.run);
    const of = { team: textOr(own?.team, null), pipeline: row.pipeline, currency: textOr(own?.currency, currency) };
    for (const { month, share } of monthsOf(span)) {
      const key = JSON.stringify([month, of.team, of.pipeline, of.currency]);
      const before = found.get(key) ?? { month, ...of, cost: 0, onDemandCost: 0, runs: new Set<string>() };
      before.runs.add(row.run);
      found.set(key, { ...before, cost: before.cost + share * cost, onDemandCost: before.onDemandCost + share * onDemandCost });
    }
  };

  const ofSteps = new Map<string, number>();
  const keyOf = ({ run, step }: { readonly run: string; readonly step?: unknown }): string => JSON.stringify([run, step]);
  for (const row of attempts) {
    const cost = numberOf(row.cost);
    ofSteps.set(keyOf(row), (ofSteps.get(keyOf(row)) ?? 0) + cost);
    if (cost > LEAST) add(row, spanOf(row), cost, numberOf(row.on_demand_cost) || cost);
  }
  for (const row of steps) {
    const rest = row.cache_hit === true ? 0 : numberOf(row.cost) - (ofSteps.get(keyOf(row)) ?? 0);
    if (rest > LEAST) add(row, spanOf(row), rest, rest);
  }
  for (const row of runs) {
    const live = row.ended_at === null || row.ended_at === undefined ? alive.get(row.run) : undefined;
    const rest = (live ?? numberOf(row.cost)) - (known.get(row.run) ?? 0);
    if (rest > LEAST) add(row, live === undefined ? spanOf(row) : { from: now, to: now }, rest, rest);
  }
  const all = [...found.values()].map((one): Spending => ({ ...one, runs: [...one.runs] }));
  return all.sort(
    (a, b) =>
      b.month.localeCompare(a.month) ||
      (a.team ?? '').localeCompare(b.team ?? '') ||
      a.pipeline.localeCompare(b.pipeline) ||
      a.currency.localeCompare(b.currency),
  );
}

/** Those of equal parts together, what is no part as `null`. Currencies are never added up. */
export function summed(all: readonly Spending[], parts: readonly SpendingPart[]): SpendingSum[] {
  const found = new Map<string, SpendingSum & { readonly names: Set<string> }>();
  for (const { cost, onDemandCost, runs, currency, ...of } of all) {
    const own = Object.fromEntries(parts.map((part) => [part, of[part]])) as Partial<Record<SpendingPart, string | null>>;
    const key = JSON.stringify([parts.map((part) => of[part]), currency]);
    const before = found.get(key) ?? { ...own, currency, cost: 0, onDemandCost: 0, saved: 0, runs: 0, names: new Set<string>() };
    for (const run of runs) before.names.add(run);
    const sums = { cost: before.cost + cost, onDemandCost: before.onDemandCost + onDemandCost };
    found.set(key, { ...before, ...sums, saved: Math.max(0, sums.onDemandCost - sums.cost), runs: before.names.size });
  }
  return [...found.values()].map(({ names: _names, ...sum }) => sum);
}

export interface SpendingSum extends Partial<Readonly<Record<SpendingPart, string | null>>> {
  readonly currency: string;
  readonly cost: number;
  readonly onDemandCost: number;
  readonly saved: number;
  readonly runs: number;
}

/** ms since 1970 */
interface Span {
  readonly from: number;
  readonly to: number;
}

function spanOf(row: Pick<LedgerRow<'steps'>, 'started_at' | 'ended_at' | 'time'>): Span {
  const to = Date.parse(String(row.ended_at ?? row.time));
  const from = Date.parse(String(row.started_at ?? ''));
  return { from: Number.isFinite(from) && from < to ? from : to, to };
}

function monthsOf({ from, to }: Span): { readonly month: string; readonly share: number }[] {
  if (!Number.isFinite(to)) return [];
  const shares: { month: string; share: number }[] = [];
  for (let at = from; ;) {
    const date = new Date(at);
    const end = Math.min(to, Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1));
    shares.push({ month: monthOf(at), share: to === from ? 1 : (end - at) / (to - from) });
    if (end >= to) return shares;
    at = end;
  }
}

const numberOf = (value: unknown): number => (typeof value === 'number' && Number.isFinite(value) ? value : 0);
const textOr = <T>(value: unknown, otherwise: T): string | T => (typeof value === 'string' && value !== '' ? value : otherwise);
