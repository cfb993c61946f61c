/** The state of a search's workflow: what it carries over continue-as-new, and what only this run of it knows. */
import { isCancellation, patched, workflowInfo } from '@temporalio/workflow';
import { trialOutput, trialWorkflowId, dnsLabel } from '../../src/contract/ids.ts';
import type { SearchCarried, SearchInput, TrialRecord } from '../../src/contract/search.ts';
import type { Objective } from '../../src/contract/search-space.ts';
import type { Json } from '../../src/contract/values.ts';
import type { RulesVersion } from '../../src/rules/early-stopping.ts';
import type { NotifyInput } from '../../activities/notifications.ts';
import { notifications } from '../policies.ts';

export interface SearchRun {
  readonly input: SearchInput;
  readonly id: string;
  readonly memory: SearchCarried;
  /** 1 while a history of release 0.1 is replayed: its decisions were others. */
  readonly rules: RulesVersion;
  /** Prefix of the trials' outputs. */
  readonly output: string;
  /** Something happened that the loop must look at. */
  dirty: boolean;
  /** Background work of each kind that is under way. */
  readonly busy: Record<'asking' | 'starting' | 'evaluating' | 'recording' | 'telling', number>;
  /** Ends the activity that follows the curves. */
  stopWatching: (() => void) | null;
  /** Error of background work: ends the search. */
  fatal: Error | null;
  /** The workflow is about to continue as new: nothing new begins. */
  draining: boolean;
  /** Trials whose curves are followed now. */
  watched: ReadonlySet<number>;
  /** Best objective that the search attribute says. */
  published: number | null;
}

/** Decisions kept in the state. */
const MOST_DECISIONS = 200;

export function createSearchRun(input: SearchInput): SearchRun {
  const memory = input.carried ?? newMemory(input);
  for (const record of memory.records) record.inherited ||= record.active;
  return {
    input,
    rules: patched('search-rules-2') ? 2 : 1,
    id: workflowInfo().workflowId,
    memory,
    output: outputOf(input),
    dirty: true,
    busy: { asking: 0, starting: 0, evaluating: 0, recording: 0, telling: 0 },
    stopWatching: null,
    fatal: null,
    draining: false,
    watched: new Set(),
    published: null,
  };
}

function newMemory({ spec }: SearchInput): SearchCarried {
  return {
    startedAt: Date.now(),
    status: 'running',
    reason: null,
    parallel: spec.parallel,
    plannedTrials: spec.trials,
    space: spec.space,
    spaceVersion: 0,
    stopping: spec.stopping,
    budget: spec.budget,
    records: [],
    decisions: [],
    tells: 0,
    exhausted: false,
    finishing: null,
    warm: spec.sampler.warmStart.length > 0 ? null : [],
    generation: 0,
    pausedMs: 0,
    pausedSince: null,
    sampler: null,
  };
}

/** Each run has an output of its own, also when another run asks for the same search at the same time. */
function outputOf({ spec, run }: SearchInput): string {
  const own = dnsLabel(run, 100);
  return spec.output.includes(run) || spec.output.includes(own) ? spec.output : `${spec.output}/${own}`;
}

export const objectivesOf = (run: SearchRun): readonly Objective[] => [run.input.spec.objective, ...run.input.spec.alsoOptimize];

export function newRecord(
  run: SearchRun,
  parameters: Readonly<Record<string, Json>>,
  origin: string,
  more: Partial<TrialRecord> & { readonly priority?: number; readonly parent?: number } = {},
): TrialRecord {
  const { priority = 0, parent = null, ...rest } = more;
  const trial = run.memory.records.length;
  const record: TrialRecord = {
    state: {
      trial,
      parameters: { ...run.input.spec.fixed, ...parameters },
      origin,
      parent,
      output: trialOutput(run.output, trial),
      workflowId: trialWorkflowId(run.input.run, run.input.step, trial),
      status: 'queued',
      objective: null,
      points: 0,
      metrics: {},
      offline: {},
      reason: null,
      kept: false,
      priority,
      attempts: 0,
      preemptions: 0,
      pool: null,
      startedAt: null,
      endedAt: null,
      cost: 0,
      onDemandCost: 0,
      lostCost: 0,
      bestExport: null,
    },
    active: false,
    runningSince: null,
    busyMs: 0,
    curve: [],
    series: {},
    values: [],
    asked: run.memory.tells,
    told: null,
    space: null,
    progress: 0,
    lastProgress: null,
    exports: 0,
    evaluatedAt: null,
    toEvaluate: null,
    evaluatedExport: null,
    ending: null,
    weightsSha256: null,
    fork: null,
    carried: null,
    stopping: null,
    held: false,
    asking: null,
    unrecorded: false,
    inherited: false,
    ...rest,
  };
  run.memory.records.push(record);
  return record;
}

/** Keeps a decision in words; `status` and the page show them. */
export function decided(run: SearchRun, trial: number | null, text: string): void {
  run.memory.decisions.push({ at: Date.now(), trial, text });
  if (run.memory.decisions.length > MOST_DECISIONS) run.memory.decisions.shift();
}

/** Does work beside the loop; its end wakes the loop, its failure ends the search. */
export function inBackground(run: SearchRun, kind: keyof SearchRun['busy'] | null, work: () => Promise<void>): void {
  if (kind) run.busy[kind] += 1;
  work()
    .catch((error: unknown) => {
      if (!isCancellation(error)) run.fatal ??= error instanceof Error ? error : new Error(String(error));
    })
    .finally(() => {
      if (kind) run.busy[kind] -= 1;
      run.dirty = true;
    })
    .catch(() => undefined);
}

export const isOver = (record: TrialRecord): boolean => record.told !== null;
export const recordOf = (run: SearchRun, trial: number): TrialRecord | undefined => run.memory.records[trial];
/** Trials that use, or wait for, a machine. */
export const occupying = (run: SearchRun): TrialRecord[] =>
  run.memory.records.filter((record) => record.active && !record.held && record.asking === null);
export const activeRecords = (run: SearchRun): TrialRecord[] => run.memory.records.filter((record) => record.active);
export const queuedRecords = (run: SearchRun): TrialRecord[] =>
  run.memory.records
    .filter((record) => !record.active && !isOver(record) && record.ending === null && !record.held && record.halving?.held !== true)
    .sort((a, b) => b.state.priority - a.state.priority || a.state.trial - b.state.trial);

/** The search does not end, nor continue as new, before they were told: its end would cancel a message that is tried again. */
export function notifyPeople(run: SearchRun, event: NotifyInput['event'], text: string): void {
  const { profile, pipeline, run: name } = run.input;
  const targets = profile.notifications.filter(({ on }) => on.includes(event));
  if (targets.length === 0) return;
  inBackground(run, 'telling', async () => {
    await notifications.notify({ targets, event, pipeline, run: name, text }).catch((error: unknown) => {
      decided(run, null, `could not notify: ${error instanceof Error ? error.message : 'unknown'}`);
    });
  });
}

/** About 11 bytes each: half of what an input may hold. */
const MOST_POINTS = 60_000;
const SHORT_REASON_CHARACTERS = 300;

export function nextMemory(run: SearchRun): SearchCarried {
  const { memory } = run;
  const points = memory.records.reduce((sum, record) => sum + record.curve.length, 0);
  const most = points > MOST_POINTS ? Math.floor(MOST_POINTS / memory.records.length) : Number.POSITIVE_INFINITY;
  return {
    ...memory,
    generation: memory.generation + 1,
    records: memory.records.map((record) => (isOver(record) ? shortened(record, most) : record)),
  };
}

/** Rules compare a trial with the beginnings of ended ones; their own series are of no use any more. */
function shortened(record: TrialRecord, mostPoints: number): TrialRecord {
  return {
    ...record,
    series: {},
    curve: record.curve.slice(0, mostPoints),
    state: { ...record.state, reason: record.state.reason?.slice(0, SHORT_REASON_CHARACTERS) ?? null },
  };
}
