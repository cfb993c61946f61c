/** Early evaluation: offline metrics of exports while training goes on. */
import { ActivityFailure, isCancellation, patched } from '@temporalio/workflow';
import { shortHash } from '../../src/contract/ids.ts';
import type { CurvePoints } from '../../src/contract/attempts.ts';
import type { TrialRecord } from '../../src/contract/search.ts';
import { better } from '../../src/rules/best-trials.ts';
import { specOfTrial } from '../../src/rules/data-of-trial.ts';
import { OFFLINE } from '../../src/rules/trial-ends.ts';
import { applyStoppingRules } from './stopping.ts';
import { reachRung } from './rungs.ts';
import { notifyPeople, decided, inBackground, isOver, recordOf } from './state.ts';
import type { Scored } from '../../activities/scoring.ts';
import type { JobHost } from '../pipeline/jobs.ts';
import { createScoring } from '../pipeline/scoring.ts';
import { evaluating } from '../policies.ts';
import type { SearchRun } from './state.ts';
import { finalise, stopTrial } from './trial-ends.ts';
import { pauseTrial } from './trial-signals.ts';

/** Scoring uses the warehouse, which other runs want too. */
const MAX_EVALUATING = 4;
const FAILURE_CHARACTERS = 300;

export function exportSeen(run: SearchRun, seen: CurvePoints['exports'][number]): void {
  const record = recordOf(run, seen.trial);
  const rule = run.input.spec.earlyEvaluation;
  if (!record || !rule || isOver(record) || seen.n <= record.progress) return;
  record.exports += 1;
  const due =
    record.exports % rule.everyExports === 0 &&
    (record.evaluatedAt === null || (Date.now() - record.evaluatedAt) / 1000 >= rule.everySeconds);
  if (due) record.toEvaluate = { export: seen.export, samples: seen.samples };
}

/** Starts what is to be evaluated; ends of trials first. */
export function evaluateExports(run: SearchRun): void {
  if (run.draining) return;
  const waiting = run.memory.records.filter((record) => record.toEvaluate !== null && !evaluationOf(run).has(record.state.trial));
  waiting.sort((a, b) => Number(b.ending !== null) - Number(a.ending !== null) || a.state.trial - b.state.trial);
  for (const record of waiting.slice(0, MAX_EVALUATING - run.busy.evaluating)) inBackground(run, 'evaluating', () => evaluate(run, record));
}

const underWay = new WeakMap<SearchRun, Set<number>>();
/** Trials of which an export is being evaluated. */
const evaluationOf = (run: SearchRun): Set<number> => {
  const found = underWay.get(run) ?? new Set<number>();
  underWay.set(run, found);
  return found;
};

async function evaluate(run: SearchRun, record: TrialRecord): Promise<void> {
  const { input } = run;
  const spec = specOfTrial(input.spec, record.state.parameters)?.earlyEvaluation;
  const wanted = record.toEvaluate;
  if (!spec || !wanted) return;
  evaluationOf(run).add(record.state.trial);
  try {
    const { run: name, pipeline, step, profile } = input;
    const key = `${name}-${step}-t${record.state.trial}-${shortHash(wanted.export)}`;
    const scored = patched('scorers-are-jobs') ? await scoresOf(run, record, wanted.export, key) : undefined;
    const { metrics } = await evaluating.evaluateExport.executeWithOptions({ summary: `offline metrics of trial ${record.state.trial}` }, [
      {
        ...{ run: name, pipeline, step, profile, spec, export: wanted.export, trial: record.state.trial, samples: wanted.samples, key },
        ...(scored === undefined ? {} : { scored }),
      },
    ]);
    record.evaluationFailure = null;
    evaluated(run, record, wanted.export, metrics);
  } catch (error) {
    // Only this export is unusable: the other trials, and this one's further exports, go on.
    if (!(error instanceof ActivityFailure) || isCancellation(error) || !patched('evaluation-fails-alone')) throw error;
    record.evaluationFailure = (error.cause?.message ?? error.message).slice(0, FAILURE_CHARACTERS);
    decided(run, record.state.trial, `model export ${nameOf(wanted.export)} could not be evaluated: ${record.evaluationFailure}`);
    evaluated(run, record, wanted.export, {});
  } finally {
    evaluationOf(run).delete(record.state.trial);
  }
}

/** By a Job beside the trial's own. */
async function scoresOf(
  { input, memory, reconciles }: SearchRun,
  record: TrialRecord,
  model: string,
  key: string,
): Promise<readonly Scored[]> {
  const { run, pipeline, profile, spec } = input;
  const host: JobHost = {
    profile,
    reconciles,
    timeoutSeconds: null,
    attemptsBefore: 0,
    begun: () => undefined,
    spent: (cost) => void (memory.scoringCost = (memory.scoringCost ?? 0) + cost),
    told: () => undefined,
  };
  const step = `${input.step}--t${record.state.trial}-${shortHash(model)}`;
  const rules = specOfTrial(spec, record.state.parameters)?.earlyEvaluation;
  return rules ? createScoring(host, () => spec)({ run, pipeline, step, key, profile, spec: { ...rules, model } }) : [];
}

const nameOf = (uri: string): string => uri.split('/').at(-1) ?? uri;

function evaluated(run: SearchRun, record: TrialRecord, uri: string, metrics: Readonly<Record<string, number | null>>): void {
  if (record.toEvaluate?.export === uri) record.toEvaluate = null;
  record.evaluatedExport = uri;
  record.evaluatedAt = Date.now();
  takeMetrics(run, record, uri, metrics);
}

function takeMetrics(run: SearchRun, record: TrialRecord, uri: string, metrics: Readonly<Record<string, number | null>>): void {
  Object.assign(record.state.offline, metrics);
  const { metric, goal } = run.input.spec.objective;
  if (metric.startsWith(OFFLINE)) {
    const name = metric.slice(OFFLINE.length);
    const value = metrics[name] ?? null;
    record.curve.push(value);
    if (better(value, record.offlineBest?.metrics[name] ?? null, goal)) record.offlineBest = { export: uri, metrics };
  }
  if (record.ending) return finalise(run, record, record.ending);
  if (isOver(record)) return;
  if (metric.startsWith(OFFLINE)) {
    reachRung(run, record, { step: 0, resource: null });
    applyStoppingRules(run, record);
  }
  act(run, record, metrics);
}

/** The user's own limit on an offline metric. */
function act(run: SearchRun, record: TrialRecord, metrics: Readonly<Record<string, number | null>>): void {
  const rule = run.input.spec.earlyEvaluation?.when;
  const value = rule ? (metrics[rule.metric] ?? null) : null;
  if (!rule || value === null || record.state.kept || record.stopping !== null) return;
  const broken =
    rule.below !== undefined && value < rule.below
      ? `below ${rule.below}`
      : rule.above !== undefined && value > rule.above
        ? `above ${rule.above}`
        : null;
  if (!broken) return;
  const reason = `early evaluation: ${rule.metric} ${Number(value.toPrecision(5))} is ${broken}`;
  if (rule.then === 'stop') return stopTrial(run, record, reason);
  if (record.asking !== null) return;
  record.asking = reason;
  decided(run, record.state.trial, `waits for a person: ${reason}`);
  pauseTrial(run, record);
  notifyPeople(run, 'approval', `trial ${record.state.trial}: ${reason}; approve to go on, reject to stop it`);
}
