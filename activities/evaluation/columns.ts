/** Which columns of a test set an evaluation may cut or rank by. */
import type { FeatureTable } from '../../src/contract/features.ts';
import type { TableInfo } from '../../src/ports/warehouse.ts';

/** Columns of the row and, in the nested layout, fields of its candidates. */
export function availableColumns(table: Pick<TableInfo, 'columns'>, features: FeatureTable): string[] {
  const { layout } = features;
  return table.columns.flatMap(({ name, type }) => (layout.kind === 'nested' && name === layout.candidates ? fieldsOf(type) : [name]));
}

/** Names of the fields of `ARRAY<STRUCT<a INT64, b ARRAY<STRING>>>`. */
function fieldsOf(type: string): string[] {
  const inner = /^ARRAY<STRUCT<(.*)>>$/s.exec(type)?.[1];
  if (inner === undefined) return [];
  const fields: string[] = [];
  let depth = 0;
  let field = '';
  for (const character of `${inner},`) {
    if (character === ',' && depth === 0) {
      const name = /^\s*(?:`([^`]+)`|(\w+))/.exec(field);
      fields.push(name?.[1] ?? name?.[2] ?? '');
      field = '';
      continue;
    }
    if (character === '<' || character === '(') depth++;
    if (character === '>' || character === ')') depth--;
    field += character;
  }
  return fields.filter((name) => name !== '');
}
