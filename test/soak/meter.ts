/** Counts what servers were asked, also over their restarts. */
import { setInterval, clearInterval } from 'node:timers';

const LOOK_MS = 1000;
/** Of the services in Temporal's server, the one that clients and workers ask. */
const FRONTEND = /^(?:temporal_)?service_requests(?:_total)?\{[^}]*service_name="frontend"[^}]*\} (\S+)/;
/** Workers wait for tasks so, whatever there is to do: no action of a bill, and more of them the more time passes. */
const POLLS = /^Poll(?:Workflow|Activity|Nexus)TaskQueue$/;
const OPERATION = /operation="([^"]*)"/;
const SHOWN = 4;

type Counts = ReadonlyMap<string, number>;

/** Prometheus counters that begin at 0 again when their server does. */
export class TemporalMeter {
  readonly #url: string;
  readonly #timer: NodeJS.Timeout;
  readonly #sums = new Map<string, number>();
  #before: Counts = new Map();

  constructor(port: number) {
    this.#url = `http://127.0.0.1:${port}/metrics`;
    this.#timer = setInterval(() => void this.requests(), LOOK_MS);
  }

  /** By operation. */
  async requests(): Promise<Counts> {
    const text = await fetch(this.#url)
      .then((answer) => answer.text())
      .catch(() => null);
    if (text === null) return new Map(this.#sums);
    const now = countsOf(text);
    const isRestarted = sumOf(now) < sumOf(this.#before);
    for (const [operation, count] of now) {
      const more = isRestarted ? count : count - (this.#before.get(operation) ?? 0);
      this.#sums.set(operation, (this.#sums.get(operation) ?? 0) + more);
    }
    this.#before = now;
    return new Map(this.#sums);
  }

  close(): void {
    clearInterval(this.#timer);
  }
}

export function countsOf(text: string): Counts {
  const counts = new Map<string, number>();
  for (const line of text.split('\n')) {
    const count = FRONTEND.exec(line)?.[1];
    const operation = OPERATION.exec(line)?.[1];
    if (count !== undefined && operation !== undefined && !POLLS.test(operation))
      counts.set(operation, (counts.get(operation) ?? 0) + Number(count));
  }
  return counts;
}

export const sumOf = (counts: Counts): number => [...counts.values()].reduce((sum, count) => sum + count, 0);

/** What most of the requests were since, in words. */
export function mostlyOf(before: Counts, after: Counts): string {
  const more = [...after].map(([operation, count]) => ({ operation, count: count - (before.get(operation) ?? 0) }));
  const most = more.sort((a, b) => b.count - a.count).slice(0, SHOWN);
  return most.map(({ operation, count }) => `${count} ${operation}`).join(', ');
}
