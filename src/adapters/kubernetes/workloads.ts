/** The Workloads that Kueue keeps for Jobs: which resource flavor it chose. */
import { GRACES } from '../../rules/durations.ts';
import type { KubeClient } from './client.ts';
import { hasStatus } from './errors.ts';

const GROUP = 'kueue.x-k8s.io';
/** Newest first; an older Kueue knows the other alone. */
const VERSIONS = ['v1beta2', 'v1beta1'] as const;
const JOB_UID = `${GROUP}/job-uid`;

interface Workload {
  readonly status?: {
    readonly admission?: { readonly podSetAssignments?: readonly { readonly flavors?: Readonly<Record<string, string>> }[] };
  };
}

/** Of one namespace, for all Jobs that are watched there. */
export class Workloads {
  readonly #client: KubeClient;
  readonly #log: (message: string) => void;
  #isRefused = false;
  /** By a clock that only goes forward: there is no Kueue until somebody looks again. */
  #absentUntil = Number.NEGATIVE_INFINITY;

  constructor(client: KubeClient, log: (message: string) => void) {
    this.#client = client;
    this.#log = log;
  }

  /** Of the Job with this UID. Null: none yet, or it cannot be learnt here; throws what passes. */
  async flavorOf(job: string): Promise<string | null> {
    if (this.#isRefused || performance.now() < this.#absentUntil) return null;
    try {
      return await this.#read(job);
    } catch (error) {
      if (!hasStatus(error, 403)) throw error;
      this.#log(`Workloads cannot be read, the flavors that Kueue chose are not known: ${String(error)}`);
      this.#isRefused = true;
      return null;
    }
  }

  async #read(job: string): Promise<string | null> {
    for (const version of VERSIONS) {
      const path = `/apis/${GROUP}/${version}/namespaces/${this.#client.namespace}/workloads`;
      try {
        const { items } = await this.#client.request<{ items: Workload[] }>('GET', path, { query: { labelSelector: `${JOB_UID}=${job}` } });
        return flavorIn(items);
      } catch (error) {
        if (!hasStatus(error, 404)) throw error;
      }
    }
    this.#absentUntil = performance.now() + GRACES.queueAbsentMs;
    return null;
  }
}

/** That of what makes a machine dear: a GPU's, or else the processors'. */
function flavorIn(workloads: readonly Workload[]): string | null {
  const [flavors] = workloads.flatMap(({ status }) =>
    (status?.admission?.podSetAssignments ?? []).flatMap((each) => (each.flavors === undefined ? [] : [each.flavors])),
  );
  if (flavors === undefined) return null;
  const gpu = Object.keys(flavors).find((resource) => resource.includes('/'));
  return flavors[gpu ?? 'cpu'] ?? Object.values(flavors)[0] ?? null;
}
