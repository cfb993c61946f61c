/** Scripts of steps that were kept in the store for the Jobs of runs: `src/rules/script-garbage.ts` decides. */
import type { ObjectStore, Warehouse } from '../../ports/index.ts';
import type { Reference } from '../../rules/garbage.ts';
import type { ContentUser } from '../../rules/kept-by-content.ts';
import { decideScript, whyScriptsAreNeeded } from '../../rules/script-garbage.ts';
import { unusedContent } from './by-content.ts';
import type { StoredDocument } from './documents.ts';
import { stateOf, type GarbageOptions, type Runs } from './parts.ts';
import type { GarbageResult, Removal } from './removal.ts';

interface Context {
  readonly runs: Runs;
  readonly store: ObjectStore;
  readonly warehouse: Warehouse;
  readonly options: GarbageOptions;
  readonly open: readonly Reference[];
  readonly documents: () => Promise<readonly StoredDocument[]>;
}

export function unusedScripts(context: Context, result: GarbageResult): Promise<Removal[]> {
  const pattern = /\/scripts\/([0-9a-f]{32})\.json$/;
  const kind = { what: 'script', pattern, users: () => everyUser(context), decide: decideScript } as const;
  return unusedContent(context.store, 'scripts', kind, context.options, result);
}

async function everyUser({ runs, warehouse, open, documents }: Context): Promise<ContentUser[]> {
  const mute = open
    .filter(({ texts }) => texts === null)
    .map(({ who }): ContentUser => ({ who, names: null, needs: 'it could not tell what it uses' }));
  const ends = new Map((await warehouse.ledger('runs')).map((row) => [row.run, row.ended_at]));
  const users: ContentUser[] = [];
  for (const { run, uri, scripts } of await documents()) {
    if (scripts?.size === 0) continue;
    const state = await stateOf(runs, run);
    const ended = ends.get(run);
    const needs = whyScriptsAreNeeded(state, typeof ended === 'string' ? Date.parse(ended) : null);
    users.push({
      who: `run ${run}`,
      names: scripts,
      needs: needs !== null && scripts === null ? `${needs}, and not told which: ${uri}` : needs,
    });
  }
  return [...mute, ...users];
}
