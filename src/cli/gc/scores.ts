/** Scores that Jobs have written for an evaluation which did not end: `src/rules/score-garbage.ts` decides. */
import type { ObjectInfo, ObjectStore } from '../../ports/object-store.ts';
import type { Reference } from '../../rules/garbage.ts';
import { decideScores } from '../../rules/score-garbage.ts';
import { removeUnchanged, type GarbageResult, type Removal } from './removal.ts';

interface Written {
  readonly document: ObjectInfo | null;
  readonly parts: readonly ObjectInfo[];
}

/** @param open what open runs name; asked only where there is something to decide */
export async function unusedScores(
  store: ObjectStore,
  open: () => Promise<readonly Reference[]>,
  { before }: { readonly before: number },
  result: GarbageResult,
): Promise<Removal[]> {
  const found: Removal[] = [];
  const written = await scoresIn(store);
  const references = written.size === 0 ? [] : await open();
  for (const [name, { document, parts }] of written) {
    const usedAt = Math.max(...[document, ...parts].map((info) => info?.updatedAt ?? 0));
    const { remove, reason } = decideScores({ name, usedAt, data: await dataOf(store, document) }, before, references);
    if (remove) found.push({ what: 'scores', name, reason, remove: () => removeScores(store, document, parts) });
    else result.kept.push({ what: 'scores', name, reason });
  }
  return found;
}

/** By the URI of their prefix. */
async function scoresIn(store: ObjectStore): Promise<Map<string, Written>> {
  const root = `${store.root}/scores/`;
  const found = new Map<string, Written>();
  for await (const info of store.list(root)) {
    const [first = '', ...below] = info.uri.slice(root.length).split('/');
    const isDocument = below.length === 0 && first.endsWith('.json');
    const name = `${root}${isDocument ? first.slice(0, -'.json'.length) : first}`;
    const { document, parts } = found.get(name) ?? { document: null, parts: [] };
    found.set(name, isDocument ? { document: info, parts } : { document, parts: [...parts, info] });
  }
  return found;
}

async function dataOf(store: ObjectStore, document: ObjectInfo | null): Promise<string | null> {
  const object = document && (await store.read(document.uri));
  if (!object) return null;
  try {
    const { data } = JSON.parse(new TextDecoder().decode(object.data)) as { readonly data?: unknown };
    return typeof data === 'string' ? data : null;
  } catch {
    return null;
  }
}

/** The document first: an evaluation that begins now writes it anew, and then nothing is removed. `READY` next: what is removed in part is no result. */
async function removeScores(store: ObjectStore, document: ObjectInfo | null, parts: readonly ObjectInfo[]): Promise<boolean> {
  if (document && !(await removeUnchanged(store, document.uri, document.generation))) return false;
  const readyFirst = [...parts].sort((a, b) => Number(b.uri.endsWith('/READY')) - Number(a.uri.endsWith('/READY')));
  for (const { uri, generation } of readyFirst) await removeUnchanged(store, uri, generation);
  return true;
}
