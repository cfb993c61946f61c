/** A semaphore over all runs: at most so many attempts at once in a pool. Fair between runs, then by priority, then first come. */
import {
  allHandlersFinished,
  condition,
  continueAsNew,
  defineQuery,
  getExternalWorkflowHandle,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { QUERIES } from '../../src/contract/names.ts';
import { acquireSignal, grantedSignal, releaseSignal } from './slots.ts';
import type { SlotRequest } from './slots.ts';
import { searching } from '../policies.ts';

export interface GateState {
  limit: number;
  holders: SlotRequest[];
  waiting: SlotRequest[];
}

/** Holders that were terminated cannot release: so often someone looks whether they still run. */
const LOOK_AFTER_HOLDERS = '10 minutes';
/** An empty gate ends; the next request starts another one. */
const CLOSE_WHEN_IDLE = '1 hour';

export const gateStateQuery = defineQuery<GateState>(QUERIES.state);

export async function poolGate(carried: GateState = { limit: 1, holders: [], waiting: [] }): Promise<void> {
  const state = carried;
  setHandler(acquireSignal, (request) => {
    acquire(state, request);
  });
  setHandler(releaseSignal, ({ holder }) => {
    release(state, holder);
  });
  setHandler(gateStateQuery, () => state);

  for (;;) {
    await grantAll(state);
    if (workflowInfo().continueAsNewSuggested && allHandlersFinished()) await continueAsNew<typeof poolGate>(state);
    const idle = state.holders.length === 0 && state.waiting.length === 0;
    const something = await condition(
      () => nextGrant(state) !== null || workflowInfo().continueAsNewSuggested || (state.holders.length === 0) !== idle,
      idle ? CLOSE_WHEN_IDLE : LOOK_AFTER_HOLDERS,
    );
    if (something) continue;
    if (idle) return;
    const gone = await searching.closedWorkflows({ workflowIds: [...state.holders, ...state.waiting].map((request) => request.holder) });
    for (const holder of gone) release(state, holder);
  }
}

async function grantAll(state: GateState): Promise<void> {
  for (let next = nextGrant(state); next !== null; next = nextGrant(state)) {
    const { holder } = next;
    state.waiting = state.waiting.filter((request) => request.holder !== holder);
    state.holders.push(next);
    await getExternalWorkflowHandle(holder)
      .signal(grantedSignal)
      .catch(() => {
        release(state, holder);
      });
  }
}

export function acquire(state: GateState, request: SlotRequest): void {
  state.limit = request.limit;
  if ([...state.holders, ...state.waiting].some((other) => other.holder === request.holder)) return;
  state.waiting.push(request);
}

export function release(state: GateState, holder: string): void {
  state.holders = state.holders.filter((request) => request.holder !== holder);
  state.waiting = state.waiting.filter((request) => request.holder !== holder);
}

/** Who is next: the run that holds least, then the highest priority, then the earliest; null when the pool is full or no one waits. */
export function nextGrant(state: GateState): SlotRequest | null {
  if (state.holders.length >= state.limit) return null;
  const held = (run: string): number => state.holders.filter((request) => request.run === run).length;
  let best: SlotRequest | null = null;
  for (const request of state.waiting) {
    if (best === null || held(request.run) < held(best.run) || (held(request.run) === held(best.run) && request.priority > best.priority))
      best = request;
  }
  return best;
}
