/** What the documents of all runs in a store name, whichever release wrote them. */
import { scriptName } from '../../cache/scripts.ts';
import { ScriptSpec } from '../../contract/steps.ts';
import { inTurns } from '../../ports/in-turns.ts';
import type { ObjectStore } from '../../ports/object-store.ts';
import { digestsIn } from '../../rules/code-garbage.ts';
import { textsIn } from '../../rules/garbage.ts';

export interface StoredDocument {
  readonly run: string;
  readonly uri: string;
  /** Of shipped code; null: it cannot be read, and may name anything. */
  readonly digests: ReadonlySet<string> | null;
  /** Names of scripts, likewise. */
  readonly scripts: ReadonlySet<string> | null;
}

const READS = 16;
const NOTHING = { digests: new Set<string>(), scripts: new Set<string>() };

export async function documentsIn(store: ObjectStore): Promise<StoredDocument[]> {
  const found: { readonly run: string; readonly uri: string }[] = [];
  for await (const { uri } of store.list(`${store.root}/runs/`)) {
    const run = /\/runs\/([^/]+)\/run\.json$/.exec(uri)?.[1];
    if (run !== undefined) found.push({ run, uri });
  }
  return inTurns(found, READS, async (one) => ({ ...one, ...(await namedBy(store, one.uri)) }));
}

async function namedBy(store: ObjectStore, uri: string): Promise<Pick<StoredDocument, 'digests' | 'scripts'>> {
  const object = await store.read(uri);
  if (object === null) return NOTHING;
  try {
    const document: unknown = JSON.parse(new TextDecoder().decode(object.data));
    return { digests: digestsIn(textsIn(document)), scripts: scriptsIn(document) };
  } catch {
    return { digests: null, scripts: null };
  }
}

/** null: one of them is put together only when its step begins, and nobody knows its name. */
function scriptsIn(document: unknown): ReadonlySet<string> | null {
  const { steps = [], onExit = [] } = document as { readonly steps?: readonly unknown[]; readonly onExit?: readonly unknown[] };
  const names = new Set<string>();
  for (const step of [...steps, ...onExit]) {
    const { spec } = step as { readonly spec?: { readonly kind?: unknown } };
    if (spec?.kind !== 'script') continue;
    const parsed = ScriptSpec.safeParse(spec);
    if (!parsed.success || parsed.data.requirements.some((line) => line.includes('{'))) return null;
    names.add(scriptName(parsed.data));
  }
  return names;
}
