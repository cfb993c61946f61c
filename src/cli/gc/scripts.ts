/** Scripts of steps that were kept in the store for the Jobs of runs: `src/rules/script-garbage.ts` decides. */
import type { ObjectStore, Warehouse } from '../../ports/index.ts';
import type { ObjectInfo } from '../../ports/object-store.ts';
import { GRACES } from '../../rules/durations.ts';
import type { Reference } from '../../rules/garbage.ts';
import { decideScript, whyScriptsAreNeeded, type ScriptUser } from '../../rules/script-garbage.ts';
import type { StoredDocument } from './documents.ts';
import { stateOf, type GarbageOptions, type Runs } from './parts.ts';
import { removeUnchanged, type GarbageResult, type Removal } from './removal.ts';

interface Context {
  readonly runs: Runs;
  readonly store: ObjectStore;
  readonly warehouse: Warehouse;
  readonly options: GarbageOptions;
  readonly open: readonly Reference[];
  readonly documents: () => Promise<readonly StoredDocument[]>;
}

const SCRIPT = /\/scripts\/([0-9a-f]{32})\.json$/;

export async function unusedScripts(context: Context, result: GarbageResult): Promise<Removal[]> {
  const { store, options } = context;
  const before = Math.min(options.before, Date.now() - GRACES.codeKeptMs);
  const kept: (ObjectInfo & { readonly name: string })[] = [];
  for await (const info of store.list(`${store.root}/scripts/`)) {
    const name = SCRIPT.exec(info.uri)?.[1];
    if (name !== undefined) kept.push({ ...info, name });
  }
  // Young ones are kept whoever names them: nobody needs to be asked.
  const users = kept.some(({ updatedAt }) => updatedAt < before) ? await everyUser(context) : [];
  return kept.flatMap(({ uri, name, updatedAt, generation }): Removal[] => {
    const { remove, reason } = decideScript({ name, usedAt: updatedAt }, before, users);
    if (remove) return [{ what: 'script', name: uri, reason, remove: () => removeUnchanged(store, uri, generation) }];
    result.kept.push({ what: 'script', name: uri, reason });
    return [];
  });
}

async function everyUser({ runs, warehouse, open, documents }: Context): Promise<ScriptUser[]> {
  const mute = open
    .filter(({ texts }) => texts === null)
    .map(({ who }): ScriptUser => ({ who, scripts: null, needs: 'it could not tell what it uses' }));
  const ends = new Map((await warehouse.ledger('runs')).map((row) => [row.run, row.ended_at]));
  const users: ScriptUser[] = [];
  for (const { run, uri, scripts } of await documents()) {
    if (scripts?.size === 0) continue;
    const state = await stateOf(runs, run);
    const ended = ends.get(run);
    const needs = whyScriptsAreNeeded(state, typeof ended === 'string' ? Date.parse(ended) : null);
    users.push({ who: `run ${run}`, scripts, needs: needs !== null && scripts === null ? `${needs}, and not told which: ${uri}` : needs });
  }
  return [...mute, ...users];
}
