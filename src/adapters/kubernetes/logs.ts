import { setTimeout as delay } from 'node:timers/promises';
import type { V1Pod } from '@kubernetes/client-node';
import type { KubeClient } from './client.ts';
import { containerOf, isTerminal } from './pod-parts.ts';
import { hasStatus } from './errors.ts';
import { MAIN_CONTAINER } from './job-manifest.ts';
import type { Snapshot } from './jobs-view.ts';
import type { JobLogOptions } from '../../ports/compute.ts';
import { podOf } from './pods.ts';
import { GRACES, WAITS } from '../../rules/durations.ts';

const TAIL_BYTES = 4096;
/** More than fit into 4 KiB, as a rule. */
const TAIL_LINES = 200;
const TIMESTAMP = /^(\d{4}-\d\d-\d\dT\S+Z) ?(.*)$/s;

type LogOptions = JobLogOptions;

/** The last 4 KiB of a pod's log, from the beginning of a line; what the pod's status holds when the log cannot be read. */
export async function logTail(client: KubeClient, pod: string, snapshots: readonly Snapshot[]): Promise<string> {
  try {
    const query = { container: MAIN_CONTAINER, tailLines: TAIL_LINES };
    const text = await client.text('GET', `${client.podsPath(pod)}/log`, { query, timeoutMs: GRACES.podLogTailMs });
    return lastBytes(text, TAIL_BYTES);
  } catch {
    const found = snapshots.find((snapshot) => snapshot.pod?.metadata?.name === pod)?.pod;
    return (found && containerOf(found)?.state?.terminated?.message) ?? '';
  }
}

function lastBytes(text: string, bytes: number): string {
  const data = Buffer.from(text);
  if (data.length <= bytes) return text;
  const cut = data.subarray(data.length - bytes).toString('utf8');
  const lineFeed = cut.indexOf('\n');
  return lineFeed >= 0 && lineFeed < cut.length - 1 ? cut.slice(lineFeed + 1) : cut.replace(/^\uFFFD+/, '');
}

/** Lines of the Job's container; with `follow` until it ends, over broken connections. */
export async function* jobLogs(client: KubeClient, job: string, options: LogOptions): AsyncIterable<string> {
  const signal = options.signal ?? new AbortController().signal;
  const pod = options.follow ? await startedPod(client, job, signal, options.rank) : await podOf(client, job, options.rank);
  const name = pod?.metadata?.name;
  if (!pod || name === undefined || !hasLog(pod)) return;
  const shown = ({ at, text }: Line): string => (options.stamped ? `${at} ${text}` : text);
  let last: string | null = options.after?.at ?? null;
  for (;;) {
    try {
      for await (const line of stream(client, name, options, last, signal)) {
        last = line.at;
        yield shown(line);
      }
    } catch (error) {
      if (signal.aborted) return;
      if (hasStatus(error, 404)) return;
      if (!options.follow) throw error;
    }
    if (signal.aborted || !options.follow) return;
    const now = await podOf(client, job, options.rank).catch(() => pod);
    if (now?.metadata?.name !== name || isTerminal(now) || containerOf(now)?.state?.terminated) {
      // What was written between the end of the stream and the container's.
      for await (const line of rest(client, name, last, signal)) yield shown(line);
      return;
    }
    await pause(WAITS.podLogLookMs, signal);
  }
}

interface Line {
  readonly at: string;
  readonly text: string;
}

async function* rest(client: KubeClient, pod: string, last: string | null, signal: AbortSignal): AsyncIterable<Line> {
  try {
    yield* stream(client, pod, {}, last, signal);
  } catch (error) {
    if (!signal.aborted && !hasStatus(error, 404)) throw error;
  }
}

/** Asked for with time stamps, so that a broken stream goes on behind the last line. */
async function* stream(
  client: KubeClient,
  pod: string,
  { follow, tailLines }: LogOptions,
  last: string | null,
  signal: AbortSignal,
): AsyncIterable<Line> {
  const lines = client.lines(`${client.podsPath(pod)}/log`, {
    query: {
      container: MAIN_CONTAINER,
      follow,
      timestamps: true,
      tailLines: last === null ? tailLines : undefined,
      // Whole seconds: lines of before `last` come again and are left out.
      sinceTime: last === null ? undefined : `${last.slice(0, 19)}Z`,
    },
    signal,
    silenceMs: GRACES.podLogSilenceMs,
  });
  for await (const line of lines) {
    const [, at, text] = TIMESTAMP.exec(line) ?? [];
    if (at === undefined || text === undefined || (last !== null && at <= last)) continue;
    yield { at, text };
  }
}

async function startedPod(client: KubeClient, job: string, signal: AbortSignal, rank?: number): Promise<V1Pod | null> {
  while (!signal.aborted) {
    const pod = await podOf(client, job, rank);
    if (pod && (hasLog(pod) || isTerminal(pod))) return pod;
    if (!pod) {
      try {
        await client.request('GET', client.jobsPath(job));
      } catch (error) {
        if (hasStatus(error, 404)) return null;
        throw error;
      }
    }
    await pause(WAITS.podLogLookMs, signal);
  }
  return null;
}

function hasLog(pod: V1Pod): boolean {
  const state = containerOf(pod)?.state;
  return state?.running !== undefined || state?.terminated !== undefined;
}

const pause = (ms: number, signal: AbortSignal): Promise<void> => delay(ms, undefined, { signal }).catch(() => undefined);
