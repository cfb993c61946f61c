import {
  DuckDBBlobValue,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBIntervalValue,
  DuckDBListValue,
  DuckDBStructValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTimeValue,
} from '@duckdb/node-api';
import type { DuckDBStructType, DuckDBType, DuckDBValue } from '@duckdb/node-api';
import { inBrackets, parseJson, quoted, writeJson } from './json-values.ts';
import type { JsonValue } from './json-values.ts';
import { floatText } from './numbers.ts';
import { datetimeText, dateText, microsOfDays, timeText } from './times.ts';
import { elementType, fieldTypes, isJson } from './values.ts';

const SAFE = 2n ** 53n;
const isWide = (value: bigint): boolean => value > SAFE || value < -SAFE;
const unreal = (value: number): string => (Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity');

/** Texts of what JSON has no type for; undefined for what it has one for. */
function textIn(value: DuckDBValue): string | undefined {
  if (value instanceof DuckDBBlobValue) return Buffer.from(value.bytes).toString('base64');
  if (value instanceof DuckDBDateValue) return dateText(microsOfDays(value.days));
  if (value instanceof DuckDBTimestampTZValue) return `${datetimeText(value.micros, 'T')}Z`;
  if (value instanceof DuckDBTimestampValue) return datetimeText(value.micros, 'T');
  if (value instanceof DuckDBTimeValue) return timeText(value.micros);
  if (value instanceof DuckDBIntervalValue) return isoInterval(value);
  return undefined;
}

/** An INTERVAL as ISO 8601 has it: P1Y2M3DT4H5M6.5S. */
function isoInterval({ months, days, micros }: DuckDBIntervalValue): string {
  const part = (value: number, letter: string): string => (value === 0 ? '' : `${value}${letter}`);
  const seconds = Number(micros % 60_000_000n) / 1_000_000;
  const minutes = Number((micros / 60_000_000n) % 60n);
  const hours = Number(micros / 3_600_000_000n);
  const date = part(Math.trunc(months / 12), 'Y') + part(months % 12, 'M') + part(days, 'D');
  const time = part(hours, 'H') + part(minutes, 'M') + part(seconds, 'S');
  return date + time === '' ? 'P0Y' : `P${date}${time === '' ? '' : `T${time}`}`;
}

/** A value as JSON: TO_JSON. */
export function jsonOfValue(value: DuckDBValue, type: DuckDBType, stringifyWide: boolean, exact = false): JsonValue {
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'bigint') return stringifyWide && isWide(value) ? value.toString() : value;
  if (typeof value === 'number') {
    if (Number.isFinite(value)) return value === 0 ? 0 : value;
    if (exact) throw new Error(`${unreal(value)} is not a valid JSON number`);
    return unreal(value);
  }
  if (typeof value === 'string') return isJson(type) ? parseJson(value) : value;
  if (value instanceof DuckDBDecimalValue) return parseJson(value.toString().replace(/\.?0+$/, ''));
  if (value instanceof DuckDBListValue) return value.items.map((each) => jsonOfValue(each, elementType(type), stringifyWide, exact));
  if (value instanceof DuckDBStructValue) {
    const types = fieldTypes(type);
    const members = new Map<string, JsonValue>();
    for (const [i, [name, each]] of Object.entries(value.entries).entries())
      if (!members.has(name)) members.set(name, jsonOfValue(each, types[i] ?? type, stringifyWide, exact));
    return members;
  }
  return textIn(value) ?? String(value);
}

/** A value as a text of JSON: TO_JSON_STRING, which keeps the order of fields and writes wide whole numbers as texts. */
export function jsonTextOfValue(value: DuckDBValue, type: DuckDBType, pretty: boolean, level = 0): string {
  if (value === null) return 'null';
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'bigint') return isWide(value) ? `"${value}"` : value.toString();
  if (typeof value === 'number') return Number.isFinite(value) ? floatText(value) : `"${unreal(value)}"`;
  if (typeof value === 'string') return isJson(type) ? writeJson(parseJson(value), pretty, level) : quoted(value);
  if (value instanceof DuckDBListValue)
    return inBrackets(
      '[]',
      value.items.map((each) => jsonTextOfValue(each, elementType(type), pretty, level + 1)),
      pretty,
      level,
    );
  if (value instanceof DuckDBStructValue) {
    const types = fieldTypes(type);
    const names = (type as DuckDBStructType).entryNames;
    const members = Object.values(value.entries).map(
      (each, i) => `${quoted(names[i] ?? '')}:${pretty ? ' ' : ''}${jsonTextOfValue(each, types[i] ?? type, pretty, level + 1)}`,
    );
    return inBrackets('{}', members, pretty, level);
  }
  if (value instanceof DuckDBDecimalValue) return value.toString().replace(/\.?0+$/, '');
  return quoted(textIn(value) ?? String(value));
}
