/** Trials that are held at a rung: their place is free, their checkpoint kept. */
import type { TrialRecord } from '../../src/contract/search.ts';
import type { TrialSummary } from '../../src/contract/trial-run.ts';
import { heldReason } from '../../src/rules/held-trials.ts';
import { decided, isOver } from './state.ts';
import type { SearchRun } from './state.ts';

/** Beyond every rung: to the end of training. */
export const NO_RUNG = 1000;

/** Whether a trial that was stopped was stopped to be held; then it waits. */
export function holds(run: SearchRun, record: TrialRecord, { status }: TrialSummary): boolean {
  const { halving } = record;
  if (halving?.held !== true || status !== 'stopped' || run.memory.finishing !== null) return false;
  record.stopping = null;
  Object.assign(record.state, { status: 'paused', reason: heldReason(halving) });
  decided(run, record.state.trial, heldReason(halving));
  run.dirty = true;
  return true;
}

export const isHeld = (record: TrialRecord): boolean => record.halving?.held === true && !record.active && !isOver(record);

/** Whether a trial ended only to ask who is to have the next machine; then it waits for the answer. */
export function yields(run: SearchRun, record: TrialRecord, { yielded, reason }: TrialSummary): boolean {
  if (yielded === undefined || record.stopping !== null || run.memory.finishing !== null) return false;
  record.withoutMachine = true;
  run.foundPool = yielded.found;
  Object.assign(record.state, { status: 'queued', reason });
  decided(run, record.state.trial, `${reason ?? 'it waits'}: who gets the next one is decided anew`);
  run.dirty = true;
  return true;
}

export const isWithoutMachine = (record: TrialRecord): boolean => record.withoutMachine === true && !record.active && !isOver(record);

/** A person lets it go on, whatever its place. */
export function release(record: TrialRecord, allowed: number | null = NO_RUNG): void {
  delete record.withoutMachine;
  if (!record.halving) return;
  record.halving.held = false;
  record.halving.allowed = allowed ?? record.halving.rungs.length;
  record.lastProgress = null;
  Object.assign(record.state, { status: 'queued', reason: null });
}

/** The end of a trial that is held. @param staysHeld its search ends before its time, and whoever goes on with it holds the trial again */
export function heldSummary(record: TrialRecord, reason: string, staysHeld = false): Omit<TrialSummary, 'carried'> {
  if (record.halving && !staysHeld) record.halving.held = false;
  return {
    trial: record.state.trial,
    status: 'stopped',
    objective: null,
    metrics: {},
    reason,
    bestExport: record.state.bestExport,
    weightsSha256: null,
    endedAt: Date.now(),
  };
}
