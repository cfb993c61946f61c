import {
  BIGINT,
  BLOB,
  BOOLEAN,
  blobValue,
  DATE,
  dateValue,
  DOUBLE,
  LIST,
  listValue,
  STRUCT,
  structValue,
  TIME,
  TIMESTAMP,
  TIMESTAMPTZ,
  timestampTZValue,
  timestampValue,
  timeValue,
  VARCHAR,
} from '@duckdb/node-api';
import type { DuckDBType, DuckDBValue } from '@duckdb/node-api';
import { AdapterError } from '../../contract/errors.ts';
import { hasDecimals } from '../../contract/google-type.ts';
import type { GoogleType } from '../../contract/google-type.ts';
import type { Json, QueryParameter } from '../../contract/values.ts';
import type { Bound } from './engine.ts';
import { typeOfParameter } from '../google-sql/type.ts';

/** Query parameters as DuckDB's values: nothing of them is ever pasted into a statement. */
export function bindParameters(parameters: Readonly<Record<string, QueryParameter>>, used: readonly string[], file: string): Bound {
  const values: Record<string, DuckDBValue> = {};
  const types: Record<string, DuckDBType> = {};
  for (const name of used) {
    const parameter = parameters[name];
    if (!parameter) {
      const known = Object.keys(parameters).map((each) => `@${each}`);
      throw new AdapterError(
        'InvalidQuery',
        `${file}: @${name} has no value; expected ${known.length > 0 ? `one of ${known.join(', ')}` : 'parameters.' + name} under parameters`,
      );
    }
    const path = `${file}: parameters.${name}`;
    const type = typeOfParameter(parameter, path);
    if (hasDecimals(type))
      throw new AdapterError(
        'InvalidInput',
        `${path}.type: the embedded warehouse does not compute decimals as BigQuery does; expected FLOAT64, INT64 or STRING, found ${parameter.type}`,
      );
    types[name] = duckTypeOf(type);
    values[name] = convert(type, parameter.value, path);
  }
  return { values, types };
}

function duckTypeOf(type: GoogleType): DuckDBType {
  switch (type.kind) {
    case 'INT64':
      return BIGINT;
    case 'FLOAT64':
      return DOUBLE;
    case 'BOOL':
      return BOOLEAN;
    case 'STRING':
    case 'JSON':
      return VARCHAR;
    case 'BYTES':
      return BLOB;
    case 'DATE':
      return DATE;
    case 'TIME':
      return TIME;
    case 'DATETIME':
      return TIMESTAMP;
    case 'TIMESTAMP':
      return TIMESTAMPTZ;
    case 'NUMERIC':
    case 'BIGNUMERIC':
      // Refused before: `bindParameters`.
      return VARCHAR;
    case 'ARRAY':
      return LIST(duckTypeOf(type.element));
    case 'STRUCT':
      return STRUCT(Object.fromEntries(type.fields.map((field) => [field.name, duckTypeOf(field.type)])));
  }
}

function convert(type: GoogleType, value: Json, path: string): DuckDBValue {
  if (value === null) return null;
  const wrong = (expected: string): never => {
    throw new AdapterError('InvalidInput', `${path}: expected ${expected}, found ${JSON.stringify(value)}`);
  };
  const text = (pattern: RegExp, expected: string): RegExpExecArray =>
    (typeof value === 'string' ? pattern.exec(value) : null) ?? wrong(expected);
  switch (type.kind) {
    case 'INT64': {
      const whole = typeof value === 'number' ? Number.isSafeInteger(value) : typeof value === 'string' && /^-?[0-9]+$/.test(value);
      if (!whole) wrong('an integer, written as a text where it is beyond 2^53');
      const integer = BigInt(value as string | number);
      return BigInt.asIntN(64, integer) === integer ? integer : wrong('an integer of 64 bits');
    }
    case 'FLOAT64':
      if (typeof value === 'number') return value;
      return typeof value === 'string' && /^(?:[+-]?inf(?:inity)?|nan)$/i.test(value) ? specialFloat(value) : wrong('a number');
    case 'BOOL':
      return typeof value === 'boolean' ? value : wrong('true or false');
    case 'STRING':
      return typeof value === 'string' ? value : wrong('a text');
    case 'JSON':
      return JSON.stringify(value);
    case 'BYTES':
      return blobValue(Uint8Array.from(Buffer.from(text(/^[A-Za-z0-9+/]*={0,2}$/, 'base64')[0], 'base64')));
    case 'NUMERIC':
    case 'BIGNUMERIC':
      return wrong('another type than NUMERIC');
    case 'DATE': {
      const [year, month, day] = dayOf(text(DATE_TEXT, 'a date as YYYY-MM-DD'));
      const days = Date.UTC(year, month - 1, day) / DAY_MS;
      return isDay(year, month, day) ? dateValue(days) : wrong('a date that exists');
    }
    case 'TIME':
      return timeValue(microsOfDay(text(TIME_TEXT, 'a time as HH:MM:SS[.ffffff]')) ?? wrong('a time as HH:MM:SS[.ffffff]'));
    case 'DATETIME':
      return timestampValue(
        microsOf(text(DATETIME_TEXT, 'a date and time as YYYY-MM-DDTHH:MM:SS[.ffffff]')) ?? wrong('a date and time that exists'),
      );
    case 'TIMESTAMP':
      return timestampTZValue(
        microsOf(text(TIMESTAMP_TEXT, 'a timestamp as YYYY-MM-DDTHH:MM:SS[.ffffff]Z')) ?? wrong('a timestamp that exists'),
      );
    case 'ARRAY':
      return Array.isArray(value) ? listValue(value.map((each, i) => convert(type.element, each, `${path}[${i}]`))) : wrong('a list');
    case 'STRUCT': {
      if (typeof value !== 'object' || Array.isArray(value)) return wrong('an object');
      const foreign = Object.keys(value).find((name) => !type.fields.some((field) => field.name === name));
      if (foreign !== undefined) wrong(`only the fields ${type.fields.map((field) => field.name).join(', ')}`);
      return structValue(
        Object.fromEntries(
          type.fields.map((field) => [field.name, convert(field.type, value[field.name] ?? null, `${path}.${field.name}`)]),
        ),
      );
    }
  }
}

const DATE_TEXT = /^([0-9]{4})-([0-9]{2})-([0-9]{2})$/;
const TIME_TEXT = /^(?:())?([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,6}))?$/;
const DATETIME_TEXT = /^([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,6}))?$/;
const TIMESTAMP_TEXT =
  /^([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,6}))?)?\s?(Z|UTC|[+-][0-9]{2}:?[0-9]{2})?$/;
const DAY_MS = 86_400_000;

function isDay(year: number, month: number, day: number): boolean {
  const date = new Date(Date.UTC(year, month - 1, day));
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
}

function microsOfDay(match: RegExpExecArray): bigint | null {
  const [hour, minute, second] = [match[2] ?? '0', match[3] ?? '0', match[4] ?? '0'].map(Number) as [number, number, number];
  if (hour > 23 || minute > 59 || second > 59) return null;
  return BigInt((hour * 60 + minute) * 60 + second) * 1_000_000n + BigInt((match[5] ?? '').padEnd(6, '0'));
}

/** Year, month and day of a date in DATE_TEXT's form. */
const dayOf = (match: RegExpExecArray): [number, number, number] => [Number(match[1]), Number(match[2]), Number(match[3])];

function microsOf(match: RegExpExecArray): bigint | null {
  const date = DATE_TEXT.exec(match[1] ?? '');
  if (!date) return null;
  const [year, month, day] = dayOf(date);
  const micros = microsOfDay(match);
  if (micros === null || !isDay(year, month, day)) return null;
  const zone = /^([+-])([0-9]{2}):?([0-9]{2})$/.exec(match[6] ?? '');
  const offset = zone ? (zone[1] === '-' ? -1 : 1) * (Number(zone[2]) * 60 + Number(zone[3])) : 0;
  return BigInt(Date.UTC(year, month - 1, day) - offset * 60_000) * 1000n + micros;
}

function specialFloat(text: string): number {
  const lower = text.toLowerCase();
  if (lower === 'nan') return Number.NaN;
  return lower.startsWith('-') ? -Infinity : Infinity;
}
