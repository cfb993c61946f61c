/** Taking in the end of a trial, by whichever way it is heard of; and ending a search whose trials fail too often. */
import type { TrialRecord } from '../../src/contract/search.ts';
import type { TrialSummary } from '../../src/contract/trial-run.ts';
import { endOf, endOfV1, OFFLINE } from '../../src/rules/trial-ends.ts';
import { brokenConstraints, dominates } from '../../src/rules/best-trials.ts';
import { promotes } from '../../src/rules/halving.ts';
import { decided, isOver, objectivesOf, recordOf, type SearchRun } from './state.ts';
import { heldSummary, holds, isHeld, isWithoutMachine, yields } from './held-trials.ts';
import { waitsForOthers } from './population-member.ts';
import { endRunning } from './spending.ts';
import { publish } from './view.ts';
import { requestStop } from './trial-signals.ts';

const REASON_CHARACTERS = 1000;
const MAX_METRICS = 12;
/** Of the trials that one beats. */
const MAX_NAMED = 8;
/** Where a search does not say: so many trials may fail before it does, or this share of them. */
const FAILURES_ALWAYS_ALLOWED = 2;
const FAILURES_ALLOWED_SHARE = 0.1;

export function stopTrial(run: SearchRun, record: TrialRecord, reason: string): void {
  if (isOver(record) || record.stopping !== null) return;
  decided(run, record.state.trial, `stopped: ${reason}`);
  requestStop(run, record, reason);
  if (record.active) return;
  const waits = isHeld(record) || isWithoutMachine(record);
  const staysHeld = run.memory.finishing !== null && promotes(run.input.spec.scheduler);
  finalise(run, record, waits ? heldSummary(record, reason, staysHeld) : withoutRunning(record, reason));
}

/** Takes in a trial's end, by whichever way it is heard of first. */
export function ended(run: SearchRun, summary: TrialSummary): void {
  const record = recordOf(run, summary.trial);
  if (!record?.active) return;
  record.active = false;
  record.inherited = false;
  endRunning(record, summary.endedAt);
  const { carried } = summary;
  record.busyMs = Math.max(record.busyMs, carried.seconds * 1000);
  record.lastProgress = carried.lastProgress;
  record.carried = carried;
  record.weightsSha256 = summary.weightsSha256;
  const { attempts, preemptions, cost, onDemandCost, lostCost } = carried;
  Object.assign(record.state, {
    attempts,
    preemptions,
    cost,
    onDemandCost,
    lostCost,
    pool: null,
    waitingSince: undefined,
    bestExport: summary.bestExport ?? record.state.bestExport,
  });
  record.verdict = summary.verdict;
  run.dirty = true;
  if (holds(run, record, summary) || waitsForOthers(run, record, summary) || yields(run, record, summary)) return;
  if (needsEvaluation(run, record, summary)) {
    record.ending = summary;
    record.toEvaluate = { export: summary.bestExport ?? '', samples: carried.samples };
  } else finalise(run, record, summary);
}

export function failWithoutSummary(run: SearchRun, record: TrialRecord, reason: string): void {
  if (!record.active) return;
  record.active = false;
  record.inherited = false;
  endRunning(record, Date.now());
  finalise(run, record, { ...withoutRunning(record, reason), status: 'failed' });
}

export function endUnreportedTrial(run: SearchRun, trial: number, summary: TrialSummary | null, reason: string): void {
  const record = recordOf(run, trial);
  if (!record) return;
  if (summary) ended(run, summary);
  else failWithoutSummary(run, record, reason);
}

const withoutRunning = (record: TrialRecord, reason: string): Omit<TrialSummary, 'carried'> => ({
  trial: record.state.trial,
  status: 'cancelled',
  objective: null,
  metrics: {},
  reason,
  bestExport: null,
  weightsSha256: null,
  endedAt: Date.now(),
});

/** An offline objective is known only after its export was evaluated. */
function needsEvaluation(run: SearchRun, record: TrialRecord, summary: TrialSummary): boolean {
  const offline = objectivesOf(run).some(({ metric }) => metric.startsWith(OFFLINE));
  const wanted = summary.status === 'succeeded' || summary.status === 'stopped';
  return (
    offline &&
    wanted &&
    run.input.spec.earlyEvaluation !== undefined &&
    summary.bestExport !== null &&
    summary.bestExport !== record.evaluatedExport
  );
}

/** The trial is over for the sampler, the budget and the ledger. */
export function finalise(run: SearchRun, record: TrialRecord, summary: Omit<TrialSummary, 'carried'>): void {
  const { memory } = run;
  record.ending = null;
  record.toEvaluate = null;
  record.asking = null;
  if (record.offlineBest) {
    record.state.bestExport = record.offlineBest.export;
    Object.assign(record.state.offline, record.offlineBest.metrics);
  }
  const end = run.rules === 1 ? endOfV1(record, summary, objectivesOf(run)) : endOf(record, summary, objectivesOf(run));
  const { values, reason } = end;
  const status = record.invalid ? 'failed' : end.status;
  record.values = values;
  const metrics = Object.keys(summary.metrics).length > 0 ? summary.metrics : record.state.metrics;
  Object.assign(record.state, {
    status,
    objective: record.values[0] ?? null,
    reason: reason?.slice(0, REASON_CHARACTERS) ?? null,
    endedAt: summary.endedAt,
    metrics: shortest(run, metrics),
  });
  record.told = memory.tells;
  memory.tells += 1;
  record.unrecorded = true;
  run.dirty = true;
  recordConstraintsAndDominance(run, record);
  if (status === 'failed') limitFailures(run, reason ?? 'unknown');
  publish(run);
}

/** In words, among the decisions: which constraints it breaks, and with several objectives which trials it beats in all of them. */
function recordConstraintsAndDominance(run: SearchRun, record: TrialRecord): void {
  const { trial, status, metrics, offline } = record.state;
  if (status !== 'succeeded' && status !== 'stopped') return;
  const broken = brokenConstraints(run.input.spec.metricConstraints ?? [], metrics, offline);
  if (broken.length > 0) return decided(run, trial, `cannot be the best: ${broken.join(', ')}`);
  const objectives = objectivesOf(run);
  if (objectives.length === 1 || run.rules === 1) return;
  const [own, ...others] = [record, ...run.memory.records.filter((other) => other !== record && other.told !== null)].map((one) => ({
    trial: one.state.trial,
    values: one.values,
  }));
  const beaten = others.filter((other) => own !== undefined && other.values.length > 0 && dominates(own, other, objectives));
  const beats = beaten.slice(0, MAX_NAMED).map((other) => other.trial);
  if (beats.length > 0) decided(run, trial, `dominates trials ${beats.join(', ')}${beaten.length > MAX_NAMED ? ', …' : ''}`);
}

/** The metrics that matter first; histories and queries hold them for a thousand trials. */
function shortest(run: SearchRun, metrics: Readonly<Record<string, number | null>>): Record<string, number | null> {
  const first = [...objectivesOf(run), ...(run.input.spec.metricConstraints ?? [])].map(({ metric }) => metric);
  const names = [...new Set([...first, ...Object.keys(metrics)])].filter((name) => name in metrics).slice(0, MAX_METRICS);
  return Object.fromEntries(names.map((name) => [name, metrics[name] ?? null]));
}

function limitFailures(run: SearchRun, reason: string): void {
  const { memory, input } = run;
  const failed = memory.records.filter((record) => record.state.status === 'failed').length;
  const allowed =
    input.spec.maxFailedTrials ?? Math.max(FAILURES_ALWAYS_ALLOWED, Math.floor(memory.plannedTrials * FAILURES_ALLOWED_SHARE));
  if (failed > allowed && memory.finishing === null) finish(run, `${failed} trials failed, ${allowed} may; the last one: ${reason}`, true);
}

/** No further trial starts, running ones are stopped with a checkpoint. */
export function finish(run: SearchRun, reason: string, failed: boolean, type?: 'InvalidInput'): void {
  run.memory.finishing = { reason, failed, ...(type === undefined ? {} : { type }) };
  decided(run, null, `ends: ${reason}`);
  for (const record of run.memory.records) if (!isOver(record) && record.ending === null) stopTrial(run, record, reason);
  run.dirty = true;
}
