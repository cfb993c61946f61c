/** Applies the rules of early stopping to trials, at each new point and between points. */
import type { TrialRecord } from '../../src/contract/search.ts';
import { stopReason, stopReasonBetweenPoints } from '../../src/rules/early-stopping.ts';
import type { Curve, StoppingContext, TrialCurve } from '../../src/rules/early-stopping.ts';
import { activeRecords, isOver } from './state.ts';
import type { SearchRun } from './state.ts';
import { liveCost, trainedSeconds } from './spending.ts';
import { stopTrial } from './trial-ends.ts';

/**
 * Applies the rules to the trial that has a new point.
 *
 * @param context may serve all points that came at once: it holds the curves themselves, which grow under it
 */
export function applyStoppingRules(run: SearchRun, record: TrialRecord, context: StoppingContext = contextOf(run)): void {
  if (!mayBeStopped(record)) return;
  const reason = stopReason(run.memory.stopping, context.trials[record.state.trial] ?? curveOf(run, record), context);
  if (reason) stopTrial(run, record, reason);
}

/** Rules of time and money bite between points too. */
export function applyStoppingRulesBetweenPoints(run: SearchRun): void {
  if (!run.memory.stopping.some(({ kind }) => kind === 'wall-clock' || kind === 'cost')) return;
  const context = contextOf(run);
  for (const record of activeRecords(run).filter(mayBeStopped)) {
    const reason = stopReasonBetweenPoints(run.memory.stopping, curveOf(run, record), context);
    if (reason) stopTrial(run, record, reason);
  }
}

const mayBeStopped = (record: TrialRecord): boolean => record.active && !record.state.kept && record.stopping === null;

export function contextOf(run: SearchRun): StoppingContext {
  const { objective, alsoOptimize } = run.input.spec;
  return {
    version: run.rules,
    study: run.id,
    objective,
    also: alsoOptimize,
    trials: run.memory.records.map((record) => curveOf(run, record)),
  };
}

function curveOf(run: SearchRun, record: TrialRecord): TrialCurve {
  const now = Date.now();
  const { status } = record.state;
  return {
    trial: record.state.trial,
    status: !isOver(record) ? 'running' : status === 'succeeded' ? 'complete' : status === 'stopped' ? 'stopped' : 'failed',
    ...fromTheStart(run, record),
    seconds: trainedSeconds(record, now),
    cost: liveCost(run, record, now),
  };
}

/** A fork's points come after those of its parent: compared are points of as much training. */
function fromTheStart(run: SearchRun, record: TrialRecord): Pick<TrialCurve, 'curve' | 'series'> {
  const { curve, series, forkedAfter = 0 } = record;
  const parent = record.fork && forkedAfter > 0 ? run.memory.records[record.fork.trial] : undefined;
  if (!parent) return { curve, series };
  const before = fromTheStart(run, parent);
  const whole = (own: Curve, first: Curve): Curve => [...Array.from({ length: forkedAfter }, (_, i) => first[i] ?? null), ...own];
  return {
    curve: whole(curve, before.curve),
    series: Object.fromEntries(Object.entries(series).map(([name, values]) => [name, whole(values, before.series[name] ?? [])])),
  };
}
