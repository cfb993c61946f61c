/** Whether a recorded trial keeps to the constraints of its search, and did at each of its points. Pure. */
import type { LedgerRow } from '../../contract/ledger.ts';
import type { MetricConstraint } from '../../contract/search-space.ts';
import { metricValues, numberOf, timeOf } from '../../present/charts/views.ts';
import { breaksMeasured, brokenConstraints, offlineOf } from '../../rules/best-trials.ts';

/** `unknown`: something was not measured. Absent where a search has no constraints. */
export type Keeps = 'all' | 'not all' | 'unknown';

type Measured = Readonly<Record<string, number | null>>;

/** @param metrics of validations, and with `offline.` before their names those of early evaluations */
function keeps(constraints: readonly MetricConstraint[], metrics: Measured): Keeps {
  const offline = offlineOf(metrics);
  if (brokenConstraints(constraints, metrics, offline).length === 0) return 'all';
  return breaksMeasured(constraints, metrics, offline) ? 'not all' : 'unknown';
}

/** Of one trial: what is known of it at its end, and what was at a moment (ms since 1970). */
export interface KeepsAt {
  readonly end: { readonly keeps?: Keeps };
  readonly at: (time: number) => { readonly keeps?: Keeps };
}

/**
 * @param trial its row
 * @param validations its rows of the progress
 * @param evaluations its early ones
 */
export function keepsOf(
  constraints: readonly MetricConstraint[],
  trial: LedgerRow<'trials'>,
  validations: readonly LedgerRow<'progress'>[],
  evaluations: readonly LedgerRow<'evaluations'>[],
): KeepsAt {
  if (constraints.length === 0) return { end: {}, at: () => ({}) };
  const measured = [
    ...validations.map((row) => ({ time: timeOf(row.time) ?? 0, metrics: metricValues(row.metrics) })),
    ...evaluations.map((row) => ({ time: timeOf(row.time) ?? 0, metrics: { [`${OFFLINE}${String(row.metric)}`]: numberOf(row.value) } })),
  ].sort((a, b) => a.time - b.time);
  let known: Measured = {};
  const then = measured.map(({ time, metrics }) => {
    known = { ...known, ...metrics };
    return { time, keeps: keeps(constraints, known) };
  });
  return {
    end: { keeps: keeps(constraints, metricValues(trial.metrics)) },
    at: (until) => ({ keeps: then.findLast(({ time }) => time <= until)?.keeps ?? 'unknown' }),
  };
}

const OFFLINE = 'offline.';
