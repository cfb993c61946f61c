/** Several worlds at once, which share the schedules. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { WORLDS, type WorldKind } from './faults.ts';
import { shrink, type Schedule } from './schedule.ts';
import { survived, type Verdict } from './verdict.ts';
import type { WorldMessage } from './world-process.ts';

/** Then a new one: disks and histories of a world fill up. */
const SCHEDULES_OF_A_WORLD = 40;
/** Replays of a failing schedule; each may last as long as a run that is stuck. */
const MAX_REPLAYS = 8;
/** A busy machine may be too slow for one. */
const MAX_OPENINGS = 3;

interface FleetOptions {
  readonly worlds: number;
  readonly onVerdict: (verdict: Verdict) => void;
  /** What has begun is then left unfinished. */
  readonly signal: AbortSignal;
}

/** Plays all of them. @throws Error when a world cannot be opened */
export async function playAll(schedules: readonly Schedule[], { worlds, onVerdict, signal }: FleetOptions): Promise<void> {
  const queues = new Map(WORLDS.map((kind) => [kind, schedules.filter(({ world }) => world === kind)]));
  const lane = async (kinds: readonly WorldKind[]): Promise<void> => {
    for (const kind of kinds) {
      const queue = queues.get(kind) ?? [];
      const place = new Place(kind, signal);
      try {
        for (let next = queue.shift(); next; next = queue.shift()) {
          const verdict = await judge(place, next);
          // What an interruption broke is nobody's verdict.
          signal.throwIfAborted();
          onVerdict(verdict);
        }
      } finally {
        await place.close();
      }
    }
  };
  // One lane is in the cloud as long as there is something to do: two clusters would be too much for a small machine.
  const lanes = Array.from({ length: Math.min(worlds, schedules.length) }, (_, at) =>
    lane(at === 0 ? ['cloud', 'embedded'] : ['embedded']),
  );
  await Promise.all(lanes);
}

async function judge(place: Place, schedule: Schedule): Promise<Verdict> {
  const verdict = await place.judge(schedule);
  if (survived(verdict)) return verdict;
  let replays = 0;
  const fewest = await shrink(schedule.faults, async (faults) => {
    return ++replays <= MAX_REPLAYS && !survived(await place.judge({ ...schedule, faults }));
  });
  return { ...verdict, fewest };
}

/** Room for one world, which is opened when it is needed, and anew after a schedule that failed: what that left behind is not the next one's. */
class Place {
  readonly #kind: WorldKind;
  readonly #signal: AbortSignal;
  #process: ChildProcess | null = null;
  #played = 0;

  constructor(kind: WorldKind, signal: AbortSignal) {
    this.#kind = kind;
    this.#signal = signal;
  }

  async judge(schedule: Schedule): Promise<Verdict> {
    const world = (this.#process ??= await this.#open());
    world.send(schedule);
    const message = await this.#answer(world);
    const verdict =
      message?.kind === 'verdict'
        ? message.verdict
        : { schedule, problems: [`the process of the world ended: ${ending(world)}`], seconds: 0 };
    if (!survived(verdict) || ++this.#played >= SCHEDULES_OF_A_WORLD) await this.close();
    return verdict;
  }

  async close(): Promise<void> {
    const world = this.#process;
    this.#process = null;
    this.#played = 0;
    if (world !== null) await release(world);
  }

  async #open(): Promise<ChildProcess> {
    for (let tries = 1; ; tries++) {
      this.#signal.throwIfAborted();
      const world = fork(join(import.meta.dirname, 'world-process.ts'), [this.#kind]);
      const message = await this.#answer(world);
      if (message?.kind === 'open') return world;
      await release(world);
      if (tries >= MAX_OPENINGS) throw new Error(`no ${this.#kind} world after ${tries} tries: ${ending(world)}`);
    }
  }

  /** null: it has ended, or shall end. */
  async #answer(world: ChildProcess): Promise<WorldMessage | null> {
    const over = new AbortController();
    const signal = AbortSignal.any([over.signal, this.#signal]);
    try {
      const answer = once(world, 'message', { signal }) as Promise<[WorldMessage]>;
      return await Promise.race([answer.then(([message]) => message), once(world, 'exit', { signal }).then(() => null)]);
    } catch (error) {
      if (this.#signal.aborted) return null;
      throw error;
    } finally {
      over.abort();
    }
  }
}

const hasEnded = (world: ChildProcess): boolean => world.exitCode !== null || world.signalCode !== null;
const ending = (world: ChildProcess): string => world.signalCode ?? `exit code ${world.exitCode ?? '?'}`;

/** It tidies up when it has lost its starter. */
async function release(world: ChildProcess): Promise<void> {
  if (hasEnded(world)) return;
  const exit = once(world, 'exit');
  if (world.connected) world.disconnect();
  await exit;
}
