/** Rows of the ledger as the console's own shapes. Pure. */
import type { LedgerRow } from '../contract/ledger.ts';
import type { RunDocument } from '../contract/run-document.ts';
import type { RunState, SearchState, StepState, TrialState } from '../contract/state.ts';
import type { ProgressRecord } from '../contract/trial.ts';
import { metricValues, numberOf, objectOf, textOf, timeOf } from '../present/charts/views.ts';
import type { Point } from './wire.ts';

export const pointOfRow = (row: LedgerRow<'progress'>): Point => ({
  n: numberOf(row.n) ?? 0,
  kind: textOf(row.kind) ?? '',
  attempt: numberOf(row.attempt) ?? 0,
  epoch: numberOf(row.epoch) ?? 0,
  trainingStep: numberOf(row.training_step) ?? 0,
  samples: numberOf(row.samples) ?? 0,
  time: timeOf(row.time) ?? 0,
  rate: numberOf(row.samples_per_second),
  metrics: metricValues(row.metrics),
});

export const pointOfRecord = (record: ProgressRecord): Point => ({
  n: record.n,
  kind: record.kind,
  attempt: record.attempt,
  epoch: record.epoch,
  trainingStep: record.step,
  samples: record.samples,
  time: record.time * 1000,
  rate: record.samplesPerSecond ?? null,
  metrics: record.metrics,
});

/** A search that came from the cache has no workflow to ask; the ledger remembers its trials. */
export function restoredSearch(state: RunState, step: StepState, document: RunDocument, rows: readonly LedgerRow<'trials'>[]): SearchState {
  const spec = [...document.steps, ...document.onExit].find((one) => one.id === step.id)?.spec;
  const trials = rows.filter((row) => row.step === step.id).map(trialOfRow);
  const best = step.outputs.best_trial;
  return {
    run: state.run,
    step: step.id,
    objective: spec?.kind === 'search' ? spec.objective : { metric: '', goal: 'maximize' },
    status: 'succeeded',
    reason: null,
    parallel: spec?.kind === 'search' ? spec.parallel : 1,
    plannedTrials: trials.length,
    bestTrial: typeof best === 'number' ? best : null,
    bestObjective: typeof step.outputs.best_objective === 'number' ? step.outputs.best_objective : null,
    cost: trials.reduce((sum, trial) => sum + trial.cost, 0),
    trials,
    decisions: [],
  };
}

function trialOfRow(row: LedgerRow<'trials'>): TrialState {
  const trained = numberOf(row.seconds);
  return {
    trial: numberOf(row.trial) ?? 0,
    parameters: objectOf(row.parameters),
    origin: textOf(row.origin) ?? '',
    parent: numberOf(row.parent_trial),
    output: textOf(row.output) ?? '',
    workflowId: '',
    status: (textOf(row.status) as TrialState['status'] | null) ?? 'succeeded',
    objective: numberOf(row.objective),
    points: 0,
    metrics: metricValues(row.metrics),
    offline: {},
    reason: textOf(row.reason),
    kept: false,
    priority: 0,
    attempts: numberOf(row.attempts) ?? 0,
    preemptions: 0,
    pool: null,
    startedAt: timeOf(row.started_at),
    endedAt: timeOf(row.ended_at),
    cost: numberOf(row.cost) ?? 0,
    onDemandCost: numberOf(row.on_demand_cost) ?? 0,
    lostCost: numberOf(row.lost_cost) ?? 0,
    bestExport: textOf(row.export),
    ...(trained === null ? {} : { trainedSeconds: trained }),
  };
}
