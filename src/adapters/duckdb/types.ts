import { DuckDBTypeId } from '@duckdb/node-api';
import type { DuckDBType } from '@duckdb/node-api';
import type { GoogleScalar, GoogleType } from '../../contract/google-type.ts';
import { identifier } from './engine.ts';

/** DuckDB's type by the name that GoogleSQL has for it. */
export function googleTypeOf(type: DuckDBType): string {
  switch (type.typeId) {
    case DuckDBTypeId.BOOLEAN:
      return 'BOOL';
    case DuckDBTypeId.FLOAT:
    case DuckDBTypeId.DOUBLE:
      return 'FLOAT64';
    case DuckDBTypeId.DECIMAL: {
      const { width, scale } = type;
      return scale <= 9 && width - scale <= 29 ? 'NUMERIC' : 'BIGNUMERIC';
    }
    case DuckDBTypeId.HUGEINT:
    case DuckDBTypeId.UHUGEINT:
      return 'BIGNUMERIC';
    case DuckDBTypeId.DATE:
      return 'DATE';
    case DuckDBTypeId.TIME:
      return 'TIME';
    case DuckDBTypeId.TIMESTAMP_TZ:
      return 'TIMESTAMP';
    case DuckDBTypeId.TIMESTAMP:
    case DuckDBTypeId.TIMESTAMP_S:
    case DuckDBTypeId.TIMESTAMP_MS:
    case DuckDBTypeId.TIMESTAMP_NS:
      return 'DATETIME';
    case DuckDBTypeId.BLOB:
      return 'BYTES';
    case DuckDBTypeId.INTERVAL:
      return 'INTERVAL';
    case DuckDBTypeId.LIST:
      return `ARRAY<${googleTypeOf(type.valueType)}>`;
    case DuckDBTypeId.STRUCT: {
      const { entryNames, entryTypes } = type;
      return `STRUCT<${entryTypes.map((each, i) => `${entryNames[i] ?? ''} ${googleTypeOf(each)}`).join(', ')}>`;
    }
    case DuckDBTypeId.TINYINT:
    case DuckDBTypeId.SMALLINT:
    case DuckDBTypeId.INTEGER:
    case DuckDBTypeId.BIGINT:
    case DuckDBTypeId.UTINYINT:
    case DuckDBTypeId.USMALLINT:
    case DuckDBTypeId.UINTEGER:
    case DuckDBTypeId.UBIGINT:
      return 'INT64';
    default:
      return type.alias === 'JSON' ? 'JSON' : 'STRING';
  }
}

/** Integer types that GoogleSQL does not have, e.g. that of a sum: it is INT64 there, and parquet would make a FLOAT64 of it. */
const FOREIGN_INTEGERS = /\b(?:U?HUGEINT|U?BIGINT|U?INTEGER|U?SMALLINT|U?TINYINT)\b/g;

/** Parquet has JSON as an annotation that readers treat differently: a text is read by all of them. */
const JSON_NAME = /\bJSON\b/g;

/** The type (in DuckDB's spelling) that a column of a result is to be stored as. */
export function storedType(type: string): string {
  return type.replaceAll(FOREIGN_INTEGERS, 'BIGINT').replaceAll(JSON_NAME, 'VARCHAR');
}

export const hasJson = (type: string): boolean => type.search(JSON_NAME) >= 0;

const SPELLED: Readonly<Record<GoogleScalar, string>> = {
  INT64: 'BIGINT',
  FLOAT64: 'DOUBLE',
  BOOL: 'BOOLEAN',
  STRING: 'VARCHAR',
  JSON: 'JSON',
  BYTES: 'BLOB',
  DATE: 'DATE',
  TIME: 'TIME',
  DATETIME: 'TIMESTAMP',
  TIMESTAMP: 'TIMESTAMPTZ',
  NUMERIC: 'DECIMAL(38, 9)',
  BIGNUMERIC: 'DECIMAL(38, 9)',
};

/** GoogleSQL's type in DuckDB's spelling. */
export function duckdbSpelling(type: GoogleType): string {
  if (type.kind === 'ARRAY') return `${duckdbSpelling(type.element)}[]`;
  if (type.kind !== 'STRUCT') return SPELLED[type.kind];
  return `STRUCT(${type.fields.map((each) => `${identifier(each.name)} ${duckdbSpelling(each.type)}`).join(', ')})`;
}

/** Of scalars, as DuckDB spells it: how it is stored is known without asking for the types that it is made of. */
export const isPlainArray = (type: string): boolean => /^[\w ]+\[\]$/.test(type);
export const storedArray = (text: string): string => `longhaul_stored_array(${text})`;

/** How a value with arrays in it is stored as BigQuery stores it: an empty array for NULL, and no array with a NULL in it; null where there is no array. */
export function storedArrays(type: DuckDBType, text: string, depth = 0): string | null {
  if (type.typeId === DuckDBTypeId.LIST) {
    const element = `longhaul_e${depth}`;
    const inner = storedArrays(type.valueType, element, depth + 1);
    const list = storedArray(text);
    return inner === null ? list : `list_transform(${list}, lambda ${element}: ${inner})`;
  }
  if (type.typeId !== DuckDBTypeId.STRUCT) return null;
  const { entryNames, entryTypes } = type;
  const fields = entryTypes.map((each, i) => storedArrays(each, `${text}.${identifier(entryNames[i] ?? '')}`, depth));
  if (fields.every((field) => field === null)) return null;
  const packed = fields.map((field, i) => `${identifier(entryNames[i] ?? '')}: ${field ?? `${text}.${identifier(entryNames[i] ?? '')}`}`);
  return `CASE WHEN ${text} IS NOT NULL THEN {${packed.join(', ')}} END`;
}
