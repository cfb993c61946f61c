/**
 * Tells when workflows have moved on, so that they are asked only then: a long poll of their histories, one request in 20 s while nothing happens.
 * Temporal Cloud bills each question to a workflow, and none of these.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { temporal } from '@temporalio/proto';
import { GRACES } from '../rules/durations.ts';

const PAGE = 200;

/** `temporal.api.enums.v1.EventType` of what a workflow does itself, upon another event that was told before. */
const OWN_DOING: ReadonlySet<number> = new Set([
  ...[5, 6, 7, 8, 9], // its tasks
  ...[10, 11], // an activity is scheduled, begins
  17, // a timer starts
  25, // a marker
  30, // a child is begun
  34, // a message to another workflow
  40, // search attributes
]);
const CONTINUED_AS_NEW = 28;

type Event = temporal.api.history.v1.IHistoryEvent;

/** Of a run and of those of its searches that were named. */
export interface Changes {
  /** Follows this workflow too; once is enough. */
  readonly follow: (workflowId: string) => void;
  /** Those to which something happened since this was asked last, or that are new. */
  readonly takeAll: () => ReadonlySet<string>;
  /** They are to be told again: what was asked could not be answered. */
  readonly again: (workflowIds: ReadonlySet<string>) => void;
  /** Resolves when there is something to take, or when the signal aborts. */
  readonly news: (signal: AbortSignal) => Promise<void>;
  readonly close: () => void;
}

export function followChanges(client: Client, workflowId: string): Changes {
  const over = new AbortController();
  const followed = new Set<string>();
  const moved = new Set<string>();
  let arrived = Promise.withResolvers<undefined>();
  const tell = (id: string): void => {
    moved.add(id);
    arrived.resolve(undefined);
  };
  const follow = (id: string): void => {
    if (followed.has(id) || over.signal.aborted) return;
    followed.add(id);
    tell(id);
    void pollHistory(client, id, () => tell(id), over.signal);
  };
  follow(workflowId);
  return {
    follow,
    takeAll: () => {
      const taken = new Set(moved);
      moved.clear();
      return taken;
    },
    again: (ids) => {
      ids.forEach(tell);
    },
    news: async (signal) => {
      if (moved.size > 0 || signal.aborted) return;
      arrived = Promise.withResolvers<undefined>();
      const ended = Promise.withResolvers<undefined>();
      const end = (): void => ended.resolve(undefined);
      signal.addEventListener('abort', end, { once: true });
      await Promise.race([arrived.promise, ended.promise]);
      signal.removeEventListener('abort', end);
    },
    close: () => over.abort(),
  };
}

/** Calls `tell` at each change until the workflow has closed or the signal aborts. Never rejects. */
async function pollHistory(client: Client, workflowId: string, tell: () => void, signal: AbortSignal): Promise<void> {
  let nextPageToken: Uint8Array | undefined;
  let pause: number = GRACES.changesRetryFirstMs;
  const isOver = (): boolean => signal.aborted;
  while (!isOver()) {
    try {
      const page = await client.withDeadline(Date.now() + GRACES.changesPollMs, () =>
        client.withAbortSignal(signal, () =>
          client.workflowService.getWorkflowExecutionHistory({
            namespace: client.options.namespace,
            execution: { workflowId },
            waitNewEvent: true,
            maximumPageSize: PAGE,
            nextPageToken,
          }),
        ),
      );
      const events: readonly Event[] = page.history?.events ?? [];
      if (events.some(({ eventType }) => !OWN_DOING.has(Number(eventType)))) tell();
      nextPageToken = page.nextPageToken.length > 0 ? page.nextPageToken : undefined;
      pause = GRACES.changesRetryFirstMs;
      if (nextPageToken === undefined && Number(events.at(-1)?.eventType) !== CONTINUED_AS_NEW) return;
    } catch {
      if (isOver()) return;
      // A token may be of a server that is there no more. Whoever follows asks at this pace then.
      nextPageToken = undefined;
      await sleep(pause, undefined, { signal }).catch(() => undefined);
      pause = Math.min(GRACES.changesRetryLongestMs, pause * 2);
      tell();
    }
  }
}

/** Between two questions: soon after a change, and more seldom while change follows change. */
export class QuestionPace {
  #wait: number;
  readonly #shortestMs: number;
  readonly #longestMs: number;

  constructor(shortestMs: number = GRACES.questionFirstMs, longestMs: number = GRACES.questionLongestMs) {
    this.#shortestMs = shortestMs;
    this.#longestMs = longestMs;
    this.#wait = shortestMs;
  }

  /** @param quietMs nothing had happened for so long @returns ms until it may be asked again */
  after(quietMs: number): number {
    this.#wait = quietMs > this.#longestMs ? this.#shortestMs : Math.min(this.#longestMs, this.#wait * 1.5);
    return this.#wait;
  }
}
