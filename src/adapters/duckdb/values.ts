import {
  DuckDBBlobValue,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBListValue,
  DuckDBArrayValue,
  DuckDBMapValue,
  DuckDBStructValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
} from '@duckdb/node-api';
import type { DuckDBListType, DuckDBStructType, DuckDBType, DuckDBValue } from '@duckdb/node-api';
import type { Json } from '../../contract/values.ts';

/** A value of a result as JSON: times in ISO 8601, bytes in base64, integers beyond 2^53 as texts; NaN and infinities are null. */
export function jsonOf(value: DuckDBValue, type?: DuckDBType): Json {
  if (value === null) return null;
  if (typeof value === 'bigint')
    return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value.toString();
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value === 'string') return type?.alias === 'JSON' ? (JSON.parse(value) as Json) : value;
  if (typeof value === 'boolean') return value;
  if (value instanceof DuckDBDecimalValue) return Number(value.toString());
  if (value instanceof DuckDBTimestampTZValue) return `${isoOf(value.micros)}Z`;
  if (value instanceof DuckDBTimestampValue) return isoOf(value.micros);
  if (value instanceof DuckDBDateValue) return value.toString();
  if (value instanceof DuckDBBlobValue) return Buffer.from(value.bytes).toString('base64');
  if (value instanceof DuckDBListValue || value instanceof DuckDBArrayValue)
    return value.items.map((each) => jsonOf(each, (type as DuckDBListType | undefined)?.valueType));
  if (value instanceof DuckDBStructValue) {
    const types = type as DuckDBStructType | undefined;
    return Object.fromEntries(Object.entries(value.entries).map(([name, each], i) => [name, jsonOf(each, types?.entryTypes[i])]));
  }
  if (value instanceof DuckDBMapValue) return value.entries.map(({ key, value: each }) => ({ key: jsonOf(key), value: jsonOf(each) }));
  return value.toString();
}

/** To milliseconds as JavaScript writes it, to microseconds where there are some. */
function isoOf(micros: bigint): string {
  const below = ((micros % 1000n) + 1000n) % 1000n;
  const text = new Date(Number((micros - below) / 1000n)).toISOString().slice(0, -1);
  return below === 0n ? text : `${text}${below.toString().padStart(3, '0')}`;
}
