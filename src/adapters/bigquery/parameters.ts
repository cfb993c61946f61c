import { AdapterError } from '../../contract/errors.ts';
import type { GoogleType } from '../../contract/google-type.ts';
import type { Json, QueryParameter } from '../../contract/values.ts';
import { typeOfParameter } from '../google-sql/type.ts';

/** `QueryParameterType` of BigQuery's REST API. */
interface ApiType {
  readonly type: string;
  readonly arrayType?: ApiType;
  readonly structTypes?: readonly { readonly name: string; readonly type: ApiType }[];
}
/** `QueryParameterValue` of BigQuery's REST API. */
interface ApiValue {
  readonly value?: string | null;
  readonly arrayValues?: readonly ApiValue[];
  readonly structValues?: Readonly<Record<string, ApiValue>>;
}
interface ApiParameter {
  readonly name: string;
  readonly parameterType: ApiType;
  readonly parameterValue: ApiValue;
}

/** Query parameters for the API: nothing of them is ever pasted into a statement. */
export function apiParameters(
  parameters: Readonly<Record<string, QueryParameter>>,
  used: readonly string[],
  file: string,
): readonly ApiParameter[] {
  return used.flatMap((name) => {
    const parameter = parameters[name];
    if (!parameter) return [];
    const path = `${file}: parameters.${name}`;
    const type = typeOfParameter(parameter, path);
    return [{ name, parameterType: apiType(type), parameterValue: apiValue(type, parameter.value, path) }];
  });
}

function apiType(type: GoogleType): ApiType {
  if (type.kind === 'ARRAY') return { type: 'ARRAY', arrayType: apiType(type.element) };
  if (type.kind === 'STRUCT')
    return { type: 'STRUCT', structTypes: type.fields.map((field) => ({ name: field.name, type: apiType(field.type) })) };
  return { type: type.kind };
}

/** Checked here: BigQuery's own message would name neither file nor parameter. */
function apiValue(type: GoogleType, value: Json, path: string): ApiValue {
  const wrong = (expected: string): never => {
    throw new AdapterError('InvalidInput', `${path}: expected ${expected}, found ${JSON.stringify(value)}`);
  };
  if (type.kind === 'ARRAY') {
    if (value === null) return { arrayValues: [] };
    return Array.isArray(value) ? { arrayValues: value.map((each, i) => apiValue(type.element, each, `${path}[${i}]`)) } : wrong('a list');
  }
  if (type.kind === 'STRUCT') {
    if (value === null) return { structValues: {} };
    if (typeof value !== 'object' || Array.isArray(value)) return wrong('an object');
    const foreign = Object.keys(value).find((name) => !type.fields.some((field) => field.name === name));
    if (foreign !== undefined) wrong(`only the fields ${type.fields.map((field) => field.name).join(', ')}`);
    const fields = type.fields.map((field) => [field.name, apiValue(field.type, value[field.name] ?? null, `${path}.${field.name}`)]);
    return { structValues: Object.fromEntries(fields) as Record<string, ApiValue> };
  }
  if (value === null) return { value: null };
  return { value: scalarText(type.kind, value) ?? wrong(EXPECTED[type.kind]) };
}

type Scalar = Exclude<GoogleType['kind'], 'ARRAY' | 'STRUCT'>;

const EXPECTED: Readonly<Record<Scalar, string>> = {
  INT64: 'an integer of 64 bits',
  FLOAT64: 'a number',
  BOOL: 'true or false',
  STRING: 'a text',
  JSON: 'JSON',
  BYTES: 'base64',
  DATE: 'a date that exists, as YYYY-MM-DD',
  TIME: 'a time as HH:MM:SS[.ffffff]',
  DATETIME: 'a date and time that exists, as YYYY-MM-DDTHH:MM:SS[.ffffff]',
  TIMESTAMP: 'a timestamp that exists, as YYYY-MM-DDTHH:MM:SS[.ffffff]Z',
  NUMERIC: 'a decimal of at most 29 digits before and 9 after the point',
  BIGNUMERIC: 'a decimal of at most 38 digits before and 38 after the point',
};

const TIME = /^(\d{2}):(\d{2}):(\d{2})(?:\.\d{1,6})?$/;
const ZONE = /\s?(?:Z|UTC|[+-]\d{2}:?\d{2})$/;

/** The value in the API's spelling; null for one that is none of its type. */
function scalarText(kind: Scalar, value: Exclude<Json, null>): string | null {
  switch (kind) {
    case 'INT64':
      return integerText(value);
    case 'FLOAT64':
      if (typeof value === 'number') return String(value);
      return typeof value === 'string' && /^(?:[+-]?inf(?:inity)?|nan)$/i.test(value) ? value : null;
    case 'BOOL':
      return typeof value === 'boolean' ? String(value) : null;
    case 'STRING':
      return typeof value === 'string' ? value : null;
    case 'JSON':
      return JSON.stringify(value);
    case 'BYTES':
      return typeof value === 'string' && /^[A-Za-z0-9+/]*={0,2}$/.test(value) ? value : null;
    case 'NUMERIC':
    case 'BIGNUMERIC':
      return decimalText(value, kind === 'NUMERIC' ? { before: 29, after: 9 } : { before: 38, after: 38 });
    case 'DATE':
      return typeof value === 'string' && isDay(value) ? value : null;
    case 'TIME':
      return typeof value === 'string' && isTime(value) ? value : null;
    case 'DATETIME':
      return typeof value === 'string' ? momentText(value) : null;
    case 'TIMESTAMP': {
      if (typeof value !== 'string') return null;
      const zone = ZONE.exec(value)?.[0] ?? '';
      const local = zone === '' ? value : value.slice(0, -zone.length);
      const moment = momentText(isDay(local) ? `${local} 00:00:00` : local);
      return moment === null ? null : `${moment}${offsetText(zone.trim())}`;
    }
  }
}

function integerText(value: Json): string | null {
  const whole = typeof value === 'number' ? Number.isSafeInteger(value) : typeof value === 'string' && /^-?\d+$/.test(value);
  if (!whole) return null;
  const integer = BigInt(value as string | number);
  return BigInt.asIntN(64, integer) === integer ? String(integer) : null;
}

function decimalText(value: Json, digits: { readonly before: number; readonly after: number }): string | null {
  const text = typeof value === 'number' ? value.toFixed(Number.isInteger(value) ? 0 : 9) : value;
  const parts = typeof text === 'string' ? /^[+-]?(\d+)(?:\.(\d+))?$/.exec(text) : null;
  if (typeof text !== 'string' || !parts) return null;
  return (parts[1] ?? '').length <= digits.before && (parts[2] ?? '').length <= digits.after ? text : null;
}

function isDay(text: string): boolean {
  const [year, month, day] = (/^(\d{4})-(\d{2})-(\d{2})$/.exec(text) ?? []).slice(1).map(Number);
  if (year === undefined || month === undefined || day === undefined) return false;
  const date = new Date(Date.UTC(year, month - 1, day));
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
}

function isTime(text: string): boolean {
  const [hour, minute, second] = (TIME.exec(text) ?? []).slice(1).map(Number);
  return hour !== undefined && minute !== undefined && second !== undefined && hour < 24 && minute < 60 && second < 60;
}

function momentText(text: string): string | null {
  const [day = '', time = ''] = text.split(/[T ]/);
  return isDay(day) && isTime(time) ? `${day} ${time}` : null;
}

const offsetText = (zone: string): string =>
  zone === '' || zone === 'Z' || zone === 'UTC' ? '+00:00' : zone.replace(/^([+-]\d{2}):?(\d{2})$/, '$1:$2');
