/** At a cap the search checkpoints its trials, pauses, and asks. It never just kills. */
import { defineSignal, getExternalWorkflowHandle, patched, workflowInfo } from '@temporalio/workflow';
import { INTERNAL_SIGNALS } from '../../src/contract/names.ts';
import type { SearchStands } from '../../src/contract/state.ts';
import { exceeded, extended, secondsUntilCap } from '../../src/rules/budget.ts';
import { notifyPeople, activeRecords, decided, inBackground, isOver, occupying, queuedRecords } from './state.ts';
import type { SearchRun } from './state.ts';
import { isWithoutMachine } from './held-trials.ts';
import { newTrialsLeft, startsLeft } from './places.ts';
import { costPerSecond, spent } from './spending.ts';
import { pauseTrial, resumeTrial } from './trial-signals.ts';
import { publish } from './view.ts';
import { WAITS } from '../../src/rules/durations.ts';

const stands = defineSignal<[SearchStands]>(INTERNAL_SIGNALS.searchStands);

export function checkBudget(run: SearchRun): void {
  const { memory, input } = run;
  if (memory.status !== 'running' || memory.finishing !== null) return;
  const now = Date.now();
  const more = newTrialsLeft(run) > 0 || memory.records.some((record) => !isOver(record) && record.ending === null);
  const cap = more ? exceeded(memory.budget, spent(run, now), input.profile.currency) : null;
  const noStartsLeft =
    startsLeft(run) === 0 &&
    occupying(run).length === 0 &&
    !memory.records.some(isWithoutMachine) &&
    (newTrialsLeft(run) > 0 || waiting(run)) &&
    !(goesOn(run) && patched('begun-trials-go-on'));
  const reason = cap ?? (noStartsLeft ? `${spent(run, now).trials} of ${memory.budget.trials ?? 0} trials` : null);
  if (reason === null) return;
  pauseSearch(
    run,
    'waiting',
    `budget reached: ${reason}; approve to go on with as much again, set-budget for another cap, reject to end with what there is`,
  );
  notifyPeople(run, 'budget', `${run.id}: ${memory.reason ?? reason}`);
}

/** Members of a population that go on were counted when they began. */
const waiting = (run: SearchRun): boolean =>
  queuedRecords(run).some(({ state }) => state.startedAt === null || run.input.spec.scheduler?.kind !== 'pbt');

/** What has begun and waits for a place, as in a run that is retried, was counted then. */
const goesOn = (run: SearchRun): boolean => queuedRecords(run).some(({ state }) => state.startedAt !== null);

/** To zero machines: every trial commits a checkpoint. */
export function pauseSearch(run: SearchRun, status: 'paused' | 'waiting', reason: string): void {
  const { memory } = run;
  memory.status = status;
  memory.reason = reason;
  memory.pausedSince ??= Date.now();
  for (const record of activeRecords(run)) pauseTrial(run, record);
  tellItsRun(run);
  decided(run, null, reason);
  run.dirty = true;
  publish(run);
}

export function resumeSearch(run: SearchRun, text: string): void {
  const { memory } = run;
  memory.status = 'running';
  memory.reason = null;
  if (memory.pausedSince !== null) memory.pausedMs += Date.now() - memory.pausedSince;
  memory.pausedSince = null;
  for (const record of occupying(run)) resumeTrial(run, record);
  tellItsRun(run);
  decided(run, null, text);
  run.dirty = true;
  publish(run);
}

/** The time limit of its step stands still with it. */
function tellItsRun(run: SearchRun): void {
  const { parent } = workflowInfo();
  if (parent === undefined || !patched('tells-its-run')) return;
  const word = { step: run.input.step, still: run.memory.pausedSince !== null, at: Date.now() };
  inBackground(run, 'telling', async () => {
    // A run that is over needs no word.
    await getExternalWorkflowHandle(parent.workflowId)
      .signal(stands, word)
      .catch(() => undefined);
  });
}

export function extendBudget(run: SearchRun): void {
  run.memory.budget = extended(run.memory.budget, run.input.spec.budget, spent(run, Date.now()));
}

export const budgetExceeded = (run: SearchRun): string | null =>
  exceeded(run.memory.budget, spent(run, Date.now()), run.input.profile.currency);

/** Seconds until a cap or a rule of time or money can bite; null when nothing does. */
export function secondsUntilCheck(run: SearchRun): number | null {
  const { memory } = run;
  if (memory.status !== 'running') return null;
  const cap = secondsUntilCap(memory.budget, spent(run, Date.now()), costPerSecond(run));
  const rules =
    memory.stopping.some(({ kind }) => kind === 'wall-clock' || kind === 'cost') && activeRecords(run).length > 0
      ? WAITS.ruleCheckSeconds
      : null;
  return cap === null ? rules : rules === null ? cap : Math.min(cap, rules);
}
