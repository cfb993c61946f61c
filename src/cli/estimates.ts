/** Estimates of a document's searches from the ledger, and how `longhaul plan` shows them. */
import type { LedgerRow } from '../contract/ledger.ts';
import type { RunDocument } from '../contract/run-document.ts';
import type { Warehouse } from '../ports/index.ts';
import { duration, money } from '../present/format.ts';
import { estimateSearch, type Interval, type SearchEstimate } from './estimate.ts';

export interface Estimated {
  readonly step: string;
  readonly estimate: SearchEstimate | null;
  /** Its budget, where that is less than the estimate may become: there the search pauses and asks. */
  readonly budget: number | null;
}

interface Earlier {
  readonly trials: readonly LedgerRow<'trials'>[];
  /** Of its profile alone: other machines have other prices. */
  readonly runs: readonly LedgerRow<'runs'>[];
}

/** What the ledger has of earlier runs of the pipeline. */
export async function earlierOf({ pipeline, profileName }: RunDocument, warehouse: Warehouse): Promise<Earlier> {
  const [trials, runs] = await Promise.all([warehouse.ledger('trials', { pipeline }), warehouse.ledger('runs', { pipeline })]);
  return { trials, runs: runs.filter(({ profile }) => profile === profileName) };
}

/** @param steps the searches that would run */
export function estimatesOf(document: RunDocument, steps: readonly string[], { trials, runs }: Earlier): Estimated[] {
  const searches = document.steps.flatMap(({ id, spec }) => (spec.kind === 'search' && steps.includes(id) ? [{ id, spec }] : []));
  return searches.map(({ id, spec }) => {
    const estimate = estimateSearch(id, spec, trials, runs);
    const cap = spec.budget.cost;
    return { step: id, estimate, budget: estimate !== null && cap !== undefined && cap < estimate.cost.high ? cap : null };
  });
}

export function renderEstimate({ step, estimate, budget }: Estimated, document: RunDocument): string {
  if (estimate === null)
    return `${step}: no earlier runs of ${document.pipeline} on ${document.profileName} to estimate cost and time from`;
  const { currency } = document.profile;
  const hours = (seconds: number): string => duration(seconds * 1000);
  const { trials, replicates, parallel, earlierRuns, earlierTrials, cost, machineSeconds, elapsedSeconds } = estimate;
  const of = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;
  return [
    `${step}: ${of(trials, 'trial')}${replicates > 0 ? ` and ${of(replicates, 'replicate')}` : ''} will cost about ${around(cost, (amount) => money(amount, currency))},`,
    `use ${around(machineSeconds, hours)} of machines and take ${around(elapsedSeconds, hours)} with ${parallel} at once`,
    `(90 % intervals, from ${of(earlierTrials, 'trial')} of ${of(earlierRuns, 'earlier run')} on ${document.profileName})` +
      (budget === null ? '' : `; at its budget of ${money(budget, currency)} it pauses and asks`),
  ].join(' ');
}

const around = ({ low, expected, high }: Interval, show: (value: number) => string): string =>
  `${show(expected)} (${show(low)} to ${show(high)})`;

/** What a run is likely to cost and when its searches are over: 5, 50 and 95 % of the draws. */
export function renderQuote({ step, estimate }: Estimated, { profile: { currency } }: RunDocument): string {
  if (estimate === null) return `${step}: no quote without an earlier run`;
  const line = (what: string, { low, median, high }: Interval, show: (value: number) => string): string =>
    `${step} ${what}: 5 % ${show(low)}, 50 % ${show(median)}, 95 % ${show(high)}`;
  return [
    line('cost', estimate.cost, (amount) => money(amount, currency)),
    line('end', estimate.elapsedSeconds, (seconds) => `after ${duration(seconds * 1000)}`),
    ...(estimate.quality ? [line('quality', estimate.quality, (value) => String(Number(value.toPrecision(4))))] : []),
  ].join('\n');
}
