/** Temporal's development server: one file, loopback only. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { withoutProxy } from '../client/address.ts';
import { SEARCH_ATTRIBUTES } from '../contract/names.ts';
import type { Program } from './supervisor.ts';
import { GRACES } from '../rules/durations.ts';

export interface ServerPorts {
  readonly temporal: number;
  readonly ui: number;
}

/**
 * A development server has one shard, whose queues are read 20 times a second at most: after a burst each task of a workflow waits 40 ms
 * for its turn, a step of a pipeline 170 ms. The default is meant for thousands of shards on one database.
 */
const UNHURRIED_QUEUES = ['transfer', 'timer', 'visibility'].flatMap((queue) => [
  '--dynamic-config-value',
  `history.${queue}ProcessorMaxPollRPS=1000`,
]);

export function temporalServer(directory: string, ports: ServerPorts): Program {
  // The default journal of SQLite is two to four times slower; this one survives `kill -9` as well.
  const pragmas = ['journal_mode=wal', 'synchronous=1'].flatMap((pragma) => ['--sqlite-pragma', pragma]);
  const attributes = Object.entries(SEARCH_ATTRIBUTES).flatMap(([name, type]) => ['--search-attribute', `${name}=${type}`]);
  const where = [
    '--ip',
    '127.0.0.1',
    '--port',
    String(ports.temporal),
    '--ui-port',
    String(ports.ui),
    '--db-filename',
    // By its name alone, in the folder: SQLite reads a path as a URI, in which `#`, `?` and `%20` of a folder mean something else.
    'temporal.db',
  ];
  return {
    name: 'temporal',
    command: process.env.LONGHAUL_TEMPORAL ?? 'temporal',
    args: [
      'server',
      'start-dev',
      ...where,
      ...pragmas,
      ...attributes,
      ...UNHURRIED_QUEUES,
      '--ui-disable-news-fetch',
      '--log-level',
      'warn',
    ],
    env: { ...process.env, TEMPORAL_CLI_DISABLE_UPDATE_CHECK: '1', DO_NOT_TRACK: '1' },
    cwd: directory,
    log: join(directory, 'logs', 'temporal.log'),
    ready: (line) => line.includes('Temporal Server:') || line.includes('Server:'),
  };
}

/** Waits until the server answers and knows the search attributes: workflows started earlier would be refused. */
export async function untilServing(address: string, namespace: string, failed: Promise<unknown>): Promise<void> {
  const stopped: { why?: Error } = {};
  failed.catch((error: unknown) => (stopped.why = error as Error));
  const deadline = Date.now() + GRACES.temporalStartMs;
  let last: unknown;
  while (Date.now() < deadline) {
    if (stopped.why) throw stopped.why;
    try {
      const connection = await Connection.connect({ address, ...withoutProxy(address), connectTimeout: GRACES.serverAnswerMs });
      try {
        const known = await connection.operatorService.listSearchAttributes({ namespace });
        if (Object.keys(SEARCH_ATTRIBUTES).every((name) => name in known.customAttributes)) return;
      } finally {
        await connection.close();
      }
    } catch (error) {
      last = error;
    }
    await sleep(GRACES.temporalStartLookMs);
  }
  throw new Error(
    `the Temporal server at ${address} does not answer after ${GRACES.temporalStartMs / 1000} s: ${last instanceof Error ? last.message : String(last)}`,
  );
}
