/** Takes in learning curves as they grow, and stops trials by the rules. */
import { CancellationScope, patched } from '@temporalio/workflow';
import type { CurveInput, CurvePoint, CurvePoints } from '../../src/contract/attempts.ts';
import type { TrialRecord } from '../../src/contract/search.ts';
import type { SearchSpec } from '../../src/contract/steps.ts';
import { metricsOfRules } from '../../src/rules/early-stopping.ts';
import { OFFLINE } from '../../src/rules/trial-ends.ts';
import { exportSeen } from './early-evaluation.ts';
import { watching } from '../policies.ts';
import { activeRecords, inBackground, isOver, objectivesOf, recordOf } from './state.ts';
import type { SearchRun } from './state.ts';
import { reachEndOfInterval } from './population.ts';
import { reachRung } from './rungs.ts';
import { endUnreportedTrial, finish, stopTrial } from './trial-ends.ts';
import { contextOf, applyStoppingRules } from './stopping.ts';
import type { StoppingContext } from '../../src/rules/early-stopping.ts';
import { WAITS } from '../../src/rules/durations.ts';

/** New trials that are looked for besides the ones that run. */
const MAX_UPCOMING = 25;
const GATHER_SHARE_OF_AGE = 0.005;

/** Keeps one activity that waits for new points. */
export function followCurves(run: SearchRun): void {
  if (run.stopWatching !== null || run.draining || run.memory.finishing !== null || followed(run).length === 0) return;
  const scope = new CancellationScope();
  run.stopWatching = () => {
    scope.cancel();
  };
  const input = curveInput(run);
  const { first, count } = input.upcoming;
  run.covered = new Set([...input.trials.map(({ trial }) => trial), ...Array.from({ length: count }, (_, i) => first + i)]);
  run.watchedToTheEnd = new Set(input.trials.filter(({ last }) => last !== undefined).map(({ trial }) => trial));
  const begun = Date.now();
  inBackground(run, null, async () => {
    try {
      take(run, input, await scope.run(() => watching.awaitCurvePoints(input)));
    } finally {
      run.stopWatching = null;
      if (Date.now() - begun >= (input.lookAfterSeconds ?? 0) * 1000) run.inheritedLookedAt = Date.now();
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
    trials: followed(run).map(({ state: { trial, output }, progress, lastProgress }) => ({
      ...{ trial, output, n: progress },
      ...(lastProgress === null ? {} : { last: lastProgress }),
    })),
    metrics: wantedMetrics(run),
    exports: input.spec.earlyEvaluation !== undefined,
    gatherSeconds: Math.min(
      WAITS.pointsGatheredLongestSeconds,
      Math.max(WAITS.pointsGatheredShortestSeconds, ageSeconds * GATHER_SHARE_OF_AGE),
    ),
    maxSeconds: WAITS.curveWatchLongestSeconds,
    ...(run.rules === 1 || memory.metricsSeen ? {} : { required: requiredMetrics(run) }),
    ...resourceOf(input.spec.scheduler),
    upcoming: {
      first: memory.records.length,
      count: Math.min(MAX_UPCOMING, memory.parallel, Math.max(0, memory.plannedTrials - memory.records.length)),
      output: run.output,
    },
    inherited: activeRecords(run)
      .filter((record) => record.inherited)
      .map(({ state }) => ({ trial: state.trial, workflowId: state.workflowId })),
    lookAfterSeconds: Math.max(0, WAITS.inheritedTrialsLookSeconds - (Date.now() - run.inheritedLookedAt) / 1000),
  };
}

function resourceOf(scheduler: SearchSpec['scheduler']): Pick<CurveInput, 'resource'> {
  return scheduler?.resource === 'samples' || scheduler?.resource === 'epochs' ? { resource: scheduler.resource } : {};
}

function wantedMetrics(run: SearchRun): string[] {
  return [...new Set([...measured(run), ...metricsOfRules(run.memory.stopping), 'loss', 'validation_loss'])];
}

function take(run: SearchRun, input: CurveInput, news: CurvePoints): void {
  for (const lack of news.lacking ?? []) refuseMetrics(run, lack);
  if (input.required !== undefined && news.points.length > 0 && (news.lacking ?? []).length === 0) run.memory.metricsSeen = true;
  const context = contextOf(run);
  // First the exports: a point may be newer than one that is still to be evaluated.
  if (run.reconciles) for (const seen of news.exports) exportSeen(run, seen);
  for (const point of news.points) takePoint(run, input.metrics, point, context);
  if (!run.reconciles) for (const seen of news.exports) exportSeen(run, seen);
  for (const [trial, n] of news.seen) {
    const record = recordOf(run, trial);
    if (record) record.progress = Math.max(record.progress, n);
  }
  if (news.more !== true)
    for (const { trial, last } of input.trials) {
      const record = recordOf(run, trial);
      if (!record || record.lastProgress === null || record.progress >= record.lastProgress) continue;
      // The end was told, and all that there is has been asked for; where it was told meanwhile, that may have come after the last look.
      if (last !== undefined || !patched('points-before-the-end')) record.progress = record.lastProgress;
    }
  for (const { trial, summary, reason } of news.ended) endUnreportedTrial(run, trial, summary, reason);
}

function takePoint(
  run: SearchRun,
  names: readonly string[],
  [trial, n, step, values, resource]: CurvePoint,
  context: StoppingContext,
): void {
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
    if (!isOver(record) && ruleMetrics(run).has(name)) pushAt(run, record, name, value);
  }
  if (run.input.spec.objective.metric.startsWith(OFFLINE)) return;
  const reached = { step, resource: resource ?? null };
  reachRung(run, record, reached);
  reachEndOfInterval(run, record, reached);
  if (isThawed(run, record)) stopTrial(run, record, `trained to point ${record.curve.length}, as far as was asked`);
  applyStoppingRules(run, record, context);
}

function isThawed({ input }: SearchRun, { state, curve, active, unbounded }: TrialRecord): boolean {
  if (unbounded === true) return false;
  const wanted = input.spec.takesOver?.thaw?.find(({ trial }) => trial === state.trial)?.points ?? null;
  return active && wanted !== null && curve.length >= wanted;
}

/** Series have a value for each point, also where they begin later: with a rule that was set meanwhile. */
function pushAt(run: SearchRun, record: TrialRecord, name: string, value: number | null): void {
  const series = (record.series[name] ??= []);
  if (run.rules !== 1) while (series.length < record.state.points - 1) series.push(null);
  series.push(value);
}

const ruleMetrics = (run: SearchRun): Set<string> =>
  new Set(metricsOfRules(run.memory.stopping, run.rules === 1 ? [] : run.input.spec.alsoOptimize));

const measured = (run: SearchRun): string[] =>
  [...objectivesOf(run), ...(run.input.spec.metricConstraints ?? [])].map(({ metric }) => metric);

/** What a search cannot do without, of the metrics that a trainer writes. */
function requiredMetrics(run: SearchRun): string[] {
  return [...new Set([...measured(run), ...metricsOfRules(run.memory.stopping)])].filter((name) => !name.startsWith(OFFLINE));
}

/** Told by the first point of the first trial, and not after days: nothing would come of the others either. */
function refuseMetrics(run: SearchRun, { trial, metrics, found }: NonNullable<CurvePoints['lacking']>[number]): void {
  const record = recordOf(run, trial);
  if (!record || run.memory.finishing !== null || run.memory.metricsSeen === true) return;
  record.invalid = true;
  const needed = metrics.join(', ');
  finish(
    run,
    `exit code 78: the first point of trial ${trial} has no metric ${needed}; it has ${found.join(', ') || 'none'}`,
    true,
    'InvalidInput',
  );
}
