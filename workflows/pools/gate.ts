/** A semaphore over all runs: at most so many attempts at once, in a pool or of a team. Fair between teams, then runs, then by priority, then first come. */
import {
  allHandlersFinished,
  condition,
  continueAsNew,
  defineQuery,
  getExternalWorkflowHandle,
  isCancellation,
  log,
  patched,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { QUERIES } from '../../src/contract/names.ts';
import { acquireSignal, grantedSignal, releaseSignal } from './slots.ts';
import type { SlotRequest } from './slots.ts';
import { searching } from '../policies.ts';
import { playFaster, WAITS } from '../../src/rules/durations.ts';

export interface GateState {
  limit: number;
  holders: SlotRequest[];
  waiting: SlotRequest[];
  /** Holders that asked once more. */
  again?: string[];
  /** Of the newest request. */
  factor?: number;
}

export const gateStateQuery = defineQuery<GateState>(QUERIES.state);

export async function poolGate(carried: GateState = { limit: 1, holders: [], waiting: [] }): Promise<void> {
  const state = carried;
  playFaster(state.factor);
  // False while a history of release 0.1 is replayed.
  const answersAgain = patched('wanted-state');
  // False in a gate that workers of 0.2 have begun, whoever asks it.
  const countsRuns = patched('places-of-a-run');
  setHandler(acquireSignal, (request) => {
    acquire(state, countsRuns ? request : ofAnyRun(request));
    playFaster(state.factor);
  });
  setHandler(releaseSignal, ({ holder, token }) => {
    release(state, holder, token);
  });
  setHandler(gateStateQuery, () => state);

  let lookAt = Date.now() + WAITS.poolHoldersLookMs;
  for (;;) {
    if (answersAgain) await grantAgain(state);
    await grantAll(state);
    if (workflowInfo().continueAsNewSuggested && allHandlersFinished()) await continueAsNew<typeof poolGate>(state);
    const idle = isIdle(state);
    // A look that grants put off for ever would never find the place of a holder that is gone.
    const wait = idle ? WAITS.poolGateIdleMs : answersAgain ? Math.max(1, lookAt - Date.now()) : WAITS.poolHoldersLookMs;
    const something = await condition(
      () =>
        nextGrant(state) !== null ||
        workflowInfo().continueAsNewSuggested ||
        (state.holders.length === 0) !== idle ||
        (answersAgain && (state.again ?? []).length > 0),
      wait,
    );
    if (something) continue;
    if (idle) return;
    await releaseClosed(state, answersAgain);
    lookAt = Date.now() + WAITS.poolHoldersLookMs;
  }
}

const isIdle = (state: GateState): boolean => state.holders.length === 0 && state.waiting.length === 0;

/** @param survives a look that failed is made again the next time: a gate that ended would forget who holds its places */
async function releaseClosed(state: GateState, survives: boolean): Promise<void> {
  const asked = [...state.holders, ...state.waiting];
  const runIds = Object.fromEntries(asked.flatMap(({ holder, runId }) => (runId === undefined ? [] : [[holder, runId] as const])));
  try {
    const closed = new Set(await searching.closedWorkflows({ workflowIds: asked.map(({ holder }) => holder), runIds }));
    // By their tokens: one that was begun anew may have asked again meanwhile.
    for (const { holder, token } of asked) if (closed.has(holder)) release(state, holder, token);
  } catch (error) {
    if (isCancellation(error) || !survives) throw error;
    log.warn('could not look whether the holders of places still run', { error });
  }
}

async function grantAll(state: GateState): Promise<void> {
  for (let next = nextGrant(state); next !== null; next = nextGrant(state)) {
    const { holder } = next;
    state.waiting = state.waiting.filter((request) => request.holder !== holder);
    state.holders.push(next);
    await grant(state, next);
  }
}

/** To those who have a place and ask for it: the word of it was lost, or they were begun anew. */
async function grantAgain(state: GateState): Promise<void> {
  const asked = new Set(state.again);
  state.again = [];
  for (const request of state.holders.filter(({ holder }) => asked.has(holder))) await grant(state, request);
}

async function grant(state: GateState, { holder, token }: SlotRequest): Promise<void> {
  await getExternalWorkflowHandle(holder)
    .signal(grantedSignal, ...(token === undefined ? [] : ([{ token }] as const)))
    .catch(() => {
      release(state, holder);
    });
}

export function acquire(state: GateState, request: SlotRequest): void {
  state.limit = request.limit;
  if (request.factor !== undefined) state.factor = request.factor;
  const again = (other: SlotRequest): SlotRequest => (other.holder === request.holder ? request : other);
  if (state.holders.some(({ holder }) => holder === request.holder)) {
    state.holders = state.holders.map(again);
    state.again = [...(state.again ?? []), request.holder];
  } else if (state.waiting.some(({ holder }) => holder === request.holder)) state.waiting = state.waiting.map(again);
  else state.waiting.push(request);
}

const ofAnyRun = ({ ofRun: _ofRun, ...request }: SlotRequest): SlotRequest => request;

/** @param token of the request that is over; the place of a later one stays */
export function release(state: GateState, holder: string, token?: string): void {
  const stays = (request: SlotRequest): boolean =>
    request.holder !== holder || (token !== undefined && request.token !== undefined && request.token !== token);
  state.holders = state.holders.filter(stays);
  state.waiting = state.waiting.filter(stays);
}

/** Who is next: of the team that holds least, the run that holds least, then the highest priority, then the earliest; null when nobody is. */
export function nextGrant(state: GateState): SlotRequest | null {
  if (state.holders.length >= state.limit) return null;
  const held = (same: (holder: SlotRequest) => boolean): number => state.holders.filter(same).length;
  const rank = ({ team, run, priority }: SlotRequest): readonly number[] => [
    held((holder) => holder.team === team),
    held((holder) => holder.run === run),
    -priority,
  ];
  let best: { readonly request: SlotRequest; readonly rank: readonly number[] } | null = null;
  for (const request of state.waiting) {
    if (request.ofRun !== undefined && held(({ run }) => run === request.run) >= request.ofRun) continue;
    const ranked = rank(request);
    if (best === null || isLess(ranked, best.rank)) best = { request, rank: ranked };
  }
  return best?.request ?? null;
}

function isLess(a: readonly number[], b: readonly number[]): boolean {
  const at = a.findIndex((value, index) => value !== b[index]);
  return at >= 0 && (a[at] ?? 0) < (b[at] ?? 0);
}
