/** What people see of a search: the `state` query, the details in Temporal's web UI, the rows of the ledger. */
import { setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import { paramOutput } from '../../src/contract/names.ts';
import type { SearchState, StatePage, TrialState } from '../../src/contract/state.ts';
import type { SearchResult, TrialRecord } from '../../src/contract/search.ts';
import { silentClusters } from '../../src/rules/clusters.ts';
import { bestTrial, kneeOf, paretoFront } from '../../src/rules/best-trials.ts';
import { paramsOf, trainingParameters } from '../../src/rules/data-of-trial.ts';
import { candidates } from './candidates.ts';
import { isHeld } from './held-trials.ts';
import { promiseKept } from './promise-kept.ts';
import { replicatedOf } from './replicates.ts';
import { jsonBytes } from '../../src/rules/packed-json.ts';
import { ATTRIBUTE_KEYS } from '../search-attributes.ts';
import { objectivesOf } from './state.ts';
import type { SearchRun } from './state.ts';
import { liveCost, spent } from './spending.ts';

/** An answer may have 2 MiB; so many trials are never larger. */
const MAX_TRIALS_BYTES = 1_300_000;
const TRIALS_THAT_FIT = 200;
const TRIALS_IN_DETAILS = 10;
const SHOWN_DIGITS = 5;

/** @param page where a search has more trials than an answer of Temporal's may hold */
export function stateOf(run: SearchRun, { from = 0 }: StatePage = {}): SearchState {
  const { memory, input } = run;
  const now = Date.now();
  const best = bestRecord(run);
  // Not spread: the worker's bundle would define each of 25,000 properties by itself.
  const all = memory.records.slice(from).map((record) => Object.assign({}, record.state, seenOf(run, record, now)));
  const trials = fitting(all);
  return {
    run: input.run,
    step: input.step,
    objective: input.spec.objective,
    status: memory.status,
    reason: memory.reason,
    parallel: memory.parallel,
    plannedTrials: memory.plannedTrials,
    bestTrial: best?.state.trial ?? null,
    bestObjective: replicatedOf(run)?.finalists[0]?.mean ?? best?.state.objective ?? null,
    cost: spent(run, now).cost,
    trials,
    ...(trials.length < all.length ? { next: from + trials.length } : {}),
    settings: { budget: memory.budget, space: memory.space, stopping: memory.stopping },
    ...(memory.clusters === undefined ? {} : { clusters: silentClusters(memory.clusters) }),
    ...(memory.tensorboard ? { tensorboard: memory.tensorboard } : {}),
    decisions: memory.decisions,
  };
}

const seenOf = (run: SearchRun, record: TrialRecord, now: number): Partial<TrialState> => ({
  cost: liveCost(run, record, now),
  reason: reasonOf(record),
  trainedSeconds: record.busyMs / 1000,
  trainsSince: record.runningSince ?? undefined,
  held: isHeld(record) || undefined,
});

function fitting<T>(trials: T[]): T[] {
  if (trials.length <= TRIALS_THAT_FIT) return trials;
  let bytes = 0;
  const tooMany = trials.findIndex((trial) => (bytes += jsonBytes(trial)) > MAX_TRIALS_BYTES);
  return tooMany < 0 ? trials : trials.slice(0, Math.max(1, tooMany));
}

const reasonOf = ({ asking, state }: TrialRecord): string | null => (asking === null ? state.reason : `waits for an answer: ${asking}`);

function bestRecord(run: SearchRun): TrialRecord | null {
  const best = replicatedOf(run)?.finalists[0] ?? bestTrial(candidates(run), run.input.spec.objective);
  return best ? (run.memory.records[best.trial] ?? null) : null;
}

function promiseIn(run: SearchRun): Pick<SearchResult, 'promise'> {
  const promise = promiseKept(run);
  return promise === null ? {} : { promise };
}

function kneeIn(run: SearchRun): Pick<SearchResult, 'knee'> {
  const knee = objectivesOf(run).length > 1 ? kneeOf(candidates(run), objectivesOf(run)) : null;
  return knee === null ? {} : { knee };
}

export function resultOf(run: SearchRun): SearchResult | null {
  const best = bestRecord(run);
  if (!best) return null;
  const replicates = replicatedOf(run);
  const { records } = run.memory;
  const count = (status: string): number => records.filter((record) => record.state.status === status).length;
  const sum = (of: 'cost' | 'onDemandCost' | 'lostCost'): number =>
    records.reduce((total, record) => total + record.state[of], of === 'lostCost' ? 0 : (run.memory.scoringCost ?? 0));
  return {
    outputs: {
      best_trial: best.state.trial,
      best_objective: replicates?.finalists[0]?.mean ?? best.state.objective,
      best_parameters: trainingParameters(run.input.spec, best.state.parameters),
      export: best.state.bestExport,
      trials: records.filter((record) => record.state.startedAt !== null).length,
      cost: sum('cost'),
      weights_sha256: best.weightsSha256,
      ...paramOutputs(run, best),
    },
    cost: sum('cost'),
    onDemandCost: sum('onDemandCost'),
    lostCost: sum('lostCost'),
    counts: { succeeded: count('succeeded'), stopped: count('stopped'), failed: count('failed'), cancelled: count('cancelled') },
    ...(replicates ? { replicates } : {}),
    ...promiseIn(run),
    ...kneeIn(run),
    front: objectivesOf(run).length > 1 ? paretoFront(candidates(run), objectivesOf(run)) : [best.state.trial],
  };
}

/** What it chose of the pipeline's params: steps that come after the search go by it. */
function paramOutputs({ input: { spec } }: SearchRun, best: TrialRecord): Partial<SearchResult['outputs']> {
  if (spec.dataBy === undefined) return {};
  const params = paramsOf(spec, best.state.parameters);
  return { params, ...Object.fromEntries(Object.entries(params).map(([name, value]) => [paramOutput(name), value])) };
}

/**
 * Search attribute and details; called when a trial has ended or the search's status changes.
 * Each upsert is an event of the history: there is one only for another value.
 */
export function publish(run: SearchRun): void {
  const objective = bestRecord(run)?.state.objective ?? null;
  if (objective !== null && objective !== run.published) upsertSearchAttributes([{ key: ATTRIBUTE_KEYS.bestObjective, value: objective }]);
  run.published = objective ?? run.published;
  setCurrentDetails(detailsOf(run));
}

function detailsOf(run: SearchRun): string {
  const { memory, input } = run;
  const { metric, goal } = input.spec.objective;
  const ended = memory.records.filter((record) => record.told !== null);
  const sign = goal === 'maximize' ? -1 : 1;
  const first = [...ended]
    .sort((a, b) => sign * ((a.state.objective ?? Infinity * sign) - (b.state.objective ?? Infinity * sign)))
    .slice(0, TRIALS_IN_DETAILS);
  const { cost } = spent(run, Date.now());
  const head = `**${memory.status}**${memory.reason ? `: ${memory.reason}` : ''} · ${ended.length} of ${memory.plannedTrials} trials · ${cost.toFixed(2)} ${input.profile.currency} · ${goal} ${metric}`;
  const rows = first.map(
    ({ state }) =>
      `| ${state.trial} | ${state.status} | ${show(state.objective)} | \`${JSON.stringify(state.parameters).slice(0, 120)}\` | ${state.cost.toFixed(2)} |`,
  );
  const link = memory.tensorboard ? [`[TensorBoard](${memory.tensorboard})`, ''] : [];
  return [head, '', ...link, '| trial | status | objective | parameters | cost |', '| ---: | --- | ---: | --- | ---: |', ...rows].join(
    '\n',
  );
}

const show = (value: number | null): string => (value === null ? '' : String(Number(value.toPrecision(SHOWN_DIGITS))));
