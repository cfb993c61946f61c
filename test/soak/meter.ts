/** Counts what servers were asked, also over their restarts. */
import { setInterval, clearInterval } from 'node:timers';

const LOOK_MS = 1000;
/** Of the services in Temporal's server, the one that clients and workers ask. */
const FRONTEND = /^(?:temporal_)?service_requests(?:_total)?\{[^}]*service_name="frontend"[^}]*\} (\S+)/;

/** A Prometheus counter that begins at 0 again when its server does. */
export class TemporalMeter {
  readonly #url: string;
  readonly #timer: NodeJS.Timeout;
  #before = 0;
  #sum = 0;

  constructor(port: number) {
    this.#url = `http://127.0.0.1:${port}/metrics`;
    this.#timer = setInterval(() => void this.requests(), LOOK_MS);
  }

  async requests(): Promise<number> {
    const text = await fetch(this.#url)
      .then((answer) => answer.text())
      .catch(() => null);
    if (text !== null) {
      const now = text.split('\n').reduce((sum, line) => sum + Number(FRONTEND.exec(line)?.[1] ?? 0), 0);
      this.#sum += now >= this.#before ? now - this.#before : now;
      this.#before = now;
    }
    return this.#sum;
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
