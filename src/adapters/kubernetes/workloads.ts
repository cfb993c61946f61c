/** The Workloads that Kueue keeps for Jobs: which resource flavor it chose, and why it has not admitted one. */
import { GRACES } from '../../rules/durations.ts';
import type { KubeClient, Query } from './client.ts';
import { hasStatus } from './errors.ts';

const GROUP = 'kueue.x-k8s.io';
/** Newest first; an older Kueue knows the other alone. */
const VERSIONS = ['v1beta2', 'v1beta1'] as const;
const JOB_UID = `${GROUP}/job-uid`;
const LIST_PAGE = 500;

interface Workload {
  readonly metadata?: { readonly labels?: Readonly<Record<string, string>> };
  readonly status?: {
    readonly admission?: { readonly podSetAssignments?: readonly { readonly flavors?: Readonly<Record<string, string>> }[] };
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[];
    readonly admissionChecks?: readonly { readonly name: string; readonly state: string; readonly message?: string }[];
  };
}
interface Page {
  readonly metadata?: { readonly continue?: string };
  readonly items: readonly Workload[];
}

/** Of one namespace, for all Jobs that are watched there. */
export class Workloads {
  readonly #client: KubeClient;
  readonly #log: (message: string) => void;
  #isRefused = false;
  #version: (typeof VERSIONS)[number] | null = null;
  /** By a clock that only goes forward: there is no Kueue until somebody looks again. */
  #absentUntil = Number.NEGATIVE_INFINITY;

  constructor(client: KubeClient, log: (message: string) => void) {
    this.#client = client;
    this.#log = log;
  }

  /** Of the Job with this UID. Null: none yet, or it cannot be learnt here; throws what passes. */
  async flavorOf(job: string): Promise<string | null> {
    return flavorIn((await this.#list({ labelSelector: `${JOB_UID}=${job}` })).items);
  }

  /** By the UID of the Job, of all in the namespace that are not admitted. Empty where it cannot be learnt; throws what passes. */
  async wordsOfWaiting(): Promise<ReadonlyMap<string, string>> {
    const words = new Map<string, string>();
    let next: string | undefined;
    do {
      const page = await this.#list({ limit: LIST_PAGE, continue: next });
      for (const workload of page.items) {
        const [job, text] = [workload.metadata?.labels?.[JOB_UID], whyNotAdmitted(workload)];
        if (job !== undefined && text !== null) words.set(job, text);
      }
      next = page.metadata?.continue || undefined;
    } while (next !== undefined);
    return words;
  }

  async #list(query: Query): Promise<Page> {
    if (this.#isRefused || performance.now() < this.#absentUntil) return { items: [] };
    try {
      return await this.#read(query);
    } catch (error) {
      if (!hasStatus(error, 403)) throw error;
      this.#log(`Workloads cannot be read, what Kueue chose and why it waits are not known: ${String(error)}`);
      this.#isRefused = true;
      return { items: [] };
    }
  }

  async #read(query: Query): Promise<Page> {
    for (const version of this.#version === null ? VERSIONS : [this.#version]) {
      const path = `/apis/${GROUP}/${version}/namespaces/${this.#client.namespace}/workloads`;
      try {
        const page = await this.#client.request<Page>('GET', path, { query, timeoutMs: GRACES.listMs });
        this.#version = version;
        return page;
      } catch (error) {
        if (!hasStatus(error, 404)) throw error;
      }
    }
    // It may have been upgraded, and know another version by now.
    if (this.#version === null) this.#absentUntil = performance.now() + GRACES.queueAbsentMs;
    this.#version = null;
    return { items: [] };
  }
}

/** Null: it is admitted, or nothing was said. */
function whyNotAdmitted({ status }: Workload): string | null {
  const unmet = (type: string) => status?.conditions?.find((each) => each.type === type && each.status === 'False');
  if (status?.conditions?.some(({ type, status: is }) => type === 'Admitted' && is === 'True')) return null;
  const quota = unmet('QuotaReserved')?.message;
  if (quota) return quota;
  const checks = (status?.admissionChecks ?? []).filter(({ state }) => state !== 'Ready');
  if (checks.length > 0) return checks.map(({ name, state, message }) => `${name}: ${message || state}`).join('; ');
  return unmet('Admitted')?.message || null;
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
