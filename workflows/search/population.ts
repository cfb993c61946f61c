/**
 * Population based training. Each member is held at the end of an interval until all are there; then the poorest end, and forks of the best go on in
 * their place. A fork is a trial of its own, which begins from a pinned copy of its parent's checkpoint: see `src/rules/population.ts`.
 */
import { ActivityFailure, isCancellation, patched } from '@temporalio/workflow';
import type { AskResult } from '../../src/contract/sampler.ts';
import type { TrialRecord } from '../../src/contract/search.ts';
import type { PopulationScheduler } from '../../src/contract/search-space.ts';
import type { Json } from '../../src/contract/values.ts';
import { bestOf, show } from '../../src/rules/curves.ts';
import { explored, suggested } from '../../src/rules/exploration.ts';
import { atSameEnd, endOfTraining, endsExactly, exploits, type Exploit, type Member } from '../../src/rules/population.ts';
import { random } from '../../src/rules/random.ts';
import { keepsConstraints } from './candidates.ts';
import { heldSummary, isHeld, NO_RUNG, release } from './held-trials.ts';
import { pinnedFork } from './forks.ts';
import { generationOf, halvingOf, populationOf } from './population-member.ts';
import { newTrialsLeft, startsLeft } from './places.ts';
import { amountOf, type Reached } from './resource.ts';
import { askSampler } from './asking.ts';
import { askInput } from './sampling.ts';
import { decided, isOver, newRecord, untilDrained } from './state.ts';
import type { SearchRun } from './state.ts';
import { finalise } from './trial-ends.ts';
import { requestStop } from './trial-signals.ts';

const OFFSPRING = 'pbt';
/** Seeds of the sampler for each fork are so far from those of the first members. */
const SEEDS_APART = 1000;

/** A trial has a new point: its interval may be over. */
export function reachEndOfInterval(run: SearchRun, record: TrialRecord, reached: Reached): void {
  const scheduler = populationOf(run);
  if (scheduler === null || isOver(record)) return;
  const halving = halvingOf(record);
  const before = halving.rungs.length;
  const amount = trainedBefore(record, scheduler) + amountOf(record, scheduler.resource, reached);
  while (amount >= endOfInterval(scheduler, record) && !isLast(run, scheduler, record)) noteEnd(run, record);
  const waits = halving.rungs.length > before && halving.rungs.length > halving.allowed;
  // What ends by itself is held when it has ended.
  if (!waits || !record.active || record.stopping !== null || endsExactly(run.input.spec)) return;
  halving.held = true;
  requestStop(run, record, waitingReason(record));
}

/** Points and seconds of a fork are its own; what its parents trained comes before them. */
function trainedBefore({ halving, forkedAfter = 0 }: TrialRecord, { resource, interval }: PopulationScheduler): number {
  if (resource === 'points') return forkedAfter;
  return resource === 'seconds' ? (halving?.bracket ?? 0) * interval : 0;
}

const endOfInterval = ({ interval }: PopulationScheduler, record: TrialRecord): number => interval * (generationOf(record) + 1);

/** Training ends with the interval. */
function isLast(run: SearchRun, scheduler: PopulationScheduler, record: TrialRecord): boolean {
  const end = endOfTraining(run.input.spec);
  return end !== null && endOfInterval(scheduler, record) >= end;
}

function noteEnd(run: SearchRun, record: TrialRecord): void {
  const halving = halvingOf(record);
  halving.rungs.push([run.memory.tells, record.curve.length, bestOf(record.curve, run.input.spec.objective.goal)]);
  halving.expected.push(record.curve.at(-1) ?? null);
  run.memory.tells += 1;
}

function waitingReason(record: TrialRecord): string {
  const value = record.halving?.expected.at(-1) ?? null;
  return `held at the end of interval ${generationOf(record)}${value === null ? '' : ` with ${show(value)}`}`;
}

/** Once all members have come to the end of their interval: who goes on, and who is replaced by whom. */
export function replacePoorest(run: SearchRun): void {
  const scheduler = populationOf(run);
  const { memory } = run;
  if (scheduler === null || memory.status !== 'running' || memory.finishing !== null || run.draining || run.busy.exploring > 0) return;
  if (newTrialsLeft(run) > 0 || run.busy.asking > 0) return;
  const open = memory.records.filter((record) => !isOver(record) && record.halving?.allowed !== NO_RUNG);
  if (open.length === 0 || !open.every((record) => hasCome(run, record))) return;
  const compared = atSameEnd(open.map((record) => memberOf(run, record)));
  const { objective } = run.input.spec;
  const found = exploits(compared, scheduler, objective, seedOf(run));
  const allowed = Math.max(0, Math.min(run.input.spec.trials - memory.records.length, startsLeft(run)));
  if (found.length > allowed)
    decided(run, null, `${found.length - allowed} poor members go on, as n_trials or the budget of trials is reached`);
  const chosen = found.slice(found.length - Math.min(found.length, allowed));
  untilDrained(run, 'exploring', () => replace(run, scheduler, compared, chosen));
}

const seedOf = ({ input: { spec } }: SearchRun): number => spec.sampler.seed;

/** It is held, and all that it wrote was read. */
function hasCome(run: SearchRun, record: TrialRecord): boolean {
  if (!isHeld(record)) return false;
  if (record.lastProgress !== null && record.progress < record.lastProgress) {
    readToTheEnd(run, record);
    return false;
  }
  const halving = halvingOf(record);
  // Its last point may have come before the end of the interval, or none at all.
  if (halving.rungs.length <= halving.allowed) noteEnd(run, record);
  return true;
}

/** A watch that began before its end was told waits for further points, of which there are none. */
function readToTheEnd(run: SearchRun, { state }: TrialRecord): void {
  if (run.stopWatching !== null && !run.watchedToTheEnd.has(state.trial) && patched('points-before-the-end')) run.stopWatching();
}

function memberOf(run: SearchRun, record: TrialRecord): Member {
  const { trial, kept } = record.state;
  return {
    trial,
    generation: generationOf(record),
    value: record.halving?.expected.at(-1) ?? null,
    allowed: keepsConstraints(run, record),
    kept,
  };
}

/** What is awaited changes nothing, so that it can be done again by the next run of this workflow. */
async function replace(
  run: SearchRun,
  scheduler: PopulationScheduler,
  compared: readonly Member[],
  chosen: readonly Exploit[],
): Promise<void> {
  const parents = new Map(
    await Promise.all([...new Set(chosen.map(({ parent }) => parent))].map(async (trial) => pinnedParent(run, trial))),
  );
  const suggestions = scheduler.explore === 'sampler' && chosen.length > 0 ? await suggestionsFor(run, chosen.length) : [];
  const { memory } = run;
  if (memory.status !== 'running' || memory.finishing !== null) return;
  for (const [i, exploit] of chosen.entries()) {
    const poor = memory.records[exploit.poor];
    const pinned = parents.get(exploit.parent);
    if (poor && pinned && isHeld(poor)) replaceOne(run, poor, exploit, pinned, exploredBy(run, scheduler, exploit, suggestions[i]));
  }
  for (const { trial } of compared) {
    const record = memory.records[trial];
    if (record && isHeld(record)) release(record, null);
  }
}

type Pinned = Awaited<ReturnType<typeof pinnedFork>>;

/** Null: it has no checkpoint that is whole, and nobody is forked from it. */
async function pinnedParent(run: SearchRun, trial: number): Promise<[number, Pinned | null]> {
  const record = run.memory.records[trial];
  if (!record) return [trial, null];
  try {
    return [trial, await pinnedFork(run, record, null)];
  } catch (error) {
    if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
    decided(run, trial, `nobody is forked from it: ${error.cause?.message ?? error.message}`);
    return [trial, null];
  }
}

async function suggestionsFor(run: SearchRun, count: number): Promise<AskResult['suggestions']> {
  const asked = askInput(run, count);
  // The study is rebuilt from what is known, and would suggest to each generation what it suggested to the first.
  const seed = asked.sampler.seed + SEEDS_APART * run.memory.records.length;
  const answer = await askSampler(run, `${count} forks`, { ...asked, sampler: { ...asked.sampler, seed } });
  return answer?.suggestions ?? [];
}

function exploredBy(
  run: SearchRun,
  scheduler: PopulationScheduler,
  { parent, poor }: Exploit,
  suggestion: Readonly<Record<string, Json>> | undefined,
): Readonly<Record<string, Json>> {
  const { space, records } = run.memory;
  const before = records[parent]?.state.parameters ?? {};
  const own = Object.fromEntries(Object.entries(before).filter(([name]) => Object.hasOwn(space, name)));
  const generation = records[parent] ? generationOf(records[parent]) : 0;
  const seed = Math.floor(random(seedOf(run), generation, poor, parent)() * 2 ** 32);
  const asked = { space, constraints: run.input.spec.sampler.constraints, scheduler, seed };
  return suggestion === undefined ? explored(own, asked) : suggested(own, suggestion, asked);
}

function replaceOne(
  run: SearchRun,
  poor: TrialRecord,
  { parent, reason }: Exploit,
  pinned: Pinned,
  parameters: Readonly<Record<string, Json>>,
): void {
  const bracket = generationOf(poor);
  const { trial: place, priority } = poor.state;
  finalise(run, poor, heldSummary(poor, `pbt: ${reason}; a fork of trial ${parent} takes its place`));
  const record = newRecord(run, parameters, OFFSPRING, { ...pinned, parent, priority });
  record.halving = { bracket, rungs: [], expected: [], held: false, allowed: 0 };
  run.memory.plannedTrials = Math.max(run.memory.plannedTrials, run.memory.records.length);
  const changed = Object.entries(parameters).filter(([name, value]) => value !== run.memory.records[parent]?.state.parameters[name]);
  const words = changed.map(([name, value]) => `${name} ${typeof value === 'number' ? show(value) : JSON.stringify(value)}`).join(', ');
  decided(run, record.state.trial, `goes on from trial ${parent} in the place of trial ${place}, with ${words || 'the same parameters'}`);
}
