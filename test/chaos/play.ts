/** Plays one schedule: starts the run, makes each fault happen in its phase, and waits for the end. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Run } from '../../src/client/index.ts';
import type { RunResult, RunState } from '../../src/contract/state.ts';
import { PHASES, type Phase } from './faults.ts';
import { signal } from './processes.ts';
import type { Fault, Schedule } from './schedule.ts';
import type { World } from './world.ts';

/** How exactly a fault meets the beginning of its phase. */
const PHASE_POLL_MS = 50;
/** Between looks the processors are the run's. */
const END_POLL_MS = 200;
const RUN_LIMIT_MS = 600_000;
/** Longer than the heartbeat timeout of `workflows/policies.ts`. */
const FREEZE_MS = 17_000;
const CUT_MS = 400;
const WRONG_CLOCK_MS = 5000;
const MS_PER_MINUTE = 60_000;

/** Thrown when a run does not end: something waits for ever. */
class StuckError extends Error {
  constructor(run: string, state: RunState | null) {
    super(
      `${run} did not end in ${RUN_LIMIT_MS / 1000} s: ${state ? state.steps.map((step) => `${step.id} ${step.status} ${step.reason ?? ''}`).join('; ') : 'it does not answer'}`,
    );
    this.name = 'StuckError';
  }
}

export interface Played {
  readonly run: Run;
  /** All runs that it took: a cancelled one is run again. */
  readonly runs: readonly string[];
  readonly result: RunResult;
  /** Jobs that went on when a cancelled run had ended. */
  readonly survivors: readonly string[];
}

export async function play(world: World, schedule: Schedule, salt: number): Promise<Played> {
  const first = await start(world, schedule, salt, 0);
  const { result } = await toTheEnd(world, first, schedule.faults);
  if (result.status !== 'cancelled') return { run: first, runs: [first.id], result, survivors: [] };
  const survivors = await openJobs(world, [first.id]);
  const second = await start(world, schedule, salt, 1);
  return { run: second, runs: [first.id, second.id], result: (await toTheEnd(world, second, [])).result, survivors };
}

export async function openJobs(world: World, runs: readonly string[]): Promise<string[]> {
  const compute = await world.ports.compute(world.profile);
  const jobs = (await Promise.all(runs.map((run) => compute.list({ run })))).flat();
  return jobs.filter((job) => job.phase !== 'ended').map((job) => `Job ${job.name} is ${job.phase}`);
}

let started = 0;
/** The client keeps trying, as a person would, while the server is away. */
async function start(world: World, { seed }: Schedule, salt: number, turn: number): Promise<Run> {
  const document = await world.document(salt);
  return world.longhaul.start(document, { runId: `chaos-${process.pid}-${++started}-${seed}-${turn}` });
}

async function toTheEnd(world: World, run: Run, faults: readonly Fault[]): Promise<{ result: RunResult }> {
  const limit = Date.now() + RUN_LIMIT_MS;
  const ended = new AbortController();
  const look = looksAt(run);
  const happening = Promise.all(faults.map((fault) => happen(world, run, fault, look, ended.signal)));
  try {
    for (;;) {
      const result = await resultOf(world, run).catch(() => null);
      if (result) return { result };
      if (Date.now() > limit) throw new StuckError(run.id, await run.state().catch(() => null));
      await delay(END_POLL_MS);
    }
  } finally {
    ended.abort();
    await happening;
  }
}

/** null while its workflow is open; a failed run is a result too. */
export async function resultOf(world: World, run: Run): Promise<RunResult | null> {
  const { status } = await world.longhaul.client.workflow.getHandle(run.id).describe();
  if (status.name === 'RUNNING') return null;
  const state = await run.state();
  if (state.status === 'running' || state.status === 'paused' || state.status === 'waiting')
    throw new Error(`${run.id} is closed (${status.name}) while it says that it is ${state.status}`);
  return {
    run: run.id,
    status: state.status,
    steps: state.steps,
    cost: state.cost,
    seconds: ((state.endedAt ?? 0) - state.startedAt) / 1000,
  };
}

/** Waits for the phase, then breaks something; what has ended meanwhile is left alone. */
async function happen(world: World, run: Run, fault: Fault, look: () => Promise<RunState | null>, ended: AbortSignal): Promise<void> {
  for (let state: RunState | null = null; !ended.aborted && !hasBegun(state, fault.phase);) state = await look();
  if (ended.aborted) return;
  await delay(fault.delayMs);
  await inflict(world, run, fault, ended);
}

/** The next look at a run, one for all who wait for it; null where it does not answer. */
function looksAt(run: Run): () => Promise<RunState | null> {
  let next: Promise<RunState | null> | null = null;
  const look = async (): Promise<RunState | null> => {
    await delay(PHASE_POLL_MS);
    const state = await run.state().catch(() => null);
    next = null;
    return state;
  };
  return () => (next ??= look());
}

function hasBegun(state: RunState | null, phase: Phase): boolean {
  if (phase === 'start') return true;
  // A phase that was passed between two looks has begun as well.
  const later = PHASES.slice(PHASES.indexOf(phase));
  return state?.steps.some((step) => later.some((name) => step.id.split('.')[0] === name) && step.startedAt !== null) ?? false;
}

async function inflict(world: World, run: Run, fault: Fault, ended: AbortSignal): Promise<void> {
  const done = world.ground.inflict(fault, run.id, world.ports);
  if (done !== null) return done;
  const [verb = '', target = ''] = fault.kind.split('-');
  switch (fault.kind) {
    case 'cancel':
      return run.cancel().catch(() => undefined);
    case 'cut-connections': {
      world.front.cut(CUT_MS);
      return;
    }
    case 'freeze-training':
    case 'freeze-warehouse': {
      const pid = world.pid(target);
      signal(pid, 'SIGSTOP');
      await delay(FREEZE_MS);
      signal(pid, 'SIGCONT');
      return;
    }
    case 'clock-control':
    case 'clock-warehouse':
    case 'clock-training':
      world.setClock(target, (fault.minutes ?? 0) * MS_PER_MINUTE);
      await delay(WRONG_CLOCK_MS, undefined, { signal: ended }).catch(() => undefined);
      world.setClock(target, 0);
      return;
    default: {
      signal(world.pid(target), verb === 'kill' ? 'SIGKILL' : 'SIGTERM');
      return;
    }
  }
}
