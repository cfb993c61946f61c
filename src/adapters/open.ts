/** Opens the adapters that a run's profile names, each once per configuration and process; vendors' SDKs are loaded only where they are used. */
import type { Profile } from '../contract/profile.ts';
import type { Tensorboards } from '../ports/tensorboard.ts';
import type { Compute, ObjectStore, Ports, Warehouse } from '../ports/index.ts';

export interface OpenPorts extends Ports, AsyncDisposable {
  close(): Promise<void>;
}

export function openPorts(): OpenPorts {
  const opened: Promise<{ close?: () => Promise<void> }>[] = [];
  const once = <C, P extends object>(open: (config: C, profile: Profile) => Promise<P>): ((config: C, profile: Profile) => Promise<P>) => {
    const known = new Map<string, Promise<P>>();
    return (config, profile) => {
      const key = JSON.stringify(config);
      const existing = known.get(key);
      if (existing) return existing;
      const opening = open(config, profile);
      known.set(key, opening);
      opened.push(opening);
      // What could not be opened is tried anew by the next activity.
      opening.catch(() => known.delete(key));
      return opening;
    };
  };
  const store = once(openStore);
  const warehouse = once(async ({ warehouse: config }: WarehouseConfig, profile: Profile) =>
    openWarehouse(config, await store(profile.storage, profile), profile.storage),
  );
  const compute = once(openCompute);
  const close = async (): Promise<void> => {
    const ports = await Promise.allSettled(opened);
    await Promise.allSettled(ports.map(async (port) => (port.status === 'fulfilled' ? port.value.close?.() : undefined)));
  };
  return {
    store: (profile) => store(profile.storage, profile),
    warehouse: (profile) => warehouse({ warehouse: profile.warehouse, storage: profile.storage }, profile),
    compute: (profile) => compute(profile.compute, profile),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** A warehouse reads and writes the object store of the same profile. */
type WarehouseConfig = Pick<Profile, 'warehouse' | 'storage'>;

async function openStore(config: Profile['storage']): Promise<ObjectStore> {
  if (config.kind === 'directory') return (await import('./directory/index.ts')).openDirectoryStore(config);
  return (await import('./gcs/index.ts')).openGcsStore(config);
}

async function openWarehouse(config: Profile['warehouse'], store: ObjectStore, storage: Profile['storage']): Promise<Warehouse> {
  if (config.kind === 'duckdb') return (await import('./duckdb/index.ts')).openDuckdbWarehouse(config, { store });
  const storageEndpoint = storage.kind === 'gcs' ? storage.apiEndpoint : undefined;
  return (await import('./bigquery/index.ts')).openBigqueryWarehouse(config, { store, storageEndpoint });
}

async function openCompute(config: Profile['compute']): Promise<Compute> {
  if (config.kind === 'process') return (await import('./process/index.ts')).openProcessCompute(config);
  return (await import('./kubernetes/index.ts')).openKubernetesCompute(config);
}

/** Opened anew for each request: it keeps nothing but a client. */
export async function openTensorboards(profile: Profile, ports: Ports): Promise<Tensorboards> {
  const { compute } = profile;
  if (compute.kind === 'kubernetes') return (await import('./kubernetes/tensorboard.ts')).openKubernetesTensorboards(compute);
  return (await import('./process/tensorboard.ts')).processTensorboards(await ports.compute(profile));
}
