/** What `longhaul gc` removes of things that are named by their content. */
import type { ObjectInfo, ObjectStore } from '../../ports/object-store.ts';
import { GRACES } from '../../rules/durations.ts';
import type { ContentDecision, ContentUser, KeptByContent } from '../../rules/kept-by-content.ts';
import type { GarbageOptions } from './parts.ts';
import { removeUnchanged, type GarbageResult, type Removal } from './removal.ts';

interface Kind {
  readonly what: Removal['what'];
  /** Of its URI below the store's root; the group is the name. What else may lie there is not ours. */
  readonly pattern: RegExp;
  /** Asked only where something is old enough: young ones are kept whoever names them. */
  readonly users: () => Promise<readonly ContentUser[]>;
  readonly decide: (kept: KeptByContent, before: number, users: readonly ContentUser[]) => ContentDecision;
}

/** @param folder below the store's root */
export async function unusedContent(
  store: ObjectStore,
  folder: string,
  { what, pattern, users, decide }: Kind,
  options: Pick<GarbageOptions, 'before'>,
  result: GarbageResult,
): Promise<Removal[]> {
  const before = Math.min(options.before, Date.now() - GRACES.codeKeptMs);
  const kept: (ObjectInfo & { readonly name: string })[] = [];
  for await (const info of store.list(`${store.root}/${folder}/`)) {
    const name = pattern.exec(info.uri)?.[1];
    if (name !== undefined) kept.push({ ...info, name });
  }
  const known = kept.some(({ updatedAt }) => updatedAt < before) ? await users() : [];
  return kept.flatMap(({ uri, name, updatedAt, generation }): Removal[] => {
    const { remove, reason } = decide({ name, usedAt: updatedAt }, before, known);
    if (remove) return [{ what, name: uri, reason, remove: () => removeUnchanged(store, uri, generation) }];
    result.kept.push({ what, name: uri, reason });
    return [];
  });
}
