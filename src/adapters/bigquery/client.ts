import { BigQuery } from '@google-cloud/bigquery';
import type { Warehouse as WarehouseConfig } from '../../contract/profile.ts';
import type { ObjectStore } from '../../ports/object-store.ts';
import { emulatorOptions } from '../google/auth.ts';

export type BigqueryConfig = Extract<WarehouseConfig, { kind: 'bigquery' }>;

/** Google's client and what it is for. */
export interface Client {
  readonly bigquery: BigQuery;
  readonly config: BigqueryConfig;
}

/** What the parts of the adapter share. */
export interface Connection extends Client {
  readonly store: ObjectStore;
  readonly storageEndpoint: string | undefined;
  /** The emulator has neither external tables nor ML.PREDICT. */
  readonly emulator: boolean;
}

/** Google's client without its own retries: this adapter knows by reason what may be repeated. */
export function createClient(config: BigqueryConfig): Client {
  const bigquery = new BigQuery({
    projectId: config.project,
    location: config.location,
    retryOptions: { autoRetry: false, maxRetries: 0 },
    ...emulatorOptions(config.apiEndpoint),
  });
  return { bigquery, config };
}

export function connect(
  config: BigqueryConfig,
  deps: { readonly store: ObjectStore; readonly storageEndpoint?: string | undefined; readonly emulator?: boolean },
): Connection {
  const { store, storageEndpoint, emulator = config.apiEndpoint !== undefined } = deps;
  return { ...createClient(config), store, storageEndpoint, emulator };
}
