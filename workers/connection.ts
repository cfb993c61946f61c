/** The connection of workers to Temporal: the standard environment configuration (TEMPORAL_ADDRESS, TLS, API key, TOML profiles). */
import { setTimeout as delay } from 'node:timers/promises';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { NativeConnection } from '@temporalio/worker';
import { SEARCH_ATTRIBUTES } from '../src/contract/names.ts';
import { GRACES } from '../src/rules/durations.ts';

const DEFAULT_NAMESPACE = 'default';
const DEFAULT_ADDRESS = '127.0.0.1:7233';
/** gRPC status codes. */
const ALREADY_EXISTS = 6;
const UNIMPLEMENTED = 12;

interface Connected {
  readonly connection: NativeConnection;
  readonly namespace: string;
  readonly address: string;
}

export async function connect(): Promise<Connected> {
  const { connectionOptions, namespace } = loadClientConnectConfig();
  const address = connectionOptions.address ?? DEFAULT_ADDRESS;
  const connection = await persistently(() => NativeConnection.connect({ ...connectionOptions, address }));
  return { connection, namespace: namespace ?? DEFAULT_NAMESPACE, address };
}

/** A server that is starting, or away for a moment, is waited for. */
async function persistently<T>(attempt: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + GRACES.temporalConnectMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await delay(GRACES.temporalConnectRetryMs);
    }
  }
}

/** `temporal.api.enums.v1.IndexedValueType`. */
const VALUE_TYPES = { Keyword: 2, Double: 4, KeywordList: 7 } as const;

/** Workflow tasks fail for ever on a search attribute that the namespace does not know: register what is missing first. */
export async function registerSearchAttributes({ connection, namespace }: Connected): Promise<void> {
  const known = await persistently(() => knownSearchAttributes(connection, namespace));
  const missing = Object.entries(SEARCH_ATTRIBUTES).filter(([name]) => !known.has(name));
  if (missing.length === 0) return;
  try {
    await connection.operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(missing.map(([name, type]) => [name, VALUE_TYPES[type]])),
    });
  } catch (error) {
    // Another worker was quicker.
    if ((error as { code?: number }).code !== ALREADY_EXISTS) throw error;
  }
}

async function knownSearchAttributes(connection: NativeConnection, namespace: string): Promise<ReadonlySet<string>> {
  try {
    return new Set(Object.keys((await connection.operatorService.listSearchAttributes({ namespace })).customAttributes));
  } catch (error) {
    // The time-skipping test server can add but not list.
    if ((error as { code?: number }).code === UNIMPLEMENTED) return new Set();
    throw error;
  }
}
