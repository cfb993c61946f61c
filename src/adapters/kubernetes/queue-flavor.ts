/** Which of its resource flavors Kueue chose for a Job. */
import type { V1Job } from '@kubernetes/client-node';
import { KUEUE_QUEUE } from './labels.ts';
import type { Workloads } from './workloads.ts';

/** Follows a Job through its queue, which may choose again after it took the Job back. */
export class QueueFlavor {
  readonly #workloads: Workloads;
  #job: V1Job | null = null;
  #isAdmitted = false;
  #asked: Promise<void> | null = null;
  #flavor: string | null = null;

  constructor(workloads: Workloads) {
    this.#workloads = workloads;
  }

  /** Called with each state of the Job. @param hasBegun what Kueue chooses for it from now on is not what it ran in */
  note(job: V1Job | null, hasBegun: boolean): void {
    if (job?.metadata?.labels?.[KUEUE_QUEUE] === undefined) return;
    if (hasBegun && this.#flavor !== null) return;
    this.#job = job;
    const isAdmitted = job.spec?.suspend !== true;
    const isNew = isAdmitted && !this.#isAdmitted;
    this.#isAdmitted = isAdmitted;
    // What is taken back ends in the flavor that it had.
    if (isNew) this.#flavor = null;
    if (isAdmitted && this.#flavor === null) this.#ask();
  }

  /** What is known when the Job has ended. Null: it was never admitted by a queue, or it could not be learnt. */
  async known(): Promise<string | null> {
    await this.#asked;
    if (this.#flavor === null && this.#isAdmitted) this.#ask();
    await this.#asked;
    return this.#flavor;
  }

  #ask(): void {
    const uid = this.#job?.metadata?.uid;
    if (this.#asked !== null || uid === undefined) return;
    this.#asked = this.#workloads
      .flavorOf(uid)
      .then((flavor) => {
        this.#flavor = flavor ?? this.#flavor;
      })
      // It passes, and is asked again with the next state of the Job.
      .catch(() => undefined)
      .finally(() => {
        this.#asked = null;
      });
  }
}
