/**
 * Stands in for a cluster in the normal suites: the API server's answers and order of news, Jobs and pods with real processes in them, a queue
 * like Kueue's, and every fault that an API server has. What it says was read off a real cluster (test/cluster/attempt-ends.test.ts).
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Compute } from '../../../src/contract/profile.ts';
import { Controllers, Queue } from './controllers.ts';
import { Kubelet } from './kubelet.ts';
import { matches, merge, Objects, stamp } from './objects.ts';
import type { Change, Resource, Thing } from './objects.ts';

type KubernetesConfig = Extract<Compute, { kind: 'kubernetes' }>;
/** A status, or a broken answer to a request that was carried out: the connection is reset, says nothing, or ends within the body. */
export type Fault = 401 | 403 | 404 | 409 | 410 | 429 | 500 | 503 | 'reset' | 'hang' | 'truncated';

interface Asked {
  /** `POST jobs`, `LIST pods`, `WATCH jobs`, `GET pods/log`, … */
  readonly what: string;
  readonly path: string;
  /** As it came: `?labelSelector=…`, or nothing. */
  readonly query: string;
  /** `Bearer …` */
  readonly token?: string | undefined;
}

export interface StandIn {
  readonly config: KubernetesConfig;
  readonly objects: Objects;
  readonly controllers: Controllers;
  readonly asked: readonly Asked[];
  /** Asked before each request; may answer with a fault. */
  fault: ((asked: Asked) => Fault | null) | null;
  /** What metrics.k8s.io says of a pod: `timestamp`, `window`, `containers`. Null: nobody serves it; of a pod: it was not looked at yet. */
  metricsOf: ((pod: string) => object | null) | null;
  /** A list that asks for pages gets no larger ones. */
  pageSize: number;
  /** Jobs are created suspended, and admitted so many at a time. */
  queue(places: number): Queue;
  close(): Promise<void>;
}

interface StandInOptions {
  /** Between the end of the main container and that of the pod. */
  readonly podEndMs?: number;
  readonly changes?: object;
}

export async function startStandIn({ podEndMs = 60, changes = {} }: StandInOptions = {}): Promise<StandIn> {
  const directory = await mkdtemp(join(tmpdir(), 'longhaul-stand-in-'));
  const objects = new Objects();
  const kubelet = new Kubelet(objects, podEndMs);
  const controllers = new Controllers(objects, kubelet);
  const asked: Asked[] = [];
  const queues: Queue[] = [];
  objects.add('nodes', { metadata: { name: 'node-1' }, spec: {}, status: { conditions: [{ type: 'Ready', status: 'True' }] } });
  const server = createServer((request, response) => {
    void respond(request, response).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(500);
      response.end(String(error));
    });
  });
  const world: StandIn = {
    config: {} as KubernetesConfig,
    objects,
    controllers,
    asked,
    fault: null,
    metricsOf: null,
    pageSize: Number.POSITIVE_INFINITY,
    queue: (places) => {
      const queue = new Queue(objects, places);
      queues.push(queue);
      return queue;
    },
    close: async () => {
      for (const queue of queues) queue.close();
      controllers.close();
      kubelet.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(directory, { recursive: true, force: true });
    },
  };

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', 'http://x');
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = chunks.length > 0 ? (JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>) : {};
    if (url.pathname.startsWith('/apis/metrics.k8s.io/')) {
      metrics(url, response);
      return;
    }
    const route = routeOf(url.pathname);
    if (!route) {
      status(response, 404, 'NotFound', `no such path ${url.pathname}`);
      return;
    }
    const isWatch = url.searchParams.get('watch') === 'true';
    const verb = request.method === 'GET' && route.name === undefined ? (isWatch ? 'WATCH' : 'LIST') : (request.method ?? '');
    const what = `${verb} ${route.resource}${route.sub ? `/${route.sub}` : ''}`;
    const token = request.headers.authorization;
    const one: Asked = { what, path: url.pathname, query: decodeURIComponent(url.search), token };
    asked.push(one);
    const fault = world.fault?.(one) ?? null;
    if (typeof fault === 'number') {
      status(response, fault, reasonOf(fault), `a fault of the test: HTTP ${fault}`);
      return;
    }
    if (isWatch) watch(url, route.resource, response, fault);
    else if (route.sub === 'log') log(url, route.name ?? '', response, fault);
    else {
      const [code, answer] = act(request.method ?? '', route, url, body);
      finish(response, code, JSON.stringify(answer), fault);
    }
  }

  /** As an aggregated server answers: of the pods that it has looked at. */
  function metrics(url: URL, response: ServerResponse): void {
    const one: Asked = { what: 'LIST metrics', path: url.pathname, query: decodeURIComponent(url.search) };
    asked.push(one);
    const fault = world.fault?.(one) ?? null;
    if (typeof fault === 'number') return status(response, fault, reasonOf(fault), `a fault of the test: HTTP ${fault}`);
    if (world.metricsOf === null) return void response.writeHead(404, { 'content-type': 'text/plain' }).end('404 page not found\n');
    const items = objects.list('pods', url.searchParams.get('labelSelector') ?? '').flatMap(({ metadata }) => {
      const told = world.metricsOf?.(metadata.name) ?? null;
      return told === null ? [] : [{ metadata: { name: metadata.name, labels: metadata.labels }, ...told }];
    });
    finish(response, 200, JSON.stringify({ kind: 'PodMetricsList', metadata: {}, items }), fault);
  }

  function act(method: string, { resource, name }: Route, url: URL, body: Record<string, unknown>): readonly [number, object] {
    if (method === 'GET' && name === undefined) {
      return page(resource, url.searchParams);
    }
    if (method === 'POST') {
      const thing = body as unknown as Thing;
      if (objects.get(resource, thing.metadata.name))
        return failed(409, 'AlreadyExists', `${resource} "${thing.metadata.name}" already exists`);
      return [201, objects.add(resource, thing)];
    }
    // Applying makes what is not there.
    if (method === 'PATCH' && resource === 'services' && name !== undefined && !objects.get(resource, name))
      return [201, objects.add(resource, body as unknown as Thing)];
    const found = name === undefined ? undefined : objects.get(resource, name);
    if (!found || name === undefined) return failed(404, 'NotFound', `${resource} "${name ?? ''}" not found`);
    if (method === 'PATCH') {
      const patched = objects.change(resource, name, (thing) => merge(thing as unknown as Record<string, unknown>, body)) ?? found;
      if (patched.spec['activeDeadlineSeconds'] === 1) kubelet.end(name, { reason: 'DeadlineExceeded', message: 'Pod was active longer' });
      return [200, patched];
    }
    if (method === 'DELETE') {
      if (resource === 'jobs') controllers.deleteJob(name, body['propagationPolicy'] === 'Foreground');
      else controllers.deletePod(name);
    }
    return [200, found];
  }

  /** A page says where the next one begins, and of which version of the list it is. */
  function page(resource: Resource, query: URLSearchParams): readonly [number, object] {
    const size = Math.min(world.pageSize, Number(query.get('limit') ?? Number.POSITIVE_INFINITY));
    const [version = String(objects.version), from = '0'] = query.get('continue')?.split(':') ?? [];
    const all = objects.list(resource, query.get('labelSelector') ?? '');
    const next = Number(from) + size;
    const more = next < all.length ? { continue: `${version}:${next}` } : {};
    return [200, { metadata: { resourceVersion: version, ...more }, items: all.slice(Number(from), next) }];
  }

  function watch(url: URL, resource: Resource, response: ServerResponse, fault: Fault | null): void {
    const selector = url.searchParams.get('labelSelector') ?? '';
    response.writeHead(200, { date: new Date().toUTCString() }).flushHeaders();
    if (fault === 'reset') return void response.socket?.resetAndDestroy();
    if (fault === 'truncated') return void response.write('{"type":"MODI', () => response.destroy());
    if (fault === 'hang') return;
    const tell = ({ resource: of, type, object }: Change): void => {
      if (of === resource && matches(object, selector)) response.write(`${JSON.stringify({ type, object })}\n`);
    };
    const stop = objects.subscribe(Number(url.searchParams.get('resourceVersion') ?? 0), tell);
    response.on('close', stop);
  }

  function log(url: URL, name: string, response: ServerResponse, fault: Fault | null): void {
    const source = kubelet.logOf(name);
    if (!source) {
      status(response, 404, 'NotFound', `pods "${name}" not found`);
      return;
    }
    const { searchParams } = url;
    const tail = Number(searchParams.get('tailLines') ?? Number.POSITIVE_INFINITY);
    const since = searchParams.get('sinceTime');
    const show = ({ at, text }: { at: string; text: string }): string =>
      `${searchParams.get('timestamps') === 'true' ? `${at} ` : ''}${text}\n`;
    const from = Math.max(0, source.lines.length - tail);
    const lines = source.lines.slice(from).filter(({ at }) => since === null || at.slice(0, 19) >= since.slice(0, 19));
    if (searchParams.get('follow') !== 'true') return finish(response, 200, lines.map(show).join(''), fault);
    response.writeHead(200).flushHeaders();
    for (const line of lines) response.write(show(line));
    let seen = source.lines.length;
    const more = (): void => {
      for (const line of source.lines.slice(seen)) response.write(show(line));
      seen = source.lines.length;
      if (kubelet.logOf(name)?.over) response.end();
    };
    source.listeners.add(more);
    response.on('close', () => source.listeners.delete(more));
    more();
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const kubeconfig = join(directory, 'kubeconfig');
  await writeFile(kubeconfig, kubeconfigOf((server.address() as AddressInfo).port));
  const config = Compute.parse({ kind: 'kubernetes', namespace: 'ns', kubeconfig, image: 'image', ...changes }) as KubernetesConfig;
  return Object.assign(world, { config });
}

interface Route {
  readonly resource: Resource;
  readonly name?: string;
  readonly sub?: string;
}

function routeOf(path: string): Route | null {
  const [, resource, name, sub] = /\/(jobs|pods|nodes|events|services|workloads)(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(path) ?? [];
  return resource === undefined ? null : { resource: resource as Resource, ...(name ? { name } : {}), ...(sub ? { sub } : {}) };
}

function finish(response: ServerResponse, code: number, text: string, fault: Fault | null): void {
  if (fault === 'hang') return;
  if (fault === 'reset') return void response.socket?.resetAndDestroy();
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
  response.writeHead(code, headers);
  if (fault !== 'truncated') return void response.end(text);
  response.write(text.slice(0, Math.floor(text.length / 2)), () => response.destroy());
}

function status(response: ServerResponse, code: number, reason: string, message: string): void {
  response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(failed(code, reason, message)[1]));
}

const failed = (code: number, reason: string, message: string): readonly [number, object] => [
  code,
  { kind: 'Status', status: 'Failure', code, reason, message, metadata: { at: stamp() } },
];

const reasonOf = (code: number): string =>
  ({ 401: 'Unauthorized', 403: 'Forbidden', 404: 'NotFound', 409: 'Conflict', 410: 'Expired', 429: 'TooManyRequests' })[code] ??
  'InternalError';

const kubeconfigOf = (port: number): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'u', user: {} }],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'c',
  });
