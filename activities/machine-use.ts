/** What an attempt has used, from looks of its machine at it: for trainers that do not say it themselves. */
import { AttemptUse } from '../src/contract/trial.ts';
import type { UseSample } from '../src/ports/compute.ts';

export class MachineUse {
  #use: AttemptUse | null;
  #lastAt: number;

  /** @param known what another worker had found, with the time of its last look */
  constructor(known: unknown = null) {
    const found = SavedUse.safeParse(known);
    this.#use = found.success ? AttemptUse.parse(found.data) : null;
    this.#lastAt = found.success ? found.data.at : Number.NEGATIVE_INFINITY;
  }

  /** Means over time: a look stands for the time since the one before, the first for as long as it lasted itself. */
  take({ at, windowSeconds, cpu, memoryMb }: UseSample): void {
    if (at <= this.#lastAt) return;
    const before = this.#use ?? { seconds: 0, cpu: 0, cpuPeak: 0, memoryMb: 0, memoryPeakMb: 0 };
    const weight = this.#use === null ? windowSeconds : (at - this.#lastAt) / 1000;
    const seconds = before.seconds + weight;
    if (seconds <= 0) return;
    const mean = (sum: number, value: number): number => (sum * before.seconds + value * weight) / seconds;
    this.#use = {
      seconds,
      cpu: mean(before.cpu, cpu),
      cpuPeak: Math.max(before.cpuPeak, cpu),
      memoryMb: mean(before.memoryMb, memoryMb),
      memoryPeakMb: Math.max(before.memoryPeakMb, memoryMb),
    };
    this.#lastAt = at;
  }

  /** Null: nobody has looked. */
  get use(): AttemptUse | null {
    return this.#use;
  }

  /** For the worker that goes on after this one. */
  get details(): { readonly use?: SavedUse } {
    return this.#use === null ? {} : { use: { ...this.#use, at: this.#lastAt } };
  }
}

const SavedUse = AttemptUse.extend({ at: AttemptUse.shape.seconds });
type SavedUse = AttemptUse & { readonly at: number };
