/** Asks everything that a profile names, each in the adapter's own way. */
import { totalmem } from 'node:os';
import { poolsHere, profilesByCluster } from '../contract/clusters.ts';
import { SEARCH_ATTRIBUTES } from '../contract/names.ts';
import type { Profile } from '../contract/profile.ts';
import { crossings } from '../rules/locations.ts';
import type { Places } from '../rules/locations.ts';
import type { Longhaul } from '../client/index.ts';
import { missingSearchAttributes, searchAttributeCommands } from '../adapters/search-attributes.ts';
import type { DoctorCheck } from '../ports/doctor.ts';

export interface CheckGroup {
  readonly what: string;
  readonly checks: readonly DoctorCheck[];
}

/** @param account of the workers in the cluster, whose rights are asked for; our own when left out */
export async function checkProfile(profile: Profile, connect: () => Promise<Longhaul>, account?: string): Promise<readonly CheckGroup[]> {
  const groups = await Promise.all([
    group('Temporal', () => checkTemporal(connect)),
    ...profilesByCluster(profile).map((one) =>
      group(profile.clusters === undefined ? 'Compute' : `Compute, cluster ${one.cluster ?? ''}`, () => checkCompute(one, account)),
    ),
    group('Storage', () => checkStorage(profile)),
    group('Warehouse', () => checkWarehouse(profile)),
    group('Locations', () => checkLocations(profile)),
  ]);
  return groups.filter(({ checks }) => checks.length > 0);
}

/** What cannot even be asked is an answer too. */
async function group(what: string, ask: () => Promise<readonly DoctorCheck[]>): Promise<CheckGroup> {
  try {
    return { what, checks: await ask() };
  } catch (error) {
    return { what, checks: [{ name: what, ok: false, detail: error instanceof Error ? error.message : String(error) }] };
  }
}

async function checkCompute(profile: Profile, account: string | undefined): Promise<readonly DoctorCheck[]> {
  const { compute } = profile;
  const pools = poolsHere(profile);
  if (compute.kind === 'kubernetes') return (await import('../adapters/kubernetes/doctor.ts')).checkKubernetes(compute, pools, account);
  const { openProcessCompute } = await import('../adapters/process/index.ts');
  const opened = await openProcessCompute(compute);
  const jobs = await opened.list();
  await opened.close();
  return [{ name: `processes under ${compute.path}`, ok: true, detail: `${jobs.length} Jobs are known` }];
}

async function checkStorage({ storage }: Profile): Promise<readonly DoctorCheck[]> {
  if (storage.kind === 'gcs') return (await import('../adapters/gcs/doctor.ts')).checkGcs(storage);
  const { openDirectoryStore } = await import('../adapters/directory/index.ts');
  const store = await openDirectoryStore(storage);
  const uri = `${store.root}/longhaul-doctor-${process.pid}`;
  await store.write(uri, 'doctor');
  await store.remove(uri);
  return [{ name: `directory ${storage.path}`, ok: true, detail: 'an object was written and removed' }];
}

async function checkWarehouse({ warehouse }: Profile): Promise<readonly DoctorCheck[]> {
  if (warehouse.kind === 'bigquery') return (await import('../adapters/bigquery/doctor.ts')).checkBigquery(warehouse);
  return [memoryCheck(warehouse.memoryLimitMb, totalmem() / BYTES_PER_MB)];
}

/** Where the parts of a profile are. What cannot be asked is not known. */
export async function placesOf(profile: Profile): Promise<Places> {
  const { warehouse, storage } = profile;
  // Emulators are nowhere.
  const [bucket, cluster] = await Promise.all([
    storage.kind === 'gcs' && storage.apiEndpoint === undefined
      ? import('../adapters/gcs/doctor.ts').then(({ placesOfBucket }) => placesOfBucket(storage))
      : [],
    Promise.all(profilesByCluster(profile).map(regionsOf)),
  ]);
  const dataset = warehouse.kind === 'bigquery' && warehouse.apiEndpoint === undefined ? [warehouse.location] : [];
  return { dataset, bucket, cluster: [...new Set(cluster.flat())] };
}

async function regionsOf(profile: Profile): Promise<readonly string[]> {
  const { compute } = profile;
  if (compute.kind !== 'kubernetes') return [];
  return (await import('../adapters/kubernetes/doctor.ts')).regionsOfCluster(compute, poolsHere(profile));
}

/** Of a laptop there is nothing to compare. */
async function checkLocations(profile: Profile): Promise<readonly DoctorCheck[]> {
  const places = await placesOf(profile);
  const known = Object.entries(places).filter(([, where]: [string, readonly string[]]) => where.length > 0);
  if (known.length < 2) return [];
  const name = 'bucket, data set and cluster';
  const found = crossings(places);
  if (found.length === 0)
    return [
      { name, ok: true, detail: known.map(([what, where]: [string, readonly string[]]) => `${what} in ${where.join(' and ')}`).join(', ') },
    ];
  return found.map(({ between, detail, remedy }) => ({ name: between.join(' and '), ok: false, detail, remedy }));
}

const BYTES_PER_MB = 1024 * 1024;
/** Servers and the other workers of this machine. */
const OTHERS_MB = 1024;

/** The limit holds for the whole warehouse worker. @param limitMb absent: half of the machine */
export function memoryCheck(limitMb: number | undefined, machineMb: number): DoctorCheck {
  const name = 'memory of the embedded warehouse';
  const machine = `${Math.round(machineMb)} MB`;
  const most = Math.floor(machineMb - OTHERS_MB);
  if (limitMb === undefined) return { name, ok: true, detail: `half of this machine's ${machine}` };
  if (limitMb <= most) return { name, ok: true, detail: `${limitMb} MB of this machine's ${machine}` };
  return {
    name,
    ok: false,
    detail: `warehouse.memoryLimit is ${limitMb} MB, this machine has ${machine}, of which servers and trainings need some: the kernel would end a worker`,
    remedy: `set warehouse.memoryLimit: ${Math.max(Math.floor(most / 2), 256)}Mi in the profile`,
  };
}

async function checkTemporal(connect: () => Promise<Longhaul>): Promise<readonly DoctorCheck[]> {
  await using longhaul = await connect();
  const { address, namespace } = longhaul.target;
  const { connection } = longhaul.client;
  const server: DoctorCheck = { name: `Temporal at ${address}`, ok: true, detail: 'it answers' };
  try {
    await connection.workflowService.describeNamespace({ namespace });
  } catch (error) {
    const remedy = `temporal operator namespace create --namespace ${namespace}`;
    return [server, { name: `namespace ${namespace}`, ok: false, detail: messageOf(error), remedy }];
  }
  const found: DoctorCheck = { name: `namespace ${namespace}`, ok: true, detail: 'it is there' };
  return [server, found, ...(await searchAttributeChecks(longhaul))];
}

async function searchAttributeChecks({ client, target: { address, namespace } }: Longhaul): Promise<readonly DoctorCheck[]> {
  const missing = await missingSearchAttributes(client.connection, namespace);
  return (Object.keys(SEARCH_ATTRIBUTES) as (keyof typeof SEARCH_ATTRIBUTES)[]).map((name) => {
    const ok = !missing.includes(name);
    return {
      name: `search attribute ${name}`,
      ok,
      detail: ok ? SEARCH_ATTRIBUTES[name] : 'it is missing; workers register it when they start, where they may',
      ...(ok ? {} : { remedy: searchAttributeCommands(address, namespace, [name])[0] ?? '' }),
    };
  });
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
