import { setTimeout as delay } from 'node:timers/promises';
import { isGone, KubeError } from './errors.ts';
import { SilentError } from './client.ts';
import type { KubeClient, Query } from './client.ts';
import { GRACES, WAITS } from '../../rules/durations.ts';

/** A watch that says nothing for longer than it may last is dead, whatever TCP thinks of it. */
const SILENCE_MS = (GRACES.watchSeconds + 5) * 1000;
/** So many refusals in a row are a right that is missing. */
const REFUSALS_OF_A_MISSING_RIGHT = 3;
const LIST_PAGE = 500;

export interface KubeObject {
  readonly metadata?: {
    readonly name?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly managedFields?: unknown;
  };
}

interface ListPage<T> {
  readonly metadata: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items: readonly T[];
}

interface WatchEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: T & { readonly code?: number; readonly reason?: string; readonly message?: string };
}

export interface ReflectorOptions<T> {
  readonly path: string;
  readonly query?: Query;
  readonly set: (object: T) => void;
  readonly delete: (object: T) => void;
  /** The rights for this are missing: told once. */
  readonly forbidden?: (error: KubeError) => void;
  readonly silenceMs?: number;
  readonly relistMs?: number;
  /** How long a page of a list may take. */
  readonly listMs?: number;
}

/**
 * Keeps up with the objects of one resource: list, then watch from there, for ever (the pattern of client-go's Reflector).
 * A broken or silent watch is taken up where it ended; one whose place is compacted away (410 Gone) begins with a list.
 */
export class Reflector<T extends KubeObject> {
  readonly #client: KubeClient;
  readonly #options: ReflectorOptions<T>;
  readonly #known = new Map<string, T>();
  readonly #closing = new AbortController();
  #version: string | null = null;
  #listedAt = 0;
  #synced = false;
  #retryMs = WAITS.watchRetryFirstMs;
  #markSynced: () => void = () => undefined;
  /** Resolves after the first list; for a resource that we may not list, never. */
  readonly synced: Promise<void>;
  readonly #running: Promise<void>;

  constructor(client: KubeClient, options: ReflectorOptions<T>) {
    this.#client = client;
    this.#options = options;
    this.synced = new Promise((resolve) => {
      this.#markSynced = resolve;
    });
    this.#running = this.#run();
  }

  get isSynced(): boolean {
    return this.#synced;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  /** An object that we know from an answer, before the watch tells of it. */
  take(object: T): void {
    const name = object.metadata?.name;
    if (name === undefined || this.#known.get(name)?.metadata?.uid === object.metadata?.uid) return;
    this.#set(object);
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    const isClosed = (): boolean => signal.aborted;
    let refusals = 0;
    while (!isClosed()) {
      try {
        if (this.#version === null || performance.now() - this.#listedAt > (this.#options.relistMs ?? WAITS.relistMs)) await this.#list();
        await this.#watch(this.#version ?? '');
        // Not after the list: who may list may still not watch.
        refusals = 0;
        this.#retryMs = WAITS.watchRetryFirstMs;
      } catch (error) {
        if (isClosed()) return;
        if (error instanceof SilentError) continue;
        if (isGone(error)) this.#version = null;
        const forbidden = error instanceof KubeError && (error.status === 403 || error.status === 401);
        if (forbidden && ++refusals === REFUSALS_OF_A_MISSING_RIGHT) this.#options.forbidden?.(error);
        // Workers that lost the same server are not to come back at the same moment.
        await delay(this.#retryMs * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => undefined);
        const longest = forbidden ? WAITS.watchForbiddenRetryLongestMs : WAITS.watchRetryLongestMs;
        this.#retryMs = Math.min(longest, this.#retryMs * 2);
      }
    }
  }

  async #list(): Promise<void> {
    const seen = new Set<string>();
    let page: ListPage<T>;
    let next: string | undefined;
    do {
      page = await this.#client.request<ListPage<T>>('GET', this.#options.path, {
        query: { ...this.#options.query, limit: LIST_PAGE, continue: next },
        signal: this.#closing.signal,
        timeoutMs: this.#options.listMs ?? GRACES.listMs,
      });
      for (const object of page.items) {
        seen.add(nameOf(object));
        this.#set(object);
      }
      next = page.metadata.continue === '' ? undefined : page.metadata.continue;
    } while (next !== undefined);
    for (const [name, object] of this.#known) if (!seen.has(name)) this.#delete(object);
    this.#version = page.metadata.resourceVersion ?? null;
    this.#listedAt = performance.now();
    this.#synced = true;
    this.#markSynced();
  }

  async #watch(from: string): Promise<void> {
    const lines = this.#client.lines(this.#options.path, {
      query: { ...this.#options.query, watch: true, allowWatchBookmarks: true, timeoutSeconds: GRACES.watchSeconds, resourceVersion: from },
      signal: this.#closing.signal,
      silenceMs: this.#options.silenceMs ?? SILENCE_MS,
    });
    const begun = performance.now();
    let isEmpty = true;
    for await (const line of lines) {
      isEmpty = false;
      const { type, object } = JSON.parse(line) as WatchEvent<T>;
      if (type === 'ERROR') throw new KubeError(object.code ?? 500, object.reason ?? '', object.message ?? 'the watch failed');
      if (type === 'DELETED') this.#delete(object);
      else if (type !== 'BOOKMARK') this.#set(object);
      this.#version = object.metadata?.resourceVersion ?? this.#version;
      this.#retryMs = WAITS.watchRetryFirstMs;
    }
    // Whatever is between us and the server closes each watch at once: asking again as fast would be a storm.
    if (isEmpty && performance.now() - begun < GRACES.watchShortestMs) throw new ShortWatchError(this.#options.path);
  }

  #set(object: T): void {
    const name = nameOf(object);
    const before = this.#known.get(name);
    if (before?.metadata?.resourceVersion === object.metadata?.resourceVersion) return;
    // The same name again: what was there before is gone, also when nobody told us.
    if (before && before.metadata?.uid !== object.metadata?.uid) this.#delete(before);
    const slim = { ...object, metadata: { ...object.metadata, managedFields: undefined } };
    this.#known.set(name, slim);
    this.#options.set(slim);
  }

  #delete(object: T): void {
    const name = nameOf(object);
    if (this.#known.get(name)?.metadata?.uid === object.metadata?.uid) this.#known.delete(name);
    this.#options.delete(object);
  }
}

class ShortWatchError extends Error {
  override readonly name = 'ShortWatchError';

  constructor(path: string) {
    super(`${path}: the watch was closed at once, and said nothing`);
  }
}

const nameOf = (object: KubeObject): string => object.metadata?.name ?? '';
