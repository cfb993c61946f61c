/** A table that can be sorted by every column and scrolls sideways by itself. */
import type { ComponentChildren } from 'preact';
import { useMemo, useState } from 'preact/hooks';

export interface Column<R> {
  readonly name: string;
  readonly title: string;
  readonly cell: (row: R) => ComponentChildren;
  /** What it is sorted by; without it the column cannot be sorted. */
  readonly key?: (row: R) => string | number | null;
  readonly align?: 'right';
  /** The first click sorts the largest first. */
  readonly descending?: boolean;
}

interface Props<R> {
  readonly label: string;
  readonly rows: readonly R[];
  readonly columns: readonly Column<R>[];
  readonly rowKey: (row: R) => string | number;
  readonly rowClass?: (row: R) => string;
  readonly sortedBy?: string;
  /** More rows than this stay hidden until asked for. */
  readonly limit?: number;
}

interface Sorting {
  readonly by: string;
  readonly descending: boolean;
}

export function Table<R>({ label, rows, columns, rowKey, rowClass, sortedBy, limit = 200 }: Props<R>): preact.JSX.Element {
  const [sorting, setSorting] = useState<Sorting | null>(null);
  const [all, setAll] = useState(false);
  const first = columns.find((column) => column.name === sortedBy);
  const by = sorting ?? (first ? { by: first.name, descending: first.descending === true } : null);
  const sorted = useMemo(() => sort(rows, columns, by), [rows, columns, by?.by, by?.descending]);
  const shown = all ? sorted : sorted.slice(0, limit);
  const toggle = (column: Column<R>): void =>
    setSorting({ by: column.name, descending: by?.by === column.name ? !by.descending : column.descending === true });
  return (
    <>
      <div class="table-scroll" role="region" aria-label={label} tabIndex={0}>
        <table>
          <thead>
            <tr>
              {columns.map((column) => (
                <Heading key={column.name} column={column} sorting={by} onToggle={() => toggle(column)} />
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((row) => (
              <tr key={rowKey(row)} class={rowClass?.(row)}>
                {columns.map((column) => (
                  <td key={column.name} class={column.align}>
                    {column.cell(row)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {shown.length < sorted.length ? (
        <button type="button" class="button quiet" onClick={() => setAll(true)}>
          Show all {sorted.length} rows
        </button>
      ) : null}
    </>
  );
}

interface HeadingProps<R> {
  readonly column: Column<R>;
  readonly sorting: Sorting | null;
  readonly onToggle: () => void;
}

function Heading<R>({ column, sorting, onToggle }: HeadingProps<R>): preact.JSX.Element {
  if (!column.key)
    return (
      <th scope="col" class={column.align}>
        {column.title === '' ? <span class="sr-only">actions</span> : column.title}
      </th>
    );
  const active = sorting?.by === column.name;
  const direction = active ? (sorting.descending ? 'descending' : 'ascending') : undefined;
  return (
    <th scope="col" class={column.align} aria-sort={direction}>
      <button type="button" onClick={onToggle}>
        {column.title}
        <span class="arrow" aria-hidden="true">
          {direction === undefined ? '' : direction === 'descending' ? '↓' : '↑'}
        </span>
      </button>
    </th>
  );
}

/** What has no value comes last in either order. */
function sort<R>(rows: readonly R[], columns: readonly Column<R>[], sorting: Sorting | null): readonly R[] {
  const key = columns.find((column) => column.name === sorting?.by)?.key;
  if (!key || !sorting) return rows;
  const sign = sorting.descending ? -1 : 1;
  return [...rows].sort((a, b) => {
    const [x, y] = [key(a), key(b)];
    if (x === null || y === null) return Number(x === null) - Number(y === null);
    const by = typeof x === 'number' && typeof y === 'number' ? x - y : String(x).localeCompare(String(y), 'en', { numeric: true });
    return sign * by;
  });
}
