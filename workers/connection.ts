/** The connection of workers to Temporal: the standard environment configuration (TEMPORAL_ADDRESS, TLS, API key, TOML profiles). */
import { setTimeout as delay } from 'node:timers/promises';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { NativeConnection } from '@temporalio/worker';
import { isWithheld, missingSearchAttributes, searchAttributeCommands } from '../src/adapters/search-attributes.ts';
import type { AttributeServices, SearchAttribute } from '../src/adapters/search-attributes.ts';
import { SEARCH_ATTRIBUTES } from '../src/contract/names.ts';
import { GRACES } from '../src/rules/durations.ts';

const DEFAULT_NAMESPACE = 'default';
const DEFAULT_ADDRESS = '127.0.0.1:7233';
/** gRPC status codes. */
const ALREADY_EXISTS = 6;

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

/**
 * Workflow tasks fail for ever on a search attribute that the namespace does not know: what is missing is registered first.
 *
 * @throws Error with the command that makes them, where a worker may not
 */
export async function registerSearchAttributes({ connection, namespace, address }: Connected): Promise<void> {
  const missing = await persistently(() => missingSearchAttributes(connection as unknown as AttributeServices, namespace));
  if (missing.length === 0) return;
  try {
    await connection.operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(missing.map((name) => [name, VALUE_TYPES[SEARCH_ATTRIBUTES[name]]])),
    });
  } catch (error) {
    // Another worker was quicker.
    if ((error as { code?: number }).code === ALREADY_EXISTS) return;
    if (!isWithheld(error)) throw error;
    throw new SearchAttributesError(address, namespace, missing, error);
  }
}

/** The namespace lacks search attributes, and a worker may not make them. */
export class SearchAttributesError extends Error {
  constructor(address: string, namespace: string, missing: readonly SearchAttribute[], cause: unknown) {
    const commands = searchAttributeCommands(address, namespace, missing);
    super(
      `namespace ${namespace} lacks the search attributes ${missing.join(', ')}, and this worker may not make them; run\n  ${commands.join('\n  ')}`,
      {
        cause,
      },
    );
    this.name = 'SearchAttributesError';
  }
}
