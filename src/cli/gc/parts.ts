/** What the parts of `longhaul gc` have in common. */
import { UnknownRunError } from '../../client/errors.ts';
import type { Longhaul } from '../../client/index.ts';
import { AdapterError } from '../../contract/errors.ts';
import type { ObjectInfo } from '../../ports/object-store.ts';
import type { ObjectStore } from '../../ports/index.ts';
import { auditedRun } from '../../rules/audits.ts';
import { removeUnchanged } from './removal.ts';

export interface GarbageOptions {
  /** ms since 1970: what was used later stays. */
  readonly before: number;
  readonly dryRun: boolean;
  /** Also end Jobs of runs that this server does not know. */
  readonly orphans: boolean;
  /** Also remove models that nobody promoted. */
  readonly candidates: boolean;
}

export type Runs = Pick<Longhaul, 'list' | 'run'> & { readonly schedules: Pick<Longhaul['schedules'], 'documents'> };
export type RunStatus = 'open' | 'ended' | 'unknown';

export async function stateOf(runs: Runs, run: string): Promise<RunStatus> {
  const audited = auditedRun(run);
  try {
    if (audited !== null) return (await runs.run(audited).isAudited()) ? 'open' : 'ended';
    return (await runs.run(run).state()).endedAt === null ? 'open' : 'ended';
  } catch (error) {
    if (error instanceof UnknownRunError) return 'unknown';
    // Whoever cannot be asked may still be at work.
    return 'open';
  }
}

/** One after the other. False: one was written again since, so that somebody is at work there, and what comes behind it stays. */
export async function removeAll(store: ObjectStore, objects: readonly ObjectInfo[]): Promise<boolean> {
  for (const { uri, generation } of objects) if (!(await removeUnchanged(store, uri, generation))) return false;
  return true;
}

export async function objectsOf(store: ObjectStore, uri: string): Promise<ObjectInfo[]> {
  const one = uri.endsWith('/') ? null : await store.stat(uri).catch(notAnObject);
  if (one) return [one];
  const found = [];
  for await (const info of store.list(`${uri.replace(/\/+$/, '')}/`)) found.push(info);
  return found;
}

/** In a directory a prefix of objects is no object, and is told so. */
function notAnObject(error: unknown): null {
  if (error instanceof AdapterError && error.type === 'InvalidInput') return null;
  throw error;
}
