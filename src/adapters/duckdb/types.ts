import { DuckDBTypeId } from '@duckdb/node-api';
import type { DuckDBType } from '@duckdb/node-api';

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

/** The type (in DuckDB's spelling) that a column of a result is to be stored as. */
export function storedType(type: string): string {
  return type.replaceAll(FOREIGN_INTEGERS, 'BIGINT');
}
