/** The first thing on a report: is the new model better, than what, and how sure is that. Pure. */
import type { ReportData } from './report-data.ts';
import { CHAMPION, evaluationsOf, hasTooFewUnits, intervalAfter, MODEL } from './evaluations.ts';
import { metricsOf } from './charts/metrics-with-intervals.ts';
import { directionOf } from './directions.ts';
import { numberOf } from './charts/views.ts';
import { brief, count, metric as shown } from './format.ts';
import type { LedgerRow } from '../contract/ledger.ts';

/** The model's value less that of another, over the same sessions. */
export interface Comparison {
  readonly step: string;
  readonly metric: string;
  readonly against: string;
  readonly value: number;
  readonly other: number;
  readonly difference: number;
  readonly low: number | null;
  readonly high: number | null;
  /** Corrected for the number of differences where the evaluation did so. `unclear`: cannot be told, or nobody said which way is better. */
  readonly outcome: 'better' | 'worse' | 'not worse' | 'unclear';
  /** A loss within it is none. */
  readonly margin: number | null;
  /** Independent units (sessions, or what `cluster` names); so many would tell. */
  readonly units: number | null;
  readonly unitsNeeded: number | null;
  /** Against another model of the same step, not a baseline. */
  readonly ofModel?: boolean;
}

export interface Verdict {
  readonly tone: 'good' | 'bad' | 'warn' | 'open';
  readonly headline: string;
  readonly sentences: readonly string[];
  /** The deciding metric of each evaluation, champion first. */
  readonly comparisons: readonly Comparison[];
}

export function verdictOf(data: ReportData): Verdict {
  const comparisons = data.run.steps
    .filter((step) => step.kind === 'evaluate')
    .flatMap((step) => comparisonsOf(step.id, evaluationsOf(data, step), data))
    .sort((a, b) => Number(b.against === CHAMPION) - Number(a.against === CHAMPION));
  const best = bestOf(data);
  const { run } = data;
  const hints = run.steps.flatMap(({ kind, outputs: { hint } }) =>
    kind === 'evaluate' && typeof hint === 'string' && hint !== '' ? [hint] : [],
  );
  const sentences = [...comparisons.slice(1).map(sentence), ...(best === null ? [] : [best]), ...hints];
  if (run.status === 'failed' || run.status === 'cancelled') {
    return {
      tone: 'bad',
      headline: `${run.status === 'failed' ? 'Failed' : 'Cancelled'}${run.reason === null ? '' : `: ${run.reason}`}`,
      sentences: [...comparisons.map(sentence), ...(best === null ? [] : [best])],
      comparisons,
    };
  }
  if (run.status !== 'succeeded')
    return {
      tone: 'open',
      headline: openHeadline(data),
      sentences: [...comparisons.map(sentence), ...(best === null ? [] : [best])],
      comparisons,
    };
  const first = comparisons[0];
  if (!first) return { tone: 'good', headline: best ?? 'Succeeded', sentences: [], comparisons };
  const tone = first.outcome === 'better' || first.outcome === 'not worse' ? 'good' : first.outcome === 'worse' ? 'bad' : 'warn';
  return { tone, headline: sentence(first), sentences, comparisons };
}

/** The metric that decides: what the search optimised, measured offline; otherwise an NDCG, otherwise the first. */
function decidingMetric(data: ReportData, rows: readonly LedgerRow<'evaluations'>[]): string | null {
  const names = metricsOf(rows);
  const objective = data.document.steps.map((step) => step.spec).find((spec) => spec.kind === 'search')?.objective.metric;
  const offline = objective?.replace(/^(validation_|offline\.)/, '');
  return names.find((name) => name === offline) ?? names.find((name) => name.startsWith('ndcg')) ?? names[0] ?? null;
}

function comparisonsOf(step: string, rows: readonly LedgerRow<'evaluations'>[], data: ReportData): Comparison[] {
  const metric = decidingMetric(data, rows);
  if (metric === null) return [];
  const spec = data.document.steps.find(({ id }) => id === step)?.spec;
  const models = spec?.kind === 'evaluate' && typeof spec.scores === 'object' ? Object.keys(spec.scores) : [];
  return comparisonsBy(step, rows, metric).map((one) => ({ ...one, ofModel: models.includes(one.against) }));
}

/** The model against every other scorer by one metric. */
export function comparisonsBy(step: string, rows: readonly LedgerRow<'evaluations'>[], metric: string): Comparison[] {
  const whole = rows.filter((row) => row.metric === metric && (row.segment ?? '') === '');
  const model = whole.find((row) => row.scorer === MODEL);
  const value = numberOf(model?.value);
  if (!model || value === null) return [];
  return whole.flatMap((row) => {
    const other = numberOf(row.value);
    if (row === model || other === null) return [];
    // Others are told against the model, so the signs turn; the model itself is told against one of them.
    const turned = row.compared_with === MODEL ? row : null;
    const own = model.compared_with === row.scorer ? model : null;
    const low = own ? numberOf(own.difference_low) : negative(numberOf(turned?.difference_high));
    const high = own ? numberOf(own.difference_high) : negative(numberOf(turned?.difference_low));
    const difference = (own ? numberOf(own.difference) : negative(numberOf(turned?.difference))) ?? value - other;
    const found = own ?? turned;
    const told = typeof found?.verdict === 'string' ? (own ? found.verdict : reversed(found.verdict)) : null;
    const outcome = told === null ? outcomeOf(directionOf(metric, rows), low, high) : told === 'cannot tell' ? 'unclear' : told;
    const [margin, units, unitsNeeded] = [found?.margin, model.units, found?.units_needed].map(numberOf);
    return [
      {
        ...{ step, metric, against: String(row.scorer), value, other, difference, low, high, margin: margin ?? null },
        ...{ units: units ?? null, unitsNeeded: unitsNeeded ?? null, outcome: outcome as Comparison['outcome'] },
      },
    ];
  });
}

const negative = (value: number | null): number | null => (value === null ? null : -value);

/** What another's verdict against the model says of the model. "Not worse" is of one side. */
const reversed = (verdict: string): string => (verdict === 'better' ? 'worse' : verdict === 'worse' ? 'better' : 'cannot tell');

function outcomeOf(goal: 'maximize' | 'minimize' | null, low: number | null, high: number | null): Comparison['outcome'] {
  if (goal === null || low === null || high === null || (low <= 0 && high >= 0)) return 'unclear';
  return low > 0 === (goal === 'maximize') ? 'better' : 'worse';
}

function sentence(comparison: Comparison): string {
  const { metric, value, other, difference, low, high, outcome } = comparison;
  const what = comparison.ofModel === true ? 'model' : 'baseline';
  const against = comparison.against === CHAMPION ? 'the last champion' : `the ${what} ${comparison.against}`;
  const none = hasTooFewUnits(comparison) ? `too few: ${comparison.units} independent units` : 'no interval';
  const interval = intervalAfter({ low, high }, signed) || ` (${none})`;
  const facts = `${metric} ${shown(value)} against ${shown(other)}, ${signed(difference)}${interval}`;
  if (outcome === 'unclear') {
    const needed =
      comparison.unitsNeeded === null
        ? ''
        : `; ${count(comparison.unitsNeeded)} units would tell, ${count(comparison.units ?? 0)} were seen`;
    return `Cannot be told from ${against}: ${facts}${needed}`;
  }
  if (outcome === 'not worse') return `Not worse than ${against} by more than ${brief(comparison.margin ?? 0, 3)}: ${facts}`;
  return `${outcome === 'better' ? 'Better' : 'Worse'} than ${against}: ${facts}`;
}

/** Three digits: an interval is not known better. */
export const signed = (value: number): string => `${value > 0 ? '+' : value < 0 ? '−' : ''}${brief(Math.abs(value), 3)}`;

function bestOf(data: ReportData): string | null {
  const found = data.run.steps.flatMap((step) => {
    const search = data.searches[step.id];
    const value = step.outputs.best_objective ?? search?.bestObjective;
    const trial = step.outputs.best_trial ?? search?.bestTrial;
    if (step.kind !== 'search' || typeof value !== 'number') return [];
    const spec = data.document.steps.find((one) => one.id === step.id)?.spec;
    const name = spec?.kind === 'search' ? spec.objective.metric : 'objective';
    return [
      `Best trial of ${step.id}: trial ${typeof trial === 'number' ? trial : '?'} with ${name} ${shown(value)}${step.cacheHit ? ' (from the cache)' : ''}`,
    ];
  });
  return found.length === 0 ? null : found.join('; ');
}

function openHeadline({ run, searches }: ReportData): string {
  const done = run.steps.filter((step) => step.endedAt !== null).length;
  const trials = Object.values(searches).map((search) => {
    const ended = search.trials.filter((trial) => trial.endedAt !== null).length;
    return `${ended} of ${search.plannedTrials} trials`;
  });
  const waits = run.approvals.map((approval) => `waits for a decision on ${approval.step}`);
  const status = run.status === 'running' ? 'Running' : run.status === 'paused' ? 'Paused' : 'Waiting';
  return [`${status}: ${done} of ${run.steps.length} steps ended`, ...trials, ...waits].join(', ');
}
