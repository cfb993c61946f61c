/** A stand-in for MLflow's server: what of its API Longhaul asks, in memory, with answers that fail as they are told to. */
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

interface Pair {
  readonly key: string;
  readonly value: string;
}

interface TrackedRunSeen {
  readonly id: string;
  readonly tags: Map<string, string>;
  /** Of MLflow: one value for each name, step and time. */
  readonly metrics: Map<string, { readonly key: string; readonly value: number; readonly step: number }>;
  readonly params: Map<string, string>;
  status: string;
  isDeleted: boolean;
}

interface Request {
  readonly name?: string;
  readonly run_id?: string;
  readonly filter?: string;
  readonly status?: string;
  readonly tags?: readonly Pair[];
  readonly params?: readonly Pair[];
  readonly metrics?: readonly { readonly key: string; readonly value: number; readonly step: number; readonly timestamp: number }[];
}

export class SoakTracker {
  readonly runs: TrackedRunSeen[] = [];
  #experiments: string[] = [];
  #asked = 0;
  #faults: ReadonlyMap<number, 'lost' | 'refused'> = new Map();
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<SoakTracker> {
    const server = createServer();
    const tracker = new SoakTracker(server);
    server.on('request', (request, response) => {
      void (async () => {
        const chunks: Buffer[] = [];
        for await (const chunk of request) chunks.push(chunk as Buffer);
        const fault = tracker.#faults.get(++tracker.#asked);
        if (fault === 'refused') return void response.writeHead(503).end('{}');
        const url = new URL(request.url ?? '', 'http://tracker');
        const body = (chunks.length === 0 ? {} : JSON.parse(Buffer.concat(chunks).toString())) as Request;
        const answer = tracker.#answer(url.pathname.replace('/api/2.0/mlflow/', ''), body, url.searchParams);
        if (fault === 'lost') return void request.socket.destroy();
        response.writeHead(answer === null ? 404 : 200, { 'content-type': 'application/json' }).end(JSON.stringify(answer ?? {}));
      })();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return tracker;
  }

  get uri(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** @param faults what becomes of an answer, by its number from now on */
  failAt(faults: ReadonlyMap<number, 'lost' | 'refused'>): void {
    this.#asked = 0;
    this.#faults = faults;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #answer(path: string, body: Request, query: URLSearchParams): object | null {
    const run = this.runs.find(({ id }) => id === body.run_id);
    switch (path) {
      case 'experiments/get-by-name': {
        const at = this.#experiments.indexOf(query.get('experiment_name') ?? '');
        return at < 0 ? null : { experiment: { experiment_id: String(at) } };
      }
      case 'experiments/create':
        return { experiment_id: String(this.#experiments.push(body.name ?? '') - 1) };
      case 'runs/search': {
        const [, tag = '', value = ''] = /^tags\."(.+)" = '(.*)'$/.exec(body.filter ?? '') ?? [];
        return { runs: this.runs.filter(({ tags }) => tags.get(tag) === value).map(shown) };
      }
      case 'runs/create': {
        const tags = new Map((body.tags ?? []).map(({ key, value }) => [key, value]));
        const made = { id: `run-${this.runs.length}`, tags, metrics: new Map(), params: new Map(), status: 'RUNNING', isDeleted: false };
        this.runs.push(made);
        return { run: shown(made) };
      }
      case 'runs/delete':
        if (run) run.isDeleted = true;
        return run ? {} : null;
      case 'runs/update':
        if (run) run.status = body.status ?? run.status;
        return run ? {} : null;
      case 'runs/log-batch':
        for (const { key, value } of body.tags ?? []) run?.tags.set(key, value);
        for (const { key, value } of body.params ?? []) run?.params.set(key, value);
        for (const { key, value, step, timestamp } of body.metrics ?? [])
          run?.metrics.set(`${key} ${step} ${timestamp}`, { key, value, step });
        return run ? {} : null;
      default:
        return null;
    }
  }
}

const shown = ({ id, tags, isDeleted, status }: TrackedRunSeen): object => ({
  info: { run_id: id, lifecycle_stage: isDeleted ? 'deleted' : 'active', status },
  data: { tags: [...tags].map(([key, value]) => ({ key, value })) },
});
