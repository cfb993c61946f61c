/** Holds trials at the rungs of the search's scheduler, and lets the best go on from where they were held. */
import type { Halving, TrialRecord } from '../../src/contract/search.ts';
import { bestOf } from '../../src/rules/curves.ts';
import { bracketOfTrial, expectedValue, lastPromotion, nextLevel, promotes, promotion } from '../../src/rules/halving.ts';
import type { Field, HalvingTrial, Promotion, Rungs } from '../../src/rules/halving.ts';
import { heldReason } from '../../src/rules/held-trials.ts';
import { endOfTraining } from '../../src/rules/population.ts';
import { breaksOf, keepsConstraints } from './candidates.ts';
import { heldSummary, isHeld, isWithoutMachine, NO_RUNG, release } from './held-trials.ts';
import { assignMachine, assignMachineToBest } from './machine-assignment.ts';
import { newTrialsLeft, startsLeft } from './places.ts';
import { activeRecords, decided, isOver, queuedRecords } from './state.ts';
import type { SearchRun } from './state.ts';
import { amountOf, type Reached } from './resource.ts';
import { finalise, stopTrial } from './trial-ends.ts';
import { requestStop } from './trial-signals.ts';

/** A trial has a new point: it may be at a rung. */
export function reachRung(run: SearchRun, record: TrialRecord, reached: Reached): void {
  const rungs = rungsOf(run);
  if (rungs === null || !record.active || record.stopping !== null || isOver(record)) return;
  const halving = halvingOf(run, rungs, record);
  const amount = amountOf(record, rungs.scheduler.resource, reached);
  const before = halving.rungs.length;
  for (let level = nextLevel(rungs, halving.bracket, before); level !== null && amount >= level;) {
    const { memory, input } = run;
    const { goal } = input.spec.objective;
    halving.rungs.push([memory.tells, record.curve.length, bestOf(record.curve, goal)]);
    halving.expected.push(expectedValue(record.curve, goal, rungs.scheduler.factor));
    memory.tells += 1;
    level = nextLevel(rungs, halving.bracket, halving.rungs.length);
  }
  if (halving.rungs.length === before || record.state.kept || halving.rungs.length <= halving.allowed) return;
  // The best of its rung need not be held to go on.
  const best = promotion(rungs, fieldOf(run, record.state.trial));
  if (best?.trial === record.state.trial) {
    halving.allowed = halving.rungs.length;
    decided(run, record.state.trial, `goes on: ${best.reason}`);
  } else if (rungs.scheduler.promote) {
    halving.held = true;
    requestStop(run, record, heldReason(halving));
  } else stopTrial(run, record, `${rungs.scheduler.kind}: ${heldReason(halving)} is not among the best 1/${rungs.scheduler.factor}`);
}

/** The held trial that deserves a free place goes into the queue. False: there is none. */
export function promoteNext(run: SearchRun): boolean {
  const rungs = rungsOf(run);
  if (rungs?.scheduler.promote !== true) return false;
  if (assignMachine(run, rungs)) return true;
  const field = fieldOf(run);
  const next = promotion(rungs, field);
  if (next) return goOn(run, next, null);
  const noneIsNew = (newTrialsLeft(run) === 0 && run.busy.asking === 0) || startsLeft(run) === 0;
  if (noneIsNew && assignMachineToBest(run, rungs)) return true;
  const last = field.complete && isStill(run) ? lastPromotion(field, finishedOf(run)) : null;
  return last !== null && goOn(run, last, NO_RUNG);
}

/** Nothing runs and nothing is to come: what is held has ended there. */
export function closeRungs(run: SearchRun): void {
  const rungs = rungsOf(run);
  if (rungs === null || run.memory.status !== 'running' || newTrialsLeft(run) > 0 || run.busy.asking > 0 || !isStill(run)) return;
  for (const record of run.memory.records) if (isHeld(record)) finalise(run, record, heldSummary(record, record.state.reason ?? 'held'));
}

function goOn(run: SearchRun, { trial, reason }: Promotion, allowed: number | null): boolean {
  const record = run.memory.records[trial];
  if (!record) return false;
  release(record, allowed);
  decided(run, trial, `promoted: ${reason}`);
  return true;
}

function rungsOf({ input: { spec } }: SearchRun): Rungs | null {
  const { scheduler } = spec;
  if (!scheduler || scheduler.kind === 'pbt') return null;
  return { scheduler, end: scheduler.max ?? endOfTraining(spec) };
}

function halvingOf(run: SearchRun, rungs: Rungs, record: TrialRecord): Halving {
  record.halving ??= { bracket: bracketOfTrial(rungs, run.id, record.state.trial), rungs: [], expected: [], held: false, allowed: 0 };
  return record.halving;
}

/** @param held a trial that is to be seen as held already */
function fieldOf(run: SearchRun, held?: number): Field {
  const trials = run.memory.records.flatMap((record): HalvingTrial[] => {
    if (!record.halving) return [];
    const { bracket, rungs, expected } = record.halving;
    const waits = isHeld(record) || record.state.trial === held;
    return [
      {
        trial: record.state.trial,
        bracket,
        values: rungs.map(([, , value]) => value),
        expected,
        state: isOver(record) ? 'over' : waits ? 'held' : 'going',
        ...breaksOf(run, record),
      },
    ];
  });
  return { trials, goal: run.input.spec.objective.goal, complete: newTrialsLeft(run) === 0 || startsLeft(run) === 0, ...plannedOf(run) };
}

/** Where rungs stop instead of holding, no trial can wait for others to be seen. */
function plannedOf({ waitsForOthers, input: { spec }, memory }: SearchRun): Pick<Field, 'planned'> {
  if (!waitsForOthers || !promotes(spec.scheduler)) return {};
  return { planned: Math.min(memory.plannedTrials, memory.budget.trials ?? memory.plannedTrials) };
}

/** Of those that may be the best. */
const finishedOf = (run: SearchRun): (number | null)[] =>
  run.memory.records
    .filter((record) => record.state.status === 'succeeded' && (!run.heedsConstraints || keepsConstraints(run, record)))
    .map(({ state }) => state.objective);

const isStill = (run: SearchRun): boolean =>
  activeRecords(run).length === 0 && queuedRecords(run).length === 0 && !run.memory.records.some(isWithoutMachine);
