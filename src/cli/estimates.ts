/** Estimates of a document's searches from the ledger, and how `longhaul plan` shows them. */
import type { RunDocument } from '../contract/run-document.ts';
import { duration, money } from '../present/format.ts';
import type { Earlier } from './earlier-runs.ts';
import { estimateSearch, replicatesOf, type Interval, type SearchEstimate } from './estimate.ts';

export interface Estimated {
  readonly step: string;
  readonly estimate: SearchEstimate | null;
  /** Its budget, where that is less than the estimate may become: there the search pauses and asks. */
  readonly budget: number | null;
  /** Earlier runs whose trials count other than as they were. */
  readonly unlike: Earlier['unlike'];
}

/** @param steps the searches that would run */
export function estimatesOf(document: RunDocument, steps: readonly string[], { comparable, runs, unlike }: Earlier): Estimated[] {
  const searches = document.steps.flatMap(({ id, spec }) => (spec.kind === 'search' && steps.includes(id) ? [{ id, spec }] : []));
  return searches.map(({ id, spec }) => {
    const estimate = estimateSearch(id, spec, comparable, runs);
    const cap = spec.budget.cost;
    const budget = estimate !== null && cap !== undefined && cap < estimate.cost.high ? cap : null;
    return { step: id, estimate, budget, unlike: unlike.filter(({ step }) => step === id) };
  });
}

/** What to know of searches that pause before all of their replicates have begun: these count against `budget.trials` as other trials do. */
export function replicatesBeyondBudget({ steps }: Pick<RunDocument, 'steps'>): string[] {
  return steps.flatMap(({ id, spec }) => {
    if (spec.kind !== 'search' || spec.budget.trials === undefined) return [];
    const wanted = replicatesOf(spec);
    const room = Math.max(0, spec.budget.trials - spec.trials);
    return room >= wanted
      ? []
      : [
          `${id}: budget.trials ${spec.budget.trials} has room for ${room} of ${wanted} replicates behind ${spec.trials} trials, and the search pauses and asks there; ${spec.trials + wanted} has room for all`,
        ];
  });
}

export function renderEstimate({ step, estimate, budget, unlike }: Estimated, document: RunDocument): string {
  if (estimate === null)
    return `${step}: no earlier runs of ${document.pipeline} on ${document.profileName} to estimate cost and time from`;
  const { currency } = document.profile;
  const hours = (seconds: number): string => duration(seconds * 1000);
  const { trials, replicates, parallel, earlierRuns, earlierTrials, cost, machineSeconds, elapsedSeconds } = estimate;
  const of = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;
  return [
    `${step}: ${of(trials, 'trial')}${replicates > 0 ? ` and ${of(replicates, 'replicate')}` : ''} will cost about ${around(cost, (amount) => money(amount, currency))},`,
    `use ${around(machineSeconds, hours)} of machines and take ${around(elapsedSeconds, hours)} with ${parallel} at once`,
    `(90 % intervals, from ${of(earlierTrials, 'trial')} of ${of(earlierRuns, 'earlier run')} on ${[document.profileName, ...unlikeTexts(unlike)].join('; ')})` +
      (budget === null ? '' : `; at its budget of ${money(budget, currency)} it pauses and asks`),
  ].join(' ');
}

/** @example ['counted as what is trained now: of 1 run with 2 epochs 4 times'] */
function unlikeTexts(unlike: Earlier['unlike']): string[] {
  const runs = ({ length }: Earlier['unlike']): string => `${length} run${length === 1 ? '' : 's'}`;
  const converted = Map.groupBy(
    unlike.filter(({ had }) => had.length > 0),
    ({ factor, had }) => `with ${had.join(' and ')} ${Number(factor.toPrecision(2))} times`,
  );
  const held = unlike.filter(({ onlyWhole }) => onlyWhole);
  const whole = unlike.filter(({ heldNone }) => heldNone);
  const other = unlike.filter(({ otherResources }) => otherResources);
  return [
    ...(converted.size > 0
      ? [`counted as what is trained now: ${[...converted].map(([text, of]) => `of ${runs(of)} ${text}`).join(', ')}`]
      : []),
    ...(held.length > 0 ? [`of ${runs(held)} with a scheduler only trials that trained to their ends`] : []),
    ...(whole.length > 0 ? [`${runs(whole)} held no trials at rungs, so that it will be less`] : []),
    ...(other.length > 0 ? [`${runs(other)} had other resources`] : []),
  ];
}

const around = ({ low, expected, high }: Interval, show: (value: number) => string): string =>
  `${show(expected)} (${show(low)} to ${show(high)})`;

/** What a run is likely to cost and when its searches are over: 5, 50 and 95 % of the draws. */
export function renderQuote({ step, estimate, unlike }: Estimated, { profile: { currency } }: RunDocument): string {
  if (estimate === null) return `${step}: no quote without an earlier run`;
  const line = (what: string, { low, median, high }: Interval, show: (value: number) => string): string =>
    `${step} ${what}: 5 % ${show(low)}, 50 % ${show(median)}, 95 % ${show(high)}`;
  return [
    line('cost', estimate.cost, (amount) => money(amount, currency)),
    line('end', estimate.elapsedSeconds, (seconds) => `after ${duration(seconds * 1000)}`),
    ...(unlike.length === 0 ? [] : [`${step} ${unlikeTexts(unlike).join('; ')}`]),
    ...(estimate.quality ? [line('quality', estimate.quality, (value) => String(Number(value.toPrecision(4))))] : []),
  ].join('\n');
}
