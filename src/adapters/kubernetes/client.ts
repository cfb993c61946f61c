import { existsSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { createInterface } from 'node:readline';
import { KubeConfig } from '@kubernetes/client-node';
import { AdapterError } from '../../contract/errors.ts';
import type { Compute as ComputeConfig } from '../../contract/profile.ts';
import { GRACES } from '../../rules/durations.ts';
import { KubeError } from './errors.ts';

export type KubernetesConfig = Extract<ComputeConfig, { kind: 'kubernetes' }>;
export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

const FIELD_MANAGER = 'longhaul';
/** Server-side apply. */
const APPLY = 'application/apply-patch+yaml';
/** As the client calls it. */
const IN_CLUSTER_CONTEXT = 'inClusterContext';
const IN_CLUSTER_TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token';

/** client-node's own agent opens a connection, with its handshake, for every request. */
const keptConnections = (): https.Agent => new https.Agent({ keepAlive: true, maxFreeSockets: 16, timeout: GRACES.idleConnectionMs });

export interface ClientOptions {
  /** For tests: how long a small request may take. */
  readonly answerMs?: number;
  /** Reads the configuration anew: files are written anew by those who renew what is in them. Throws what reading throws. */
  readonly reload?: () => KubeConfig;
}

interface RequestOptions {
  readonly query?: Query;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

/**
 * Requests to one API server as JSON and as streams of lines, with time limits and kept connections. Addresses, certificates, tokens and
 * exec plugins are client-node's. Its generated calls are not used: they have no time limit and open a connection each; its `Watch`
 * swallows what its callback throws; its `Log` ends the process when a connection breaks.
 */
export class KubeClient {
  readonly namespace: string;
  readonly #answerMs: number;
  readonly #reload: (() => KubeConfig) | undefined;
  #access: Access;
  #kept = keptConnections();
  /** The server's clock at a moment of our own that only goes forward. */
  #clock: { readonly serverMs: number; readonly at: number } | null = null;

  constructor(config: KubeConfig, namespace: string, { answerMs = GRACES.apiAnswerMs, reload }: ClientOptions = {}) {
    this.#answerMs = answerMs;
    this.#reload = reload;
    this.#access = accessOf(config);
    this.namespace = namespace;
  }

  /** ms since 1970 by the API server's clock, which objects' times are taken from: this machine's may be wrong, or be set. */
  now(): number {
    return this.#clock === null ? Date.now() : this.#clock.serverMs + performance.now() - this.#clock.at;
  }

  /** @throws KubeError for an answer that is no success, or the network's error. */
  async request<T>(method: string, path: string, options: RequestOptions = {}): Promise<T> {
    return JSON.parse(await this.text(method, path, options)) as T;
  }

  async text(method: string, path: string, options: RequestOptions = {}): Promise<string> {
    const timeout = AbortSignal.timeout(options.timeoutMs ?? this.#answerMs);
    const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
    // Every request of ours may be sent twice: creating finds what is there, the others say what is to be.
    for (let again = true; ; again = false) {
      try {
        return await readAll(await this.#send(method, path, { ...options, signal, agent: this.#kept }));
      } catch (error) {
        // A connection that went silent unnoticed is not the only one of its kind.
        if (timeout.aborted) this.#kept = keptConnections();
        if (!again || !(error instanceof StaleConnectionError)) throw error;
      }
    }
  }

  /** Lines of an answer that goes on; ends with an error when nothing came for `silenceMs`. */
  async *lines(path: string, options: { query: Query; signal: AbortSignal; silenceMs: number }): AsyncIterable<string> {
    const response = await this.#send('GET', path, { query: options.query, signal: options.signal, connectMs: this.#answerMs });
    response.setTimeout(options.silenceMs, () => {
      response.destroy(new SilentError(`${path}: nothing came for ${options.silenceMs / 1000} s`));
    });
    const lines = createInterface({ input: response, crlfDelay: Number.POSITIVE_INFINITY });
    // readline ends quietly when its input breaks: the error is kept and thrown at the end.
    const broken: Error[] = [];
    response.on('error', (error) => {
      broken.push(error);
      lines.close();
    });
    try {
      yield* lines;
      if (broken[0]) throw broken[0];
      if (!response.complete) throw new Error(`${path}: the connection was closed`);
    } finally {
      lines.close();
      response.destroy();
    }
  }

  /** What is refused or cannot be reached may have new credentials, another certificate or another address by now. */
  async #send(method: string, path: string, options: RequestOptions & Sending): Promise<http.IncomingMessage> {
    const access = this.#access;
    try {
      return await this.#sendBy(access, method, path, options);
    } catch (error) {
      const isOutdated = !(error instanceof KubeError) || error.status === 401;
      if (!isOutdated || options.signal?.aborted || !this.#isRenewedSince(access)) throw error;
      return await this.#sendBy(this.#access, method, path, { ...options, ...(options.agent ? { agent: this.#kept } : {}) });
    }
  }

  #isRenewedSince(access: Access): boolean {
    if (this.#access !== access) return true;
    try {
      const now = this.#reload && accessOf(this.#reload());
      if (now === undefined || now.text === access.text) return false;
      this.#access = now;
      this.#kept = keptConnections();
      return true;
    } catch {
      // It is being written.
      return false;
    }
  }

  async #sendBy(
    { config, server }: Access,
    method: string,
    path: string,
    { query = {}, body, contentType = 'application/json', signal, connectMs, agent }: RequestOptions & Sending,
  ): Promise<http.IncomingMessage> {
    const url = new URL(server + path);
    for (const [key, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(key, String(value));
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const headers: Record<string, string | number> = { accept: 'application/json, */*' };
    if (payload !== undefined) Object.assign(headers, { 'content-type': contentType, 'content-length': Buffer.byteLength(payload) });
    const options: https.RequestOptions = { method, headers };
    await config.applyToHTTPSOptions(options);
    // Not where it is a proxy's. Certificates are in the options, and connections are kept apart by them.
    if (agent && options.agent instanceof https.Agent && options.agent.constructor === https.Agent) options.agent = agent;
    const response = await answerTo(url, options, { payload, signal, connectMs });
    const serverMs = Date.parse(response.headers.date ?? '');
    if (!Number.isNaN(serverMs)) this.#setClock(serverMs, performance.now());
    const status = response.statusCode ?? 0;
    if (status >= 200 && status < 300) return response;
    throw KubeError.of(status, await readAll(response), `${method} ${path}`);
  }

  /** The server tells whole seconds, so of two readings that agree the later one is nearer. */
  #setClock(serverMs: number, at: number): void {
    const known = this.#clock;
    const behind = known === null ? Number.POSITIVE_INFINITY : known.serverMs - known.at - (serverMs - at);
    if (behind < 0 || behind > GRACES.headerResolutionMs) this.#clock = { serverMs, at };
  }

  /** Makes the object, or makes the one that is there as this says; what others say of it stays. */
  async apply(path: string, body: object): Promise<void> {
    await this.request('PATCH', path, { query: { fieldManager: FIELD_MANAGER, force: true }, body, contentType: APPLY });
  }

  jobsPath(name?: string): string {
    return `/apis/batch/v1/namespaces/${this.namespace}/jobs${name === undefined ? '' : `/${name}`}`;
  }

  podsPath(name?: string): string {
    return `/api/v1/namespaces/${this.namespace}/pods${name === undefined ? '' : `/${name}`}`;
  }
}

interface Access {
  readonly config: KubeConfig;
  readonly server: string;
  /** All of it. */
  readonly text: string;
}

/** @throws AdapterError('InvalidInput') */
function accessOf(config: KubeConfig): Access {
  const cluster = config.getCurrentCluster();
  if (!cluster) throw new AdapterError('InvalidInput', 'compute: the kubeconfig has no current context; name one in compute.context');
  return { config, server: cluster.server.replace(/\/+$/, ''), text: JSON.stringify([cluster, config.getCurrentUser()]) };
}

interface Sending {
  readonly connectMs?: number;
  readonly agent?: https.Agent;
}

function answerTo(
  url: URL,
  options: https.RequestOptions,
  { payload, signal, connectMs }: { payload: string | undefined; signal: AbortSignal | undefined; connectMs: number | undefined },
): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const request = (url.protocol === 'http:' ? http : https).request(url, options);
    const abort = (): void => void request.destroy(signal?.reason instanceof Error ? signal.reason : new Error('aborted'));
    signal?.addEventListener('abort', abort);
    const late = connectMs ? setTimeout(() => request.destroy(new Error(`no answer in ${connectMs / 1000} s`)), connectMs) : undefined;
    request.on('response', (response) => {
      clearTimeout(late);
      resolve(response);
    });
    request.on('close', () => {
      clearTimeout(late);
      signal?.removeEventListener('abort', abort);
    });
    request.on('error', (error: NodeJS.ErrnoException) => {
      const stale = request.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
      reject(stale ? new StaleConnectionError(error.message, { cause: error }) : error);
    });
    request.end(payload);
  });
}

/** A kept connection was closed by the other side just when it was used again. */
class StaleConnectionError extends Error {
  override readonly name = 'StaleConnectionError';
}

/** The connection went on without a word for longer than the server leaves it so. */
export class SilentError extends Error {
  override readonly name = 'SilentError';
}

async function readAll(response: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/** The worker of one cluster, in a pod of it and without a kubeconfig: the context is the name of its cluster for those outside. */
const isWorkerInside = (kube: KubeConfig): boolean =>
  Boolean(process.env.LONGHAUL_CLUSTER) && existsSync(IN_CLUSTER_TOKEN) && kube.getCurrentContext() === IN_CLUSTER_CONTEXT;

/** @throws AdapterError('InvalidInput') naming what the kubeconfig lacks. */
export function openClient(config: Where, options: ClientOptions = {}): KubeClient {
  const reload = (): KubeConfig => readConfig(config);
  return new KubeClient(reload(), config.namespace, { reload, ...options });
}

type Where = Pick<KubernetesConfig, 'namespace' | 'kubeconfig' | 'context'>;

function readConfig(config: Where): KubeConfig {
  const kube = new KubeConfig();
  try {
    if (config.kubeconfig !== undefined) kube.loadFromFile(config.kubeconfig);
    else if (config.context === undefined && existsSync(IN_CLUSTER_TOKEN)) kube.loadFromCluster();
    else kube.loadFromDefault();
  } catch (error) {
    throw new AdapterError('InvalidInput', `compute.kubeconfig: cannot read ${config.kubeconfig ?? 'the kubeconfig'}: ${String(error)}`, {
      cause: error,
    });
  }
  if (config.context !== undefined && !isWorkerInside(kube)) {
    if (!kube.getContextObject(config.context)) {
      const known = kube.getContexts().map((context) => context.name);
      throw new AdapterError(
        'InvalidInput',
        `compute.context: expected a context of the kubeconfig (${known.join(', ') || 'it has none'}), found "${config.context}"`,
      );
    }
    kube.setCurrentContext(config.context);
  }
  return kube;
}
