/** Opens the adapters that a run's profile names, each once per configuration and process; vendors' SDKs are loaded only where they are used. */
import { AdapterError } from '../contract/errors.ts';
import type { Policy } from '../contract/policy.ts';
import type { Profile } from '../contract/profile.ts';
import type { Place } from '../rules/own-places.ts';
import { placeViolations, refusalText } from '../rules/policy.ts';
import type { Tensorboards } from '../ports/tensorboard.ts';
import type { Compute, ObjectStore, Ports, Warehouse } from '../ports/index.ts';
import { readPolicy } from './policy-file.ts';

export interface OpenPorts extends Ports, AsyncDisposable {
  close(): Promise<void>;
}

/**
 * Where a policy is named (LONGHAUL_POLICY), none of its ports goes where it does not allow: whoever may start a run wrote the profile, and a console
 * that followed it would take its own account there, also for a run that the workers have refused.
 *
 * @param check throws where no policy is named and this part of a profile is not to be opened
 */
export function openPorts(check?: (profile: Profile, part: Place) => Promise<void>): OpenPorts {
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
  let policy: Promise<Policy | null> | null = null;
  const allowed = async (profile: Profile, part: Place): Promise<Profile> => {
    const known = await (policy ??= readPolicy());
    if (known === null) {
      await check?.(profile, part);
      return profile;
    }
    const found = placeViolations(known, profile);
    if (found.length > 0) throw new AdapterError('AccessDenied', refusalText(found));
    return profile;
  };
  const close = async (): Promise<void> => {
    const ports = await Promise.allSettled(opened);
    await Promise.allSettled(ports.map(async (port) => (port.status === 'fulfilled' ? port.value.close?.() : undefined)));
  };
  return {
    store: async (profile) => store((await allowed(profile, 'storage')).storage, profile),
    warehouse: async (profile) => {
      const { warehouse: config, storage } = await allowed(profile, 'warehouse');
      return warehouse({ warehouse: config, storage }, profile);
    },
    compute: async (profile) => compute((await allowed(profile, 'compute')).compute, profile),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** A warehouse reads and writes the object store of the same profile. */
type WarehouseConfig = Pick<Profile, 'warehouse' | 'storage'>;

async function openStore(config: Profile['storage']): Promise<ObjectStore> {
  switch (config.kind) {
    case 'directory':
      return (await import('./directory/index.ts')).openDirectoryStore(config);
    case 'gcs':
      return (await import('./gcs/index.ts')).openGcsStore(config);
    default:
      return unknownKind('storage', config);
  }
}

async function openWarehouse(config: Profile['warehouse'], store: ObjectStore, storage: Profile['storage']): Promise<Warehouse> {
  switch (config.kind) {
    case 'duckdb':
      return (await import('./duckdb/index.ts')).openDuckdbWarehouse(config, { store });
    case 'bigquery': {
      const storageEndpoint = storage.kind === 'gcs' ? storage.apiEndpoint : undefined;
      return (await import('./bigquery/index.ts')).openBigqueryWarehouse(config, { store, storageEndpoint });
    }
    default:
      return unknownKind('warehouse', config);
  }
}

async function openCompute(config: Profile['compute']): Promise<Compute> {
  switch (config.kind) {
    case 'process':
      return (await import('./process/index.ts')).openProcessCompute(config);
    case 'kubernetes':
      return (await import('./kubernetes/index.ts')).openKubernetesCompute(config);
    default:
      return unknownKind('compute', config);
  }
}

/** Of a profile that nobody has checked: what a policy does not know must not be opened as something that it forbids. */
function unknownKind(part: string, config: never): never {
  const { kind } = config as { readonly kind?: unknown };
  throw new AdapterError('InvalidInput', `profile.${part}.kind: there is no ${JSON.stringify(kind)}`);
}

/** Opened anew for each request: it keeps nothing but a client. */
export async function openTensorboards(profile: Profile, ports: Ports): Promise<Tensorboards> {
  const { compute } = profile;
  if (compute.kind === 'kubernetes') return (await import('./kubernetes/tensorboard.ts')).openKubernetesTensorboards(compute);
  return (await import('./process/tensorboard.ts')).processTensorboards(await ports.compute(profile));
}
