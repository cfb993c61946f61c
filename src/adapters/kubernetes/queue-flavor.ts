/** Which of its resource flavors Kueue chose for a Job: read from the Workload that it keeps for it. */
import type { V1Job } from '@kubernetes/client-node';
import type { KubeClient } from './client.ts';
import { hasStatus } from './errors.ts';
import { KUEUE_QUEUE } from './labels.ts';

const GROUP = 'kueue.x-k8s.io';
/** Newest first; an older Kueue knows the other alone. */
const VERSIONS = ['v1beta2', 'v1beta1'] as const;
const JOB_UID = `${GROUP}/job-uid`;

interface Workload {
  readonly status?: {
    readonly admission?: { readonly podSetAssignments?: readonly { readonly flavors?: Readonly<Record<string, string>> }[] };
  };
}

/** Follows a Job through its queue, which may choose again after it took the Job back. */
export class QueueFlavor {
  readonly #client: KubeClient;
  readonly #log: (message: string) => void;
  #job: V1Job | null = null;
  #isAdmitted = false;
  #isRefused = false;
  #asked: Promise<void> | null = null;
  #flavor: string | null = null;

  constructor(client: KubeClient, log: (message: string) => void) {
    this.#client = client;
    this.#log = log;
  }

  /** Called with each state of the Job. @param hasBegun what Kueue chooses for it from now on is not what it ran in */
  note(job: V1Job | null, hasBegun: boolean): void {
    if (job?.metadata?.labels?.[KUEUE_QUEUE] === undefined || this.#isRefused) return;
    if (hasBegun && this.#flavor !== null) return;
    this.#job = job;
    const isAdmitted = job.spec?.suspend !== true;
    const isNew = isAdmitted && !this.#isAdmitted;
    this.#isAdmitted = isAdmitted;
    // What is taken back ends in the flavor that it had.
    if (isNew) this.#flavor = null;
    if (isNew || (isAdmitted && this.#flavor === null)) this.#ask();
  }

  /** What is known when the Job has ended. Null: it is in no queue, or it could not be learnt. */
  async known(): Promise<string | null> {
    await this.#asked;
    if (this.#flavor === null && this.#job !== null && !this.#isRefused) this.#ask();
    await this.#asked;
    return this.#flavor;
  }

  #ask(): void {
    const uid = this.#job?.metadata?.uid;
    if (this.#asked !== null || uid === undefined) return;
    this.#asked = this.#read(uid)
      .then((flavor) => {
        this.#flavor = flavor ?? this.#flavor;
      })
      .catch((error: unknown) => {
        // Anything else passes, and is asked again with the next state of the Job.
        this.#isRefused = hasStatus(error, 403);
        if (this.#isRefused) this.#log(`Workloads cannot be read, the flavors that Kueue chose are not known: ${String(error)}`);
      })
      .finally(() => {
        this.#asked = null;
      });
  }

  async #read(uid: string): Promise<string | null> {
    for (const version of VERSIONS) {
      const path = `/apis/${GROUP}/${version}/namespaces/${this.#client.namespace}/workloads`;
      try {
        const { items } = await this.#client.request<{ items: Workload[] }>('GET', path, { query: { labelSelector: `${JOB_UID}=${uid}` } });
        return flavorOf(items);
      } catch (error) {
        if (!hasStatus(error, 404)) throw error;
      }
    }
    return null;
  }
}

/** That of what makes a machine dear: a GPU's, or else the processors'. */
function flavorOf(workloads: readonly Workload[]): string | null {
  const [flavors] = workloads.flatMap(({ status }) =>
    (status?.admission?.podSetAssignments ?? []).flatMap((each) => (each.flavors === undefined ? [] : [each.flavors])),
  );
  if (flavors === undefined) return null;
  const gpu = Object.keys(flavors).find((resource) => resource.includes('/'));
  return flavors[gpu ?? 'cpu'] ?? Object.values(flavors)[0] ?? null;
}
