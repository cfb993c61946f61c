import type { V1Job } from '@kubernetes/client-node';
import type { KubeClient } from '../../src/adapters/kubernetes/client.ts';
import { finished } from '../../src/adapters/kubernetes/job-observation.ts';
import { Reflector } from '../../src/adapters/kubernetes/reflector.ts';

/** One watch for all Jobs, as anyone would do it who waits for many. */
export class JobEnds {
  readonly #waiting = new Map<string, () => void>();
  readonly #jobs: Reflector<V1Job>;

  constructor(client: KubeClient) {
    this.#jobs = new Reflector<V1Job>(client, {
      path: client.jobsPath(),
      set: (job) => {
        if (finished(job)) this.#waiting.get(job.metadata?.name ?? '')?.();
      },
      delete: () => undefined,
    });
  }

  of(name: string): Promise<void> {
    return new Promise((resolve) => this.#waiting.set(name, resolve));
  }

  close(): Promise<void> {
    return this.#jobs.close();
  }
}
