/** Takes in learning curves as they grow, and stops trials by the rules. */
import { CancellationScope } from '@temporalio/workflow';
import type { CurveInput, CurvePoint, CurvePoints, TrialRecord } from '../../src/contract/search.ts';
import { metricsOfRules } from '../../src/rules/early-stopping.ts';
import { exportSeen } from './early-evaluation.ts';
import { watching } from '../policies.ts';
import { activeRecords, inBackground, isOver, objectivesOf, recordOf } from './state.ts';
import type { SearchRun } from './state.ts';
import { endedUnheard } from './trials.ts';
import { judge } from './judgement.ts';

/** New trials that are looked for besides the ones that run. */
const MOST_UPCOMING = 25;
const LONGEST_WATCH_SECONDS = 900;
/** A search that has run long may hear of its points a little later: its history stays small. */
const SHORTEST_GATHER_SECONDS = 1;
const LONGEST_GATHER_SECONDS = 60;
const GATHER_SHARE_OF_AGE = 0.005;

/** Keeps one activity that waits for new points. */
export function followCurves(run: SearchRun): void {
  if (run.stopWatching !== null || run.draining || run.memory.finishing !== null || followed(run).length === 0) return;
  const scope = new CancellationScope();
  run.stopWatching = () => {
    scope.cancel();
  };
  const input = curveInput(run);
  inBackground(run, null, async () => {
    try {
      take(run, input, await scope.run(() => watching.awaitCurvePoints(input)));
    } finally {
      run.stopWatching = null;
    }
  });
}

/** Running trials, and ended ones whose last points were not yet read. */
function followed(run: SearchRun): TrialRecord[] {
  return run.memory.records.filter((record) => record.active || (record.lastProgress !== null && record.progress < record.lastProgress));
}

function curveInput(run: SearchRun): CurveInput {
  const { memory, input } = run;
  const ageSeconds = (Date.now() - memory.startedAt) / 1000;
  return {
    profile: input.profile,
    trials: followed(run).map((record) => ({ trial: record.state.trial, output: record.state.output, n: record.progress })),
    metrics: wantedMetrics(run),
    exports: input.spec.earlyEvaluation !== undefined,
    gatherSeconds: Math.min(LONGEST_GATHER_SECONDS, Math.max(SHORTEST_GATHER_SECONDS, ageSeconds * GATHER_SHARE_OF_AGE)),
    maxSeconds: LONGEST_WATCH_SECONDS,
    upcoming: {
      first: memory.records.length,
      count: Math.min(MOST_UPCOMING, memory.parallel, Math.max(0, memory.plannedTrials - memory.records.length)),
      output: run.output,
    },
    inherited: activeRecords(run)
      .filter((record) => record.inherited)
      .map(({ state }) => ({ trial: state.trial, workflowId: state.workflowId })),
  };
}

function wantedMetrics(run: SearchRun): string[] {
  return [
    ...new Set([...objectivesOf(run).map(({ metric }) => metric), ...metricsOfRules(run.memory.stopping), 'loss', 'validation_loss']),
  ];
}

function take(run: SearchRun, input: CurveInput, news: CurvePoints): void {
  for (const point of news.points) takePoint(run, input.metrics, point);
  for (const seen of news.exports) exportSeen(run, seen);
  for (const [trial, n] of news.seen) {
    const record = recordOf(run, trial);
    if (record) record.progress = Math.max(record.progress, n);
  }
  for (const record of run.memory.records) {
    // The end was told, and all that there is has been asked for.
    if (record.lastProgress !== null && input.trials.some(({ trial }) => trial === record.state.trial))
      record.progress = Math.max(record.progress, record.lastProgress);
  }
  for (const { trial, summary, reason } of news.ended) endedUnheard(run, trial, summary, reason);
}

function takePoint(run: SearchRun, names: readonly string[], [trial, n, , values]: CurvePoint): void {
  const record = recordOf(run, trial);
  // Read twice: another run of this workflow had begun to read.
  if (!record || n <= record.progress) return;
  record.progress = n;
  record.state.points += 1;
  for (const [i, name] of names.entries()) {
    const value = values[i] ?? null;
    if (name === run.input.spec.objective.metric) record.curve.push(value);
    // What it ended with has all digits.
    if (value !== null && !isOver(record)) record.state.metrics[name] = value;
    if (!isOver(record) && ruleMetrics(run).has(name)) (record.series[name] ??= []).push(value);
  }
  if (!run.input.spec.objective.metric.startsWith('offline.')) judge(run, record);
}

const ruleMetrics = (run: SearchRun): Set<string> => new Set(metricsOfRules(run.memory.stopping));
