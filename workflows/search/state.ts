/** The state of a search's workflow: what it carries over continue-as-new, and what only this run of it knows. */
import { CancellationScope, isCancellation, patched, workflowInfo } from '@temporalio/workflow';
import { trialWorkflowId, dnsLabel } from '../../src/contract/ids.ts';
import type { SearchCarried, SearchInput, TrialRecord } from '../../src/contract/search.ts';
import type { Objective } from '../../src/contract/search-space.ts';
import type { Json } from '../../src/contract/values.ts';
import { blankRecord, packTrials, unpackTrials } from '../../src/rules/carried-trials.ts';
import type { TrialPlaces } from '../../src/rules/carried-trials.ts';
import type { RulesVersion } from '../../src/rules/early-stopping.ts';
import { promotes } from '../../src/rules/halving.ts';
import type { NotifyInput } from '../../activities/notifications.ts';
import { notifications } from '../policies.ts';
import { takeUpEnded } from './taking-up.ts';

export interface SearchRun {
  readonly input: SearchInput;
  readonly id: string;
  /** False while a history of release 0.1 is replayed, whose searches told each wish once. */
  readonly reconciles: boolean;
  readonly memory: SearchCarried;
  /** Rungs promote once half of the trials that they will see are there; false in searches of 0.2. */
  readonly waitsForOthers: boolean;
  /** Trials that break constraints on what was measured are promoted after all others; false in searches from before. */
  readonly heedsConstraints: boolean;
  /** What is promised takes trials that are held at rungs for what they are; false in searches from before. */
  readonly promisesHeld: boolean;
  /** What is promised has room for replicates, and only those count that trained to their ends; false in searches from before. */
  readonly wholeReplicates: boolean;
  /** Trials ask it who is to have the next machine when one went or came; false in searches from before, and without a scheduler that promotes. */
  readonly givesMachines: boolean;
  /** Pool in which a trial just found a machine. */
  foundPool: string | null;
  /** 1 while a history of release 0.1 is replayed: its decisions were others. */
  readonly rules: RulesVersion;
  /** False while a history from before decisions were recorded is replayed. */
  readonly recordsDecisions: boolean;
  /** Signatures of decisions that it has heard. */
  readonly signatures: Set<string>;
  /** Prefix of the trials' outputs. */
  readonly output: string;
  /** Something happened that the loop must look at. */
  dirty: boolean;
  /** Trials that are being started or told something now. */
  readonly hearing: Set<number>;
  /** Work that may last while a system outside is away; cancelled, and done again, where the workflow has to continue as new. */
  readonly slow: Set<CancellationScope>;
  /** ms since 1970 when someone looked last whether inherited trials still run. */
  inheritedLookedAt: number;
  /** Background work of each kind that is under way. */
  readonly busy: Record<'asking' | 'starting' | 'exploring' | 'evaluating' | 'recording' | 'telling' | 'decisions', number>;
  /** Trials whose curves the activity that runs now follows. */
  covered: ReadonlySet<number>;
  /** Those of them whose end was told before it began, so that it reads all that there is. */
  watchedToTheEnd: ReadonlySet<number>;
  /** Ends the activity that follows the curves. */
  stopWatching: (() => void) | null;
  /** Error of background work: ends the search. */
  fatal: Error | null;
  /** The workflow is about to continue as new: nothing new begins. */
  draining: boolean;
  /** ms since 1970 when that began. */
  drainingSince: number | null;
  /** Best objective that the search attribute says. */
  published: number | null;
}

/** Decisions kept in the state. */
const MAX_DECISIONS = 200;
const DECISION_CHARACTERS = 400;
/** An input may have 2 MiB; the profile, the specification and what is encrypted need room too. */
const MAX_CARRIED_BYTES = 900_000;

export function createSearchRun(input: SearchInput): SearchRun {
  const memory = input.carried ? remembered(input, input.carried) : newMemory(input);
  const takenUp = takeUpEnded(input, memory);
  for (const record of memory.records) {
    record.inherited ||= record.active;
    // Told again in each run of the workflow: what was said last may not have been heard.
    if (record.active) record.heard = null;
  }
  const run: SearchRun = {
    input: withoutAgain(input),
    rules: patched('search-rules-2') ? 2 : 1,
    reconciles: patched('wanted-state'),
    waitsForOthers: input.spec.scheduler !== undefined && patched('rungs-wait'),
    heedsConstraints: hasConstraints(input) && input.spec.scheduler !== undefined && patched('constraints-at-rungs'),
    promisesHeld: input.spec.promise !== undefined && promotes(input.spec.scheduler) && patched('promise-with-held-trials'),
    wholeReplicates: input.spec.replicates !== undefined && patched('whole-replicates'),
    givesMachines: promotes(input.spec.scheduler) && patched('preemption-is-a-rung'),
    foundPool: null,
    recordsDecisions: patched('decisions'),
    signatures: new Set(memory.signatures),
    hearing: new Set(),
    slow: new Set(),
    inheritedLookedAt: Date.now(),
    id: workflowInfo().workflowId,
    memory,
    output: outputOf(input),
    dirty: true,
    busy: { asking: 0, starting: 0, exploring: 0, evaluating: 0, recording: 0, telling: 0, decisions: 0 },
    covered: new Set(),
    watchedToTheEnd: new Set(),
    stopWatching: null,
    fatal: null,
    draining: false,
    drainingSince: null,
    published: null,
  };
  if (takenUp !== null) decided(run, null, takenUp);
  return run;
}

const hasConstraints = ({ spec }: SearchInput): boolean => (spec.metricConstraints ?? []).length > 0;

/** Only the first run of the workflow takes in what had ended. */
function withoutAgain({ again: _again, takenFrom: _takenFrom, ...input }: SearchInput): SearchInput {
  return input;
}

function remembered(input: SearchInput, { packed, ...memory }: SearchCarried): SearchCarried {
  return packed ? { ...memory, records: unpackTrials(packed, { ...placesOf(input), output: input.takenFrom ?? outputOf(input) }) } : memory;
}

const placesOf = (input: SearchInput): TrialPlaces => ({
  output: outputOf(input),
  workflowId: (trial) => trialWorkflowId(input.run, input.step, trial, input.life),
});

function newMemory({ spec }: SearchInput): SearchCarried {
  return {
    startedAt: Date.now(),
    status: 'running',
    reason: null,
    parallel: spec.parallel,
    plannedTrials: spec.scheduler?.kind === 'pbt' ? Math.min(spec.trials, spec.scheduler.population) : spec.trials,
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
function outputOf({ spec, run, life }: SearchInput): string {
  const own = dnsLabel(run, 100);
  const output = spec.output.includes(run) || spec.output.includes(own) ? spec.output : `${spec.output}/${own}`;
  return life === undefined ? output : `${output}/${life}`;
}

export const objectivesOf = (run: SearchRun): readonly Objective[] => [run.input.spec.objective, ...run.input.spec.alsoOptimize];

export function newRecord(
  run: SearchRun,
  parameters: Readonly<Record<string, Json>>,
  origin: string,
  more: Partial<TrialRecord> & { readonly priority?: number; readonly parent?: number } = {},
): TrialRecord {
  const { priority = 0, parent = null, ...rest } = more;
  const record = blankRecord(run.memory.records.length, placesOf(run.input));
  Object.assign(record.state, { parameters: { ...run.input.spec.fixed, ...parameters }, origin, parent, priority });
  Object.assign(record, { asked: run.memory.tells }, rest);
  run.memory.records.push(record);
  return record;
}

/** Keeps a decision in words; `status` and the page show them. */
export function decided(run: SearchRun, trial: number | null, text: string): void {
  run.memory.decisions.push({ at: Date.now(), trial, text: text.slice(0, DECISION_CHARACTERS) });
  if (run.memory.decisions.length > MAX_DECISIONS) run.memory.decisions.shift();
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

/** The same for work that waits for whatever is away: it is begun anew by the next run of this workflow. */
export function untilDrained(run: SearchRun, kind: keyof SearchRun['busy'], work: () => Promise<void>): void {
  if (!run.reconciles) return inBackground(run, kind, work);
  const scope = new CancellationScope();
  run.slow.add(scope);
  inBackground(run, kind, () => scope.run(work).finally(() => run.slow.delete(scope)));
}

export const isOver = (record: TrialRecord): boolean => record.told !== null;
/** A finalist that is trained again with another seed. */
export const isReplicate = ({ state }: TrialRecord): boolean => state.origin === 'replicate';
export const recordOf = (run: SearchRun, trial: number): TrialRecord | undefined => run.memory.records[trial];
/** Trials that use, or wait for, a machine. */
export const occupying = (run: SearchRun): TrialRecord[] =>
  run.memory.records.filter((record) => record.active && !record.held && record.asking === null);
export const activeRecords = (run: SearchRun): TrialRecord[] => run.memory.records.filter((record) => record.active);
export const queuedRecords = (run: SearchRun): TrialRecord[] =>
  run.memory.records
    .filter(
      (record) =>
        !record.active &&
        !isOver(record) &&
        record.ending === null &&
        !record.held &&
        record.halving?.held !== true &&
        record.withoutMachine !== true,
    )
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

/** What the next run of this workflow begins with. */
export function carriedState({ memory, input, signatures }: SearchRun): SearchCarried {
  return {
    ...memory,
    generation: memory.generation + 1,
    ...(signatures.size > 0 ? { signatures: [...signatures] } : {}),
    records: [],
    packed: packTrials(memory.records, placesOf(input), {
      objective: input.spec.objective,
      stopping: memory.stopping,
      also: input.spec.alsoOptimize,
      mostBytes: MAX_CARRIED_BYTES,
    }),
  };
}
