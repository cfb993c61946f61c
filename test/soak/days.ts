/** Makes the events of a timeline happen to a world, each at its hour, and mends what it broke. */
import { setTimeout as delay } from 'node:timers/promises';
import { collectGarbage } from '../../src/cli/gc/collect.ts';
import type { GarbageResult } from '../../src/cli/gc/removal.ts';
import type { Run } from '../../src/client/index.ts';
import { WORKERS } from '../../src/stack/stack.ts';
import type { FaultKind } from '../chaos/faults.ts';
import { trainersOf } from '../chaos/embedded.ts';
import { jobProcesses, signal } from '../chaos/processes.ts';
import type { World } from '../chaos/world.ts';
import { HOURS_PER_DAY, msOf, type Scale } from './scale.ts';
import type { SoakEvent } from './timeline.ts';

const LOOK_MS = 100;
const AGAIN_MS = 500;
/** Clocks are off by so many hours of their own: of the clock, not of the soak. */
const CLOCK_OFF_MS = 5 * 3_600_000;

/** What was really done, for the judge. */
export interface Done {
  /** Of each trial: how many signals met its trainer. */
  readonly preempted: number[];
  readonly killed: number[];
  pauses: number;
  readonly garbage: GarbageResult[];
  readonly events: SoakEvent[];
  /** ms since 1970: when there were no workers. */
  readonly nights: { readonly from: number; readonly to: number }[];
}

export class Days {
  readonly done: Done;
  readonly #world: World;
  readonly #run: Run;
  readonly #scale: Scale;
  readonly #over: AbortSignal;
  /** What is done to all workers is done one after another. */
  #workers: Promise<void> = Promise.resolve();

  constructor(world: World, run: Run, scale: Scale, over: AbortSignal) {
    [this.#world, this.#run, this.#scale, this.#over] = [world, run, scale, over];
    const none = (): number[] => Array.from({ length: world.trials }, () => 0);
    this.done = { preempted: none(), killed: none(), pauses: 0, garbage: [], events: [], nights: [] };
  }

  /** Resolves when all is mended; what would come after the end of the run is left out. */
  async play(events: readonly SoakEvent[]): Promise<void> {
    await Promise.all(
      events.map(async (event) => {
        await this.#pass(event.hour);
        if (this.#over.aborted) return;
        this.done.events.push(event);
        await this.#inflict(event);
      }),
    );
  }

  async #pass(hours: number): Promise<void> {
    await delay(msOf(this.#scale, hours), undefined, { signal: this.#over }).catch(() => undefined);
  }

  async #inflict(event: SoakEvent): Promise<void> {
    const { hours = 0, trial = 0 } = event;
    switch (event.kind) {
      case 'preempt':
        return this.#signalTrainer(trial, 'SIGTERM', this.done.preempted);
      case 'kill':
        return this.#signalTrainer(trial, 'SIGKILL', this.done.killed);
      case 'deploy':
        return this.#inTurn(() => this.#deploy());
      case 'night-without-workers':
        return this.#inTurn(() => this.#night(hours));
      case 'sleep':
        return this.#inTurn(() => this.#sleep(hours));
      case 'restart-temporal':
        signal(this.#world.pid('temporal'), 'SIGKILL');
        return;
      case 'clock':
        this.#world.setClock('training', CLOCK_OFF_MS);
        await this.#pass(hours);
        this.#world.setClock('training', 0);
        return;
      case 'gc':
        return this.#collectGarbage();
      case 'weekend':
        return this.#weekend(hours);
      case 'store-outage':
        await Promise.all((['full-disk', 'errors-gcs', 'errors-bigquery'] as const).map((kind) => this.#fault(kind, hours)));
        return;
      case 'restart-kubernetes':
        return this.#fault('kill-kubernetes');
      case 'expire-tokens':
        return this.#fault('expire-kubernetes', hours);
      case 'evict-pod':
        // Which pod it meets is the cluster's business: any trial may have been preempted.
        for (const at of this.done.preempted.keys()) this.done.preempted[at]! += 1;
        return this.#fault('evict-pod');
    }
  }

  async #fault(kind: FaultKind, hours?: number): Promise<void> {
    const lasts = hours === undefined ? {} : { ms: msOf(this.#scale, hours) };
    await this.#world.ground.inflict({ kind, phase: 'search', delayMs: 0, ...lasts }, this.#run.id, this.#world.ports);
  }

  async #signalTrainer(trial: number, name: NodeJS.Signals, counted: number[]): Promise<void> {
    const { world, run } = { world: this.#world, run: this.#run };
    const jobs = await (await world.ports.compute(world.profile)).list({ run: run.id, step: 'search' }).catch(() => []);
    const own = jobs.filter(({ labels }) => labels.trial === String(trial));
    const processes = [...trainersOf(own, world.folder), ...this.#inPods(run.id, trial)];
    for (const pid of processes) signal(pid, name);
    if (processes.length > 0) counted[trial] = (counted[trial] ?? 0) + 1;
  }

  /** Processes of a trial in containers, by their environment. */
  #inPods(run: string, trial: number): number[] {
    if (this.#world.profile.compute.kind !== 'kubernetes') return [];
    return jobProcesses(this.#world.ground.mark, '/search/', `/${run}/`, `/trial-${trial}\0`);
  }

  #inTurn(act: () => Promise<void>): Promise<void> {
    this.#workers = this.#workers.then(act);
    return this.#workers;
  }

  async #deploy(): Promise<void> {
    for (const name of WORKERS) {
      const before = this.#world.pid(name);
      signal(before, 'SIGTERM');
      while (before !== null && [before, null].includes(this.#world.pid(name))) await delay(LOOK_MS);
    }
  }

  async #night(hours: number): Promise<void> {
    const from = Date.now();
    await this.#world.stopWorkers();
    await this.#pass(hours);
    await this.#world.startWorkers();
    this.done.nights.push({ from, to: Date.now() });
  }

  async #sleep(hours: number): Promise<void> {
    const pids = [...['temporal', ...WORKERS].map((name) => this.#world.pid(name)), ...jobProcesses(this.#world.ground.mark)];
    for (const pid of pids) signal(pid, 'SIGSTOP');
    await delay(msOf(this.#scale, hours));
    for (const pid of pids) signal(pid, 'SIGCONT');
  }

  async #collectGarbage(): Promise<void> {
    const { longhaul, ports, profile } = this.#world;
    // What an ended run leaves may go; it is looked at first.
    const state = await this.#run.state().catch(() => null);
    if (state !== null && state.endedAt !== null) return;
    const before = Date.now() - msOf(this.#scale, HOURS_PER_DAY);
    const result = await collectGarbage(longhaul, ports, profile, { before, dryRun: false, orphans: true, candidates: true }).catch(
      () => null,
    );
    if (result !== null) this.done.garbage.push(result);
  }

  async #weekend(hours: number): Promise<void> {
    this.done.pauses += 1;
    await this.#insist(() => this.#run.pause({ by: 'soak' }));
    await this.#pass(hours);
    await this.#insist(() => this.#run.resume({ by: 'soak' }));
  }

  /** As a person would who is told that nobody answers. */
  async #insist(act: () => Promise<unknown>): Promise<void> {
    for (;;) {
      try {
        await act();
        return;
      } catch {
        if (this.#over.aborted) return;
        await delay(AGAIN_MS);
      }
    }
  }
}
