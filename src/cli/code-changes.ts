/** What differs in the code that two runs shipped, file by file. */
import { filesIn, type ArchivedFile } from '../compile/code/archive.ts';
import { codeUri, type Shipped } from '../contract/code.ts';
import type { RunDocument } from '../contract/run-document.ts';
import type { ObjectStore } from '../ports/index.ts';
import { unifiedDiff } from '../present/unified-diff.ts';

export interface CodeChange {
  readonly step: string;
  readonly file: string;
  /** `unknown`: the store does not have the code of one of them any more. */
  readonly change: 'added' | 'removed' | 'changed' | 'unknown';
  /** Lines of a unified diff; null of what is no text. */
  readonly diff: readonly string[] | null;
}

/** What was shipped, by SHA-256; null: it is not there any more. */
type ReadShipped = (sha256: string) => Promise<Uint8Array | null>;

export const inStore =
  (store: ObjectStore): ReadShipped =>
  async (sha256) =>
    (await store.read(codeUri(store.root, { sha256 })))?.data ?? null;

interface Side {
  readonly document: RunDocument;
  readonly read: ReadShipped;
}

export async function codeChanges(before: Side, after: Side): Promise<CodeChange[]> {
  const steps = [...new Set([before, after].flatMap(({ document }) => shippingSteps(document).map(([id]) => id)))];
  const found = await Promise.all(
    steps.map(async (step) => {
      const [old, now] = [before, after].map(({ document }) => shippingSteps(document).find(([id]) => id === step)?.[1] ?? {});
      if (old?.code?.sha256 === now?.code?.sha256 && old?.requirements?.sha256 === now?.requirements?.sha256) return [];
      const [oldFiles, newFiles] = await Promise.all([filesOf(old ?? {}, before.read), filesOf(now ?? {}, after.read)]);
      if (!oldFiles || !newFiles) return [{ step, file: now?.code?.from ?? old?.code?.from ?? '', change: 'unknown', diff: null } as const];
      return changesOf(step, oldFiles, newFiles);
    }),
  );
  return found.flat();
}

const shippingSteps = ({ steps, onExit }: Pick<RunDocument, 'steps' | 'onExit'>): [string, Shipped][] =>
  [...steps, ...onExit].flatMap(({ id, spec }): [string, Shipped][] =>
    (spec.kind === 'search' || spec.kind === 'container') && spec.code ? [[id, spec]] : [],
  );

/** By name; the requirements are one of them. */
async function filesOf({ code, requirements }: Shipped, read: ReadShipped): Promise<Map<string, ArchivedFile> | null> {
  const files = new Map<string, ArchivedFile>();
  if (!code) return files;
  const archive = await read(code.sha256);
  const text = requirements && (await read(requirements.sha256));
  if (!archive || text === null) return null;
  for (const file of filesIn(archive)) files.set(file.path, file);
  if (text) files.set('requirements', { path: 'requirements', data: text, executable: false });
  return files;
}

function changesOf(step: string, before: ReadonlyMap<string, ArchivedFile>, after: ReadonlyMap<string, ArchivedFile>): CodeChange[] {
  return [...new Set([...before.keys(), ...after.keys()])].sort().flatMap((file): CodeChange[] => {
    const [old, now] = [before.get(file), after.get(file)];
    if (old && now && old.executable === now.executable && Buffer.compare(old.data, now.data) === 0) return [];
    const [oldText, newText] = [textOf(old), textOf(now)];
    const diff = oldText === null || newText === null ? null : unifiedDiff(oldText, newText);
    return [{ step, file, change: !old ? 'added' : !now ? 'removed' : 'changed', diff }];
  });
}

/** null: no text. */
function textOf(file: ArchivedFile | undefined): string | null {
  if (!file) return '';
  if (file.data.includes(0)) return null;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(file.data);
  } catch {
    return null;
  }
}
