/** What pods use of their machines, by metrics.k8s.io: asked for all of a namespace at once, seldom, and only while somebody wants to know. */
import type { UseSample } from '../../ports/compute.ts';
import { quantity } from '../../rules/quantities.ts';
import { GRACES, WAITS } from '../../rules/durations.ts';
import type { KubeClient } from './client.ts';
import { hasStatus } from './errors.ts';
import { MAIN_CONTAINER } from './job-manifest.ts';
import { selector } from './labels.ts';
import { time } from './pod-parts.ts';

const BYTES_PER_MB = 2 ** 20;

interface PodMetrics {
  readonly metadata?: { readonly name?: string };
  readonly timestamp?: string;
  /** `15.127s` */
  readonly window?: string;
  readonly containers?: readonly { readonly name: string; readonly usage?: { readonly cpu?: string; readonly memory?: string } }[];
}

interface Wish {
  /** Of the pod that is to be looked at now; null: of none. */
  readonly pod: () => string | null;
  readonly tell: (sample: UseSample) => void;
}

/** Of one namespace, for all Jobs that are watched there. */
export class PodUse {
  readonly #client: KubeClient;
  readonly #log: (message: string) => void;
  readonly #wishes = new Set<Wish>();
  #timer: NodeJS.Timeout | null = null;
  #isRefused = false;
  /** By a clock that only goes forward: nobody serves them until somebody looks again. */
  #absentUntil = Number.NEGATIVE_INFINITY;

  constructor(client: KubeClient, log: (message: string) => void) {
    this.#client = client;
    this.#log = log;
  }

  /** @returns what ends it */
  measure(wish: Wish): () => void {
    this.#wishes.add(wish);
    this.#timer ??= setTimeout(() => void this.#look(), WAITS.useAskedMs);
    return () => void this.#wishes.delete(wish);
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#wishes.clear();
  }

  async #look(): Promise<void> {
    const wanted = new Map(
      [...this.#wishes].flatMap((wish): [string, Wish][] => [wish.pod()].flatMap((pod) => (pod === null ? [] : [[pod, wish]]))),
    );
    if (wanted.size > 0) {
      // What passes is asked again.
      const found = await this.#ask().catch((): readonly PodMetrics[] => []);
      for (const item of found) {
        const sample = sampleOf(item);
        if (sample !== null) wanted.get(item.metadata?.name ?? '')?.tell(sample);
      }
    }
    this.#timer = this.#wishes.size > 0 && !this.#isRefused ? setTimeout(() => void this.#look(), WAITS.useAskedMs) : null;
  }

  async #ask(): Promise<readonly PodMetrics[]> {
    if (this.#isRefused || performance.now() < this.#absentUntil) return [];
    try {
      const path = `/apis/metrics.k8s.io/v1beta1/namespaces/${this.#client.namespace}/pods`;
      const query = { labelSelector: selector() };
      return (await this.#client.request<{ items: readonly PodMetrics[] }>('GET', path, { query, timeoutMs: GRACES.listMs })).items;
    } catch (error) {
      if (hasStatus(error, 404)) this.#absentUntil = performance.now() + GRACES.metricsAbsentMs;
      if (hasStatus(error, 403)) {
        this.#log(`metrics of pods cannot be read, what attempts use is known from those that say it: ${String(error)}`);
        this.#isRefused = true;
      }
      throw error;
    }
  }
}

/** Null where it is not told of the main container as a number. */
function sampleOf({ timestamp, window, containers }: PodMetrics): UseSample | null {
  const usage = containers?.find(({ name }) => name === MAIN_CONTAINER)?.usage;
  const [at, windowSeconds] = [time(timestamp), secondsOf(window ?? '')];
  const [cpu, memoryMb] = [quantity(usage?.cpu), quantity(usage?.memory, BYTES_PER_MB)];
  if (at === null || cpu === undefined || memoryMb === undefined) return null;
  return [at, windowSeconds, cpu, memoryMb].every((number) => Number.isFinite(number) && number >= 0)
    ? { at, windowSeconds, cpu, memoryMb }
    : null;
}

/** @example secondsOf('1m0.5s') === 60.5 // a duration of Go's */
function secondsOf(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s)/g)];
  const sizes: Readonly<Record<string, number>> = { h: 3600, m: 60, s: 1, ms: 0.001 };
  return parts.length === 0 ? NaN : parts.reduce((sum, [, digits, unit]) => sum + Number(digits) * (sizes[unit ?? ''] ?? NaN), 0);
}
