/** What a trial came to: its status, the values of its objectives, and what the sampler hears of it. Pure. */
import type { AttemptVerdict } from '../contract/jobs.ts';
import type { TrialRecord } from '../contract/search.ts';
import type { TrialSummary } from '../contract/trial-run.ts';
import type { Objective } from '../contract/search-space.ts';
import { bestOf } from './curves.ts';
import { isEnough } from './early-stopping.ts';

export const OFFLINE = 'offline.';

type Ended = Pick<TrialRecord, 'curve' | 'series' | 'stopping' | 'evaluationFailure'> & {
  readonly state: Pick<TrialRecord['state'], 'offline' | 'metrics'>;
};
type Summary = Pick<TrialSummary, 'status' | 'objective' | 'metrics' | 'reason'>;

interface TrialEnd {
  readonly status: TrialSummary['status'];
  readonly values: (number | null)[];
  readonly reason: string | null;
}

/**
 * A trial whose objective is no number is a result, and a poor one: it was stopped, it did not fail. One without the metric has a trainer that does not
 * write it: that is a failure.
 */
export function endOf(record: Ended, summary: Summary, objectives: readonly Objective[]): TrialEnd {
  const values = valuesOf(record, summary, objectives);
  const lacking = objectives.filter((_, i) => values[i] === null).map(({ metric }) => metric);
  if (summary.status !== 'succeeded' || lacking.length === 0)
    // What was at its end before it heard that it should stop was not stopped.
    return { status: summary.status, values, reason: (summary.status === 'succeeded' ? null : record.stopping) ?? summary.reason };
  const diverged = !record.evaluationFailure && lacking.every((metric) => isNoNumber(metric, summary, record));
  if (diverged) return { status: 'stopped', values, reason: `diverged: ${lacking.join(', ')} is not a number` };
  return { status: 'failed', values, reason: without(record, summary, objectives, values) };
}

/** As release 0.1 did, for searches that began with it. */
export function endOfV1(record: Ended, summary: Summary, objectives: readonly Objective[]): TrialEnd {
  const values = objectives.map(({ metric, goal }, i) => {
    if (metric.startsWith(OFFLINE))
      return (i === 0 ? bestOf(record.curve, goal) : null) ?? record.state.offline[metric.slice(OFFLINE.length)] ?? null;
    if (summary.status === 'succeeded') return (i === 0 ? summary.objective : null) ?? summary.metrics[metric] ?? null;
    return i === 0 ? bestOf(record.curve, goal) : (record.state.metrics[metric] ?? null);
  });
  if (summary.status !== 'succeeded' || !values.includes(null))
    return { status: summary.status, values, reason: record.stopping ?? summary.reason };
  return { status: 'failed', values, reason: without(record, summary, objectives, values) };
}

function without(
  { evaluationFailure }: Ended,
  { metrics }: Summary,
  objectives: readonly Objective[],
  values: readonly (number | null)[],
): string {
  const lacking = objectives.filter((_, i) => values[i] === null).map(({ metric }) => metric);
  return `finished without the metric ${lacking.join(', ')}; it has ${Object.keys(metrics).join(', ') || 'none'}${evaluationFailure ? `; ${evaluationFailure}` : ''}`;
}

/** Of a stopped trial those of its best point; the further objectives at that same point. */
function valuesOf(record: Ended, summary: Summary, objectives: readonly Objective[]): (number | null)[] {
  const [first] = objectives;
  const best = first ? bestOf(record.curve, first.goal) : null;
  const at = record.curve.indexOf(best);
  return objectives.map(({ metric }, i) => {
    if (metric.startsWith(OFFLINE)) return (i === 0 ? best : null) ?? record.state.offline[metric.slice(OFFLINE.length)] ?? null;
    if (summary.status === 'succeeded') return (i === 0 ? summary.objective : null) ?? summary.metrics[metric] ?? null;
    if (i === 0) return best;
    const series = record.series[metric];
    return (series?.length === record.curve.length ? series[at] : undefined) ?? record.state.metrics[metric] ?? null;
  });
}

/** It was written, as something else than a number, or so was all that goes with it. */
function isNoNumber(metric: string, { metrics }: Summary, { curve }: Ended): boolean {
  if (Object.hasOwn(metrics, metric)) return metrics[metric] === null;
  return Object.values(metrics).includes(null) || (curve.length > 0 && curve.every((value) => value === null));
}

/** Ends that lie in what was tried, and not in the machines: the sampler must learn to leave them. */
const OWN_FAULT: readonly AttemptVerdict[] = ['crashed', 'out-of-memory', 'bad-input'];

/**
 * `complete`: it counts with its values. `pruned`: as poor as its best point, or as anything where it has none. `failed`: it says nothing of its
 * parameters.
 */
export function samplerStateOf(
  record: Pick<TrialRecord, 'values' | 'verdict'> & { readonly state: Pick<TrialRecord['state'], 'status' | 'reason'> },
): 'complete' | 'pruned' | 'failed' {
  const { status, reason } = record.state;
  const whole = record.values.length > 0 && record.values.every((value) => value !== null);
  if (status === 'succeeded') return 'complete';
  if (status === 'stopped') return whole && reason !== null && (isEnough(reason) || isByPerson(reason)) ? 'complete' : 'pruned';
  return status === 'failed' && record.verdict !== undefined && OWN_FAULT.includes(record.verdict) ? 'pruned' : 'failed';
}

/** As `stop-trial` words it. */
const isByPerson = (reason: string): boolean => reason === 'stopped' || reason.startsWith('stopped by ') || reason.startsWith('stopped (');
