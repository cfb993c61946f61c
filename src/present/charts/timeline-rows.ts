/** Which row of the timeline shows what: a row for each step, and under a search a row for each trial or, with many, for each of its places. */
import type { RunState, StepState } from '../../contract/state.ts';
import type { AttemptView } from './views.ts';

export interface StepBar {
  readonly row: number;
  readonly step: StepState;
}
export interface AttemptBar {
  readonly row: number;
  readonly attempt: AttemptView;
}
/** The time between two attempts of a trial. */
export interface Gap {
  readonly row: number;
  readonly from: number;
  readonly to: number;
  readonly after: AttemptView;
}

interface TimelineRows {
  readonly labels: readonly string[];
  readonly steps: readonly StepBar[];
  readonly attempts: readonly AttemptBar[];
  readonly gaps: readonly Gap[];
}

/** Up to so many trials have a row of their own; more share the rows of those that ended before. */
const MAX_TRIAL_ROWS = 30;

export function timelineRows(run: RunState, attempts: readonly AttemptView[], now: number): TimelineRows {
  const labels: string[] = [];
  const steps: StepBar[] = [];
  const bars: AttemptBar[] = [];
  const gaps: Gap[] = [];
  for (const step of run.steps) {
    if (step.startedAt === null) continue;
    steps.push({ row: labels.length, step });
    labels.push(step.id);
    const trials = byTrial(attempts.filter((attempt) => attempt.step === step.id));
    const lanes = trials.length <= MAX_TRIAL_ROWS ? trials.map((trial) => [trial]) : shareRows(trials, now);
    for (const lane of lanes) {
      const row = labels.length;
      labels.push(lane.length === 1 && trials.length <= MAX_TRIAL_ROWS ? `trial ${lane[0]?.[0]?.trial ?? ''}` : '');
      for (const trial of lane) {
        bars.push(...trial.map((attempt) => ({ row, attempt })));
        gaps.push(...gapsOf(trial, row));
      }
    }
  }
  return { labels, steps, attempts: bars, gaps };
}

function byTrial(attempts: readonly AttemptView[]): AttemptView[][] {
  const found = new Map<number, AttemptView[]>();
  for (const attempt of attempts) found.set(attempt.trial, [...(found.get(attempt.trial) ?? []), attempt]);
  const trials = [...found.values()].map((trial) => trial.sort((a, b) => a.attempt - b.attempt));
  return trials.sort((a, b) => startOf(a) - startOf(b) || (a[0]?.trial ?? 0) - (b[0]?.trial ?? 0));
}

const startOf = (trial: readonly AttemptView[]): number => Math.min(...trial.map((attempt) => attempt.startedAt));
const endOf = (trial: readonly AttemptView[], now: number): number => Math.max(...trial.map((attempt) => attempt.endedAt ?? now));

/** First fit by start: as many rows as trials ran at once. */
function shareRows(trials: readonly AttemptView[][], now: number): AttemptView[][][] {
  const rows: { free: number; trials: AttemptView[][] }[] = [];
  for (const trial of trials) {
    const row = rows.find(({ free }) => free <= startOf(trial));
    if (row) {
      row.trials.push(trial);
      row.free = endOf(trial, now);
    } else rows.push({ free: endOf(trial, now), trials: [trial] });
  }
  return rows.map((row) => row.trials);
}

function gapsOf(trial: readonly AttemptView[], row: number): Gap[] {
  return trial.flatMap((attempt, index) => {
    const next = trial[index + 1];
    return next && attempt.endedAt !== null && next.startedAt > attempt.endedAt
      ? [{ row, from: attempt.endedAt, to: next.startedAt, after: attempt }]
      : [];
  });
}
