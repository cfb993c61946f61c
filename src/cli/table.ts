/** Plain tables: columns side by side, numbers to the right, nothing drawn around them. */
import { stripVTControlCharacters } from 'node:util';

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

const width = (text: string): number => stripVTControlCharacters(text).length;

/** Cells may hold colours. A column that is empty in every row is left out. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  dim: (text: string) => string = (text) => text,
): string {
  const used = columns.map((_, index) => rows.some((row) => width(row[index] ?? '') > 0));
  const widths = columns.map(({ title }, index) => Math.max(width(title), ...rows.map((row) => width(row[index] ?? ''))));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, index) => {
        const space = ' '.repeat((widths[index] ?? 0) - width(cell));
        return columns[index]?.align === 'right' ? space + cell : cell + space;
      })
      .filter((_, index) => used[index])
      .join('  ')
      .trimEnd();
  return [line(columns.map(({ title }) => dim(title))), ...rows.map((row) => line(columns.map((_, index) => row[index] ?? '')))].join('\n');
}
