/** Tables of the report: readable without scripts, sortable with them. */
import { html, type Content, type Markup } from '../present/html.ts';

interface Column<T> {
  readonly title: string;
  readonly cell: (row: T) => Content;
  /** What it sorts by; also makes the column one of numbers. */
  readonly number?: (row: T) => number | null;
  readonly wide?: boolean;
}

/** A column that is empty in every row is left out. */
export function table<T>(caption: string, rows: readonly T[], columns: readonly Column<T>[]): Markup {
  if (rows.length === 0) return html``;
  const cells = rows.map((row) => columns.map((column) => column.cell(row)));
  const used = columns.map((_, index) => cells.some((row) => !isEmpty(row[index])));
  const shown = <V>(items: readonly V[]): V[] => items.filter((_, index) => used[index]);
  const head = shown(columns).map((column) => html`<th scope="col" class="${column.number ? 'number' : ''}">${column.title}</th>`);
  const body = rows.map((row, at) => {
    const line = shown(columns.map((column, index) => cellOf(column, row, cells[at]?.[index])));
    return html`<tr>
      ${line}
    </tr> `;
  });
  return html`<div class="scroll" role="group" tabindex="0" aria-label="${caption}">
    <table>
      <caption>
        ${caption}
      </caption>
      <thead>
        <tr>
          ${head}
        </tr>
      </thead>
      <tbody>
        ${body}
      </tbody>
    </table>
  </div>`;
}

function cellOf<T>(column: Column<T>, row: T, content: Content): Markup {
  if (!column.number) return html`<td class="${column.wide ? 'wide' : ''}">${content}</td>`;
  const value = column.number(row);
  return html`<td class="number" data-sort="${value ?? ''}">${content}</td>`;
}

const isEmpty = (content: Content): boolean => content === null || content === undefined || content === '';
