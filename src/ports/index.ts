import type { Profile } from '../contract/profile.ts';
import type { Compute } from './compute.ts';
import type { ObjectStore } from './object-store.ts';
import type { Warehouse } from './warehouse.ts';

/** What activities get: the ports that a run's profile names. Opened once per configuration and worker process. */
export interface Ports {
  warehouse(profile: Profile): Promise<Warehouse>;
  store(profile: Profile): Promise<ObjectStore>;
  compute(profile: Profile): Promise<Compute>;
}

export type { Compute, ObjectStore, Warehouse };
