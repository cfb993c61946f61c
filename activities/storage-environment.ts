import type { Profile } from '../src/contract/profile.ts';

/** What a program of a Job needs to find the object store: Google's Python clients find an emulator by this variable. */
export function storageEnvironment({ storage }: Pick<Profile, 'storage'>): Record<string, string> {
  return storage.kind === 'gcs' && storage.apiEndpoint !== undefined ? { STORAGE_EMULATOR_HOST: storage.apiEndpoint } : {};
}
