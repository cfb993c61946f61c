import { BIGINT, TIMESTAMP, VARCHAR } from '@duckdb/node-api';
import type { DuckDBTimestampValue } from '@duckdb/node-api';
import { fail } from './scalar.ts';
import type { ScalarFunction } from './scalar.ts';
import { NAMES } from './time-formats.ts';
import { civilOf } from './times.ts';
import type { Civil } from './times.ts';

/** CAST(… AS STRING FORMAT 'YYYY-MM-DD') of dates and times, and back. */

const DATES = ['YYYY', 'RRRR', 'YYY', 'YY', 'RR', 'Y', 'MONTH', 'MON', 'MM', 'DDD', 'DD', 'DAY', 'DY', 'D'] as const;
const TIMES = [
  'HH24',
  'HH12',
  'HH',
  'MI',
  'SSSSS',
  'SS',
  'A.M.',
  'P.M.',
  'AM',
  'PM',
  ...Array.from({ length: 9 }, (_, i) => `FF${i + 1}`),
] as const;
const ZONES = ['TZH', 'TZM'] as const;
const ALL = [...DATES, ...TIMES, ...ZONES].sort((a, b) => b.length - a.length);
const OF: Record<string, readonly string[]> = {
  DATE: DATES,
  TIME: TIMES,
  DATETIME: [...DATES, ...TIMES],
  TIMESTAMP: [...DATES, ...TIMES, ...ZONES],
};
/** Elements that say the same thing: a format has one of each at most. */
const KINDS: readonly (readonly string[])[] = [
  ['YYYY', 'RRRR', 'YYY', 'YY', 'RR', 'Y'],
  ['MONTH', 'MON', 'MM'],
  ['DD', 'DDD'],
  ['HH24', 'HH12', 'HH'],
  ['A.M.', 'P.M.', 'AM', 'PM'],
];

interface Part {
  /** Upper case; undefined for text that stands for itself. */
  readonly element?: string;
  readonly text: string;
}

function partsOf(pattern: string, kind: string): Part[] {
  const parts: Part[] = [];
  for (let at = 0; at < pattern.length;) {
    const rest = pattern.slice(at);
    const literal = /^[-./,';: \t\n]+|^"((?:[^"\\]|\\.)*)"/.exec(rest);
    const element = literal ? undefined : ALL.find((each) => rest.toUpperCase().startsWith(each));
    if (!literal && element === undefined) fail(`CAST: the format ${pattern} has no element at ${at + 1}`);
    if (element !== undefined && !(OF[kind] ?? []).includes(element)) fail(`CAST: ${kind} does not have ${element}`);
    const text = literal ? (literal[1]?.replaceAll(/\\(.)/g, '$1') ?? literal[0]) : rest.slice(0, element?.length);
    parts.push(element === undefined ? { text } : { element, text });
    at += literal ? literal[0].length : text.length;
  }
  return parts;
}

const padded = (value: number, width: number): string => String(value).padStart(width, '0');

/** Capitals as the element has them: MONTH, Month or month. */
function inCase(word: string, element: string): string {
  if (element === element.toLowerCase()) return word.toLowerCase();
  return element.charAt(1) === element.charAt(1).toLowerCase() && /[a-z]/.test(element)
    ? word.charAt(0).toUpperCase() + word.slice(1).toLowerCase()
    : word.toUpperCase();
}

function written({ element = '', text }: Part, civil: Civil, offset: number): string {
  const half = civil.hour < 12 ? 'A' : 'P';
  switch (element) {
    case 'YYYY':
    case 'RRRR':
      return padded(civil.year, 4);
    case 'YYY':
      return padded(civil.year % 1000, 3);
    case 'YY':
    case 'RR':
      return padded(civil.year % 100, 2);
    case 'Y':
      return String(civil.year % 10);
    case 'MONTH':
      return inCase(NAMES.months[civil.month - 1] ?? '', text);
    case 'MON':
      return inCase((NAMES.months[civil.month - 1] ?? '').slice(0, 3), text);
    case 'MM':
      return padded(civil.month, 2);
    case 'DDD':
      return padded(civil.dayOfYear, 3);
    case 'DD':
      return padded(civil.day, 2);
    case 'DAY':
      return inCase(NAMES.weekdays[civil.weekday] ?? '', text);
    case 'DY':
      return inCase((NAMES.weekdays[civil.weekday] ?? '').slice(0, 3), text);
    case 'D':
      return String(civil.weekday + 1);
    case 'HH24':
      return padded(civil.hour, 2);
    case 'HH':
    case 'HH12':
      return padded(((civil.hour + 11) % 12) + 1, 2);
    case 'MI':
      return padded(civil.minute, 2);
    case 'SS':
      return padded(civil.second, 2);
    case 'SSSSS':
      return padded(civil.hour * 3600 + civil.minute * 60 + civil.second, 5);
    case 'AM':
    case 'PM':
      return inCase(`${half}M`, text);
    case 'A.M.':
    case 'P.M.':
      return text === text.toLowerCase() ? `${half.toLowerCase()}.m.` : `${half}.M.`;
    case 'TZH':
      return `${offset < 0 ? '-' : '+'}${padded(Math.floor(Math.abs(offset) / 3600), 2)}`;
    case 'TZM':
      return padded(Math.floor(Math.abs(offset) / 60) % 60, 2);
    case '':
      return text;
    default:
      return padded(civil.micros, 6)
        .padEnd(9, '0')
        .slice(0, Number(element.slice(2)));
  }
}

interface Found {
  year?: number;
  month?: number;
  day?: number;
  dayOfYear?: number;
  hour24?: number;
  hour12?: number;
  afternoon?: boolean;
  minute: number;
  second: number;
  micros: number;
  zoneHours?: number;
  zoneMinutes: number;
}

/** Reads one element; how many digits it has at most, the element says. */
function readPart(part: Part, text: string, at: number, found: Found, wrong: () => never): number {
  const { element } = part;
  if (element === undefined) {
    const blank = /^\s+$/.test(part.text) ? /^\s+/.exec(text.slice(at))?.[0] : undefined;
    if (blank !== undefined) return at + blank.length;
    return text.startsWith(part.text, at) ? at + part.text.length : wrong();
  }
  const match = (pattern: RegExp): string => pattern.exec(text.slice(at))?.[0] ?? wrong();
  const number = (digits: number, least: number, most: number): [number, number] => {
    const word = match(new RegExp(`^\\d{1,${digits}}`));
    const value = Number(word);
    return value >= least && value <= most ? [value, at + word.length] : wrong();
  };
  let end = at;
  const year = (digits: number, of: (value: number) => number): void => {
    const [value, next] = number(digits, 0, 9999);
    found.year = of(value);
    end = next;
  };
  switch (element) {
    case 'YYYY':
    case 'RRRR':
      year(4, (value) => value);
      break;
    case 'YYY':
      year(3, (value) => 2000 + value);
      break;
    case 'YY':
    case 'RR':
      year(2, (value) => 2000 + value);
      break;
    case 'MM':
      [found.month, end] = number(2, 1, 12);
      break;
    case 'MON':
    case 'MONTH': {
      const names = NAMES.months.map((each) => (element === 'MON' ? each.slice(0, 3) : each));
      const word = match(new RegExp(`^(?:${names.join('|')})`, 'i'));
      found.month = names.findIndex((each) => each.toLowerCase() === word.toLowerCase()) + 1;
      end = at + word.length;
      break;
    }
    case 'DD':
      [found.day, end] = number(2, 1, 31);
      break;
    case 'DDD':
      [found.dayOfYear, end] = number(3, 1, 366);
      break;
    case 'HH24':
      [found.hour24, end] = number(2, 0, 23);
      break;
    case 'HH':
    case 'HH12':
      [found.hour12, end] = number(2, 0, 12);
      break;
    case 'MI':
      [found.minute, end] = number(2, 0, 59);
      break;
    case 'SS':
      [found.second, end] = number(2, 0, 59);
      break;
    case 'AM':
    case 'PM':
    case 'A.M.':
    case 'P.M.': {
      const word = match(element.includes('.') ? /^[ap]\.m\./i : /^[ap]m/i);
      found.afternoon = word.toLowerCase().startsWith('p');
      end = at + word.length;
      break;
    }
    case 'TZH': {
      const word = match(/^[-+ ]\d{1,2}/);
      found.zoneHours = Number(word.trim());
      end = at + word.length;
      break;
    }
    case 'TZM':
      [found.zoneMinutes, end] = number(2, 0, 59);
      break;
    default: {
      if (!element.startsWith('FF')) return fail(`CAST: ${element} is not translated where a text is read`);
      // More digits than the element has are rounded.
      const word = match(/^\d{1,9}/);
      const digits = Math.min(6, Number(element.slice(2)));
      const micros = Math.round(Number(`0.${word}`) * 10 ** digits) * 10 ** (6 - digits);
      found.micros = micros % 1_000_000;
      if (micros >= 1_000_000) found.second += 1;
      end = at + word.length;
    }
  }
  return end;
}

/** Microseconds since 1970, without a zone; of a text with TZH in UTC. */
function parse(pattern: string, kind: string, text: string): bigint {
  const wrong = (): never => fail(`CAST: the text ${text} does not have the format ${pattern}`);
  const parts = partsOf(pattern, kind);
  for (const same of KINDS)
    if (parts.filter(({ element }) => element !== undefined && same.includes(element)).length > 1)
      fail(`CAST: the format ${pattern} says one thing twice`);
  const found: Found = { minute: 0, second: 0, micros: 0, zoneMinutes: 0 };
  let at = /^\s*/.exec(text)?.[0].length ?? 0;
  for (const part of parts) at = readPart(part, text, at, found, wrong);
  if (text.slice(at).trim() !== '') wrong();
  if (kind !== 'TIME' && (found.year === undefined || (found.month === undefined && found.dayOfYear === undefined)))
    return fail(`CAST: without year and month the format ${pattern} means those of today, which is another result every month`);
  const date = new Date(0);
  if (kind !== 'TIME') {
    date.setUTCFullYear(found.year ?? 1970, (found.month ?? 1) - 1, found.dayOfYear ?? found.day ?? 1);
    if (found.dayOfYear === undefined && date.getUTCDate() !== (found.day ?? 1)) wrong();
  }
  const hour = found.hour24 ?? ((found.hour12 ?? 12) % 12) + (found.afternoon === true ? 12 : 0);
  const offset = found.zoneHours === undefined ? 0 : found.zoneHours * 3600 + Math.sign(found.zoneHours || 1) * found.zoneMinutes * 60;
  const seconds = hour * 3600 + found.minute * 60 + found.second - offset;
  return BigInt(date.getTime()) * 1000n + BigInt(seconds) * 1_000_000n + BigInt(found.micros);
}

export const CAST_FORMATS: readonly ScalarFunction[] = [
  {
    name: 'longhaul_cast_format',
    parameters: [VARCHAR, VARCHAR, TIMESTAMP, BIGINT],
    returns: VARCHAR,
    call: ([pattern, kind, local, offset]) => {
      const civil = civilOf((local as DuckDBTimestampValue).micros);
      return partsOf(pattern as string, kind as string)
        .map((part) => written(part, civil, Number(offset as bigint)))
        .join('');
    },
  },
  {
    name: 'longhaul_cast_parse',
    parameters: [VARCHAR, VARCHAR, VARCHAR],
    returns: BIGINT,
    call: ([pattern, kind, text]) => parse(pattern as string, kind as string, text as string),
  },
];
