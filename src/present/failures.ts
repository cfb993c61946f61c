/** What went wrong in a run, why, and what to do about it. Pure. */
import { ERRORS } from '../contract/errors.ts';
import type { AttemptVerdict } from '../contract/jobs.ts';
import type { ReportData } from './report-data.ts';
import { trialsOf } from './charts/views.ts';

export interface Failure {
  readonly where: string;
  readonly what: string;
  readonly cause: string;
  readonly remedy: string;
  /** `handled`: the run went on by itself. */
  readonly severity: 'failed' | 'handled';
}

/** What a person can do about attempts that end so. */
const ATTEMPT_ADVICE: Readonly<Record<Exclude<AttemptVerdict, 'succeeded' | 'stopped'>, string>> = {
  preempted:
    'nothing; the trial went on from its last checkpoint. Many of them: a later pool in placement.order, or shorter checkpoint.max',
  deleted: 'find out who deletes Jobs in this namespace; the trial went on',
  'no-capacity': 'nothing; the next pool was tried. Often: more pools in the profile, or fewer trials at once',
  'out-of-memory': 'raise resources.memory of the search, or a smaller batch size',
  'bad-input': 'fix what the log names; bad data can be skipped with parts.onBad: skip and a budget',
  fenced: 'nothing; a later attempt had taken over',
  silent: 'look at the last lines of its log; raise silence of the profile if it was only slow',
  crashed: '`longhaul logs RUN --trial N` shows the last lines of its log',
};

export function failuresOf(data: ReportData): Failure[] {
  return [...stepFailures(data), ...trialFailures(data), ...attemptFailures(data)];
}

function stepFailures({ run }: ReportData): Failure[] {
  return run.steps
    .filter((step) => step.status === 'failed')
    .map((step) => {
      const cause = step.reason ?? 'no reason was recorded';
      const what = step.errorType ?? 'failed';
      return { where: `step ${step.id}`, what, cause, remedy: adviceFor(step.errorType), severity: 'failed' };
    });
}

const adviceFor = (type: string | undefined): string =>
  type !== undefined && Object.hasOwn(ERRORS, type)
    ? ERRORS[type as keyof typeof ERRORS].advice
    : '`longhaul logs RUN` shows the last lines of its log';

/** Trials of one search that failed of the same cause are one entry. */
function trialFailures(data: ReportData): Failure[] {
  return data.run.steps.flatMap((step) => {
    const groups = new Map<string, { trials: number[]; verdict: unknown }>();
    for (const trial of step.kind === 'search' ? trialsOf(data.trials, step.id, data.searches[step.id]) : []) {
      if (trial.status !== 'failed') continue;
      const last = data.attempts.filter((row) => row.step === step.id && row.trial === trial.trial).at(-1);
      const cause = trial.reason ?? (typeof last?.cause === 'string' ? last.cause : 'no reason was recorded');
      const group = groups.get(cause) ?? { trials: [], verdict: last?.verdict };
      groups.set(cause, { ...group, trials: [...group.trials, trial.trial] });
    }
    return [...groups].map(([cause, { trials, verdict }]): Failure => ({
      where: `${step.id}, trial${trials.length > 1 ? 's' : ''} ${trials.join(', ')}`,
      what: 'failed',
      cause,
      remedy: adviceOf(verdict),
      severity: 'failed',
    }));
  });
}

const adviceOf = (verdict: unknown): string =>
  typeof verdict === 'string' && Object.hasOwn(ATTEMPT_ADVICE, verdict)
    ? ATTEMPT_ADVICE[verdict as keyof typeof ATTEMPT_ADVICE]
    : '`longhaul logs RUN --trial N` shows the last lines of its log';

/** Attempts that did not succeed, summed up by how they ended: what cost time without ending anything. Bad input ends its trial, which tells of it. */
function attemptFailures({ attempts }: ReportData): Failure[] {
  const byVerdict = new Map<string, typeof attempts>();
  for (const row of attempts) {
    if (typeof row.verdict !== 'string' || row.verdict === 'bad-input' || !Object.hasOwn(ATTEMPT_ADVICE, row.verdict)) continue;
    byVerdict.set(row.verdict, [...(byVerdict.get(row.verdict) ?? []), row]);
  }
  return [...byVerdict].map(([verdict, rows]) => {
    const causes = [...new Set(rows.map((row) => String(row.cause ?? '')))];
    const lost = rows.reduce((sum, row) => sum + Number(row.lost_samples ?? 0), 0);
    const shown = causes.slice(0, 3).join('; ') + (causes.length > 3 ? `; and ${causes.length - 3} more causes` : '');
    return {
      where: `${rows.length} attempt${rows.length > 1 ? 's' : ''}`,
      what: verdict,
      cause: `${shown}${lost > 0 ? ` (${lost} samples trained again)` : ''}`,
      remedy: adviceOf(verdict),
      severity: 'handled',
    };
  });
}
