/** The pods of a namespace as they are now, by one list and one watch, and a client that waits for what they become. */
import type { V1Pod } from '@kubernetes/client-node';
import type { KubeClient } from '../../src/adapters/kubernetes/client.ts';
import { Reflector } from '../../src/adapters/kubernetes/reflector.ts';

const PATIENCE_MS = 300_000;

export class Pods {
  readonly #pods = new Map<string, V1Pod>();
  readonly #waiting = new Set<() => void>();
  readonly #reflector: Reflector<V1Pod>;

  constructor(client: KubeClient) {
    this.#reflector = new Reflector<V1Pod>(client, {
      path: client.podsPath(),
      set: (pod) => {
        this.#pods.set(nameOf(pod), pod);
        this.#tell();
      },
      delete: (pod) => {
        this.#pods.delete(nameOf(pod));
        this.#tell();
      },
    });
  }

  /** Names of those whose container runs. */
  running(): readonly string[] {
    return [...this.#pods.values()].filter(runs).map(nameOf);
  }

  /** Resolves with the first answer that is not undefined. */
  until<T>(what: string, look: () => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        this.#waiting.delete(again);
        reject(new Error(`${what}: it never came, in ${PATIENCE_MS / 1000} s`));
      }, PATIENCE_MS);
      const again = (): void => {
        const found = look();
        if (found === undefined) return;
        clearTimeout(late);
        this.#waiting.delete(again);
        resolve(found);
      };
      this.#waiting.add(again);
      again();
    });
  }

  /** None is left. */
  gone(): Promise<true> {
    return this.until('the end of all pods', () => (this.#pods.size === 0 ? true : undefined));
  }

  close(): Promise<void> {
    return this.#reflector.close();
  }

  #tell(): void {
    for (const again of this.#waiting) again();
  }
}

const nameOf = (pod: V1Pod): string => pod.metadata?.name ?? '';

const runs = ({ metadata, status }: V1Pod): boolean =>
  metadata?.deletionTimestamp === undefined && (status?.containerStatuses?.some(({ state }) => state?.running !== undefined) ?? false);
