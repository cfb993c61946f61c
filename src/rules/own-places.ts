/** Whether a run's profile leads to places that whoever looks at the run names too: else it is a stranger's, and nobody takes their own account there. */
import { profilesByCluster } from '../contract/clusters.ts';
import type { Profile } from '../contract/profile.ts';

export type Places = Pick<Profile, 'warehouse' | 'storage' | 'compute' | 'clusters'>;
export type Place = 'storage' | 'warehouse' | 'compute';

/** What is kept of a profile to know its places again. */
export const placesOf = ({ warehouse, storage, compute, clusters }: Profile): Places => ({
  warehouse,
  storage,
  compute,
  ...(clusters === undefined ? {} : { clusters }),
});

/** Of one cluster of a profile, as ports are opened. @param part what is opened; a warehouse reads and writes the store beside it */
export function isOwnPlace(own: readonly Places[], profile: Profile, part: Place): boolean {
  switch (part) {
    case 'storage':
      return own.some(({ storage }) => isWithinStorage(storage, profile.storage));
    case 'warehouse':
      return own.some(({ warehouse }) => isSameWarehouse(warehouse, profile.warehouse)) && isOwnPlace(own, profile, 'storage');
    case 'compute':
      return own.some((one) => profilesByCluster(one as Profile).some(({ compute }) => isSameCompute(compute, profile.compute)));
  }
}

/** `profile.storage: gs://theirs/runs` */
export function placeText(profile: Places, part: Place): string {
  const { storage, warehouse, compute } = profile;
  const at = (endpoint: string | undefined): string => (endpoint === undefined ? '' : ` at ${endpoint}`);
  const text =
    part === 'storage'
      ? storage.kind === 'gcs'
        ? `gs://${[storage.bucket, ...partsOf(storage.prefix)].join('/')}${at(storage.apiEndpoint)}`
        : storage.path
      : part === 'warehouse'
        ? warehouse.kind === 'bigquery'
          ? `${warehouse.project}.${warehouse.dataset}${at(warehouse.apiEndpoint)}`
          : warehouse.path
        : compute.kind === 'kubernetes'
          ? [`namespace ${compute.namespace}`, compute.context && `context ${compute.context}`, compute.kubeconfig]
              .filter(Boolean)
              .join(', ')
          : compute.path;
  return `profile.${part}: ${text}`;
}

function isWithinStorage(own: Places['storage'], asked: Places['storage']): boolean {
  if (own.kind === 'directory') return asked.kind === 'directory' && isBelow(own.path, asked.path);
  return asked.kind === 'gcs' && own.bucket === asked.bucket && own.apiEndpoint === asked.apiEndpoint && isBelow(own.prefix, asked.prefix);
}

function isSameWarehouse(own: Places['warehouse'], asked: Places['warehouse']): boolean {
  if (own.kind === 'duckdb') return asked.kind === 'duckdb' && isBelow(own.path, asked.path);
  return (
    asked.kind === 'bigquery' && own.project === asked.project && own.dataset === asked.dataset && own.apiEndpoint === asked.apiEndpoint
  );
}

/** A kubeconfig may name a program that is run to sign in: only one's own is opened, and no other cluster of it. */
function isSameCompute(own: Places['compute'], asked: Places['compute']): boolean {
  if (own.kind === 'process') return asked.kind === 'process' && isBelow(own.path, asked.path);
  return (
    asked.kind === 'kubernetes' && own.namespace === asked.namespace && own.kubeconfig === asked.kubeconfig && own.context === asked.context
  );
}

const partsOf = (path: string): string[] => path.split('/').filter((part) => part !== '' && part !== '.');

/** The same folder or one below it; a path that climbs is below nothing. */
function isBelow(folder: string, path: string): boolean {
  const [own, asked] = [partsOf(folder), partsOf(path)];
  return !asked.includes('..') && own.every((part, index) => part === asked[index]);
}
