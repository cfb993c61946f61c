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
import type { DuckDBListType, DuckDBStructType, DuckDBType, DuckDBValue } from '@duckdb/node-api';
import { floatText } from './numbers.ts';
import { datetimeText, dateText, microsOfDays, timeText } from './times.ts';

/** Of a type that DuckDB gives a NULL whose type nobody said. */
export const isUntyped = (type: DuckDBType): boolean => type.toString() === 'INTEGER';
export const isJson = (type: DuckDBType): boolean => type.alias === 'JSON';
export const elementType = (type: DuckDBType): DuckDBType => (type as DuckDBListType).valueType;
export const fieldTypes = (type: DuckDBType): readonly DuckDBType[] => (type as DuckDBStructType).entryTypes;

/** INTERVAL as GoogleSQL writes it: years-months days hours:minutes:seconds. */
function intervalText({ months, days, micros }: DuckDBIntervalValue): string {
  const sign = (negative: boolean): string => (negative ? '-' : '');
  const size = micros < 0n ? -micros : micros;
  const seconds = size / 1_000_000n;
  const below = size % 1_000_000n;
  const part =
    below === 0n ? '' : `.${below % 1000n === 0n ? (below / 1000n).toString().padStart(3, '0') : below.toString().padStart(6, '0')}`;
  const years = `${sign(months < 0)}${Math.floor(Math.abs(months) / 12)}-${Math.abs(months) % 12}`;
  return `${years} ${days} ${sign(micros < 0n)}${seconds / 3600n}:${(seconds / 60n) % 60n}:${seconds % 60n}${part}`;
}

const ESCAPES: Record<string, string> = {
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\v': '\\v',
};

/** A text inside of a literal. */
function escapedText(text: string, quotes: string): string {
  return Array.from(text, (each) => {
    if (quotes.includes(each)) return `\\${each}`;
    const known = ESCAPES[each];
    if (known !== undefined) return known;
    const point = each.codePointAt(0) ?? 0;
    return point < 0x20 || point === 0x7f ? `\\x${point.toString(16).padStart(2, '0')}` : each;
  }).join('');
}

function escapedBytes(bytes: Uint8Array, quotes: string): string {
  return Array.from(bytes, (each) => {
    const character = String.fromCharCode(each);
    return each >= 0x80 ? `\\x${each.toString(16)}` : escapedText(character, quotes);
  }).join('');
}

/** In double quotes, but in single ones where that spares escapes. */
const quoteFor = (text: string): string => (text.includes('"') && !text.includes("'") ? "'" : '"');

/** A value as `%t` of FORMAT writes it, or as a literal, as `%T` does. */
export function textOfValue(value: DuckDBValue, type: DuckDBType, literal: boolean): string {
  if (value === null) return 'NULL';
  const typed = (name: string, text: string): string => (literal ? `${name} "${text}"` : text);
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'number') return numberText(value, literal);
  if (typeof value === 'string') {
    if (isJson(type)) return literal ? `JSON ${quoteFor(value)}${escapedText(value, quoteFor(value))}${quoteFor(value)}` : value;
    const quote = quoteFor(value);
    return literal ? `${quote}${escapedText(value, quote)}${quote}` : value;
  }
  if (value instanceof DuckDBBlobValue) {
    const quote = quoteFor(Buffer.from(value.bytes).toString('latin1'));
    return literal ? `b${quote}${escapedBytes(value.bytes, quote)}${quote}` : escapedBytes(value.bytes, `'"`);
  }
  if (value instanceof DuckDBDateValue) return typed('DATE', dateText(microsOfDays(value.days)));
  if (value instanceof DuckDBTimestampTZValue) return typed('TIMESTAMP', `${datetimeText(value.micros)}+00`);
  if (value instanceof DuckDBTimestampValue) return typed('DATETIME', datetimeText(value.micros));
  if (value instanceof DuckDBTimeValue) return typed('TIME', timeText(value.micros));
  if (value instanceof DuckDBIntervalValue) return literal ? `INTERVAL "${intervalText(value)}" YEAR TO SECOND` : intervalText(value);
  if (value instanceof DuckDBDecimalValue) return typed('NUMERIC', value.toString());
  if (value instanceof DuckDBListValue) return `[${value.items.map((each) => textOfValue(each, elementType(type), literal)).join(', ')}]`;
  if (value instanceof DuckDBStructValue) {
    const types = fieldTypes(type);
    const fields = Object.values(value.entries).map((each, i) => textOfValue(each, types[i] ?? type, literal));
    return `${literal && fields.length === 1 ? 'STRUCT' : ''}(${fields.join(', ')})`;
  }
  return String(value);
}

function numberText(value: number, literal: boolean): string {
  const text = floatText(value);
  if (!Number.isFinite(value)) return literal ? `CAST("${text}" AS FLOAT64)` : text;
  return /[.e]/.test(text) ? text : `${text}.0`;
}
