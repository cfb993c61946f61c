/** Two run documents, path by path. */
import { differences } from '../../present/differences.ts';
import type { RunDocument } from '../../contract/run-document.ts';
import type { Json } from '../../contract/values.ts';
import { Table } from './table.tsx';
import { Empty } from './ui.tsx';

interface Props {
  readonly before: RunDocument;
  readonly after: RunDocument;
  readonly names: readonly [before: string, after: string];
}

/** Differ whenever anything does, and say nothing. */
const DERIVED = new Set(['hash']);

export function DiffTable({ before, after, names }: Props): preact.JSX.Element {
  const found = differences(plain(before), plain(after)).filter(({ path }) => !DERIVED.has(path));
  if (found.length === 0) return <Empty title="The documents are the same" />;
  return (
    <Table
      label="Differences"
      rows={found}
      rowKey={({ path }) => path}
      columns={[
        { name: 'path', title: 'Path', key: ({ path }) => path, cell: ({ path }) => <code>{path}</code> },
        { name: 'before', title: names[0], cell: (difference) => <Value value={difference.before} kind="del" /> },
        { name: 'after', title: names[1], cell: (difference) => <Value value={difference.after} kind="ins" /> },
      ]}
    />
  );
}

/** Steps by name, so that a step in between does not shift all others. */
function plain(document: RunDocument): Json {
  const byName = (steps: RunDocument['steps']): Record<string, unknown> => Object.fromEntries(steps.map((step) => [step.id, step]));
  return { ...document, steps: byName(document.steps), onExit: byName(document.onExit) } as unknown as Json;
}

function Value({ value, kind }: { readonly value: Json | undefined; readonly kind: 'del' | 'ins' }): preact.JSX.Element {
  if (value === undefined) return <span class="note">not there</span>;
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return kind === 'del' ? <del>{text}</del> : <ins>{text}</ins>;
}
