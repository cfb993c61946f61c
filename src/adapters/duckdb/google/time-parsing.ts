import { BIGINT, BOOLEAN, VARCHAR } from '@duckdb/node-api';
import { fail } from './scalar.ts';
import type { ScalarFunction } from './scalar.ts';
import { NAMES } from './time-formats.ts';

/** PARSE_DATE and its like. */

interface Fields {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
  micros: number;
  century?: number;
  yearOfCentury?: number;
  dayOfYear?: number;
  hour12?: number;
  afternoon?: boolean;
  /** Seconds before UTC. */
  offset?: number;
  epoch?: bigint;
}

/** The years 1 to 9999, and the furthest that a time zone is from UTC. */
const FIRST_MS = Date.parse('0001-01-01T00:00:00Z');
const LAST_MS = Date.parse('9999-12-31T23:59:59.999Z');
const FURTHEST_OFFSET = { hours: 14 };

const EXPANDED: Record<string, string> = {
  c: '%a %b %e %H:%M:%S %Y',
  D: '%m/%d/%y',
  x: '%m/%d/%y',
  F: '%Y-%m-%d',
  R: '%H:%M',
  r: '%I:%M:%S %p',
  T: '%H:%M:%S',
  X: '%H:%M:%S',
};

class Reader {
  private at = 0;
  private readonly text: string;
  constructor(text: string) {
    this.text = text;
  }

  match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    if (found !== undefined) this.at += found.length;
    return found;
  }

  blank(): void {
    this.match(/\s*/y);
  }

  get done(): boolean {
    return this.at >= this.text.length;
  }
}

function read(reader: Reader, pattern: string, fields: Fields, wrong: () => never): void {
  const number = (digits: number, least: number, most: number): number => {
    const found = reader.match(new RegExp(`\\d{1,${digits}}`, 'y'));
    const value = found === undefined ? NaN : Number(found);
    return value >= least && value <= most ? value : wrong();
  };
  const named = (names: readonly string[]): number => {
    const whole =
      reader.match(new RegExp(names.join('|'), 'iy')) ?? reader.match(new RegExp(names.map((each) => each.slice(0, 3)).join('|'), 'iy'));
    return whole === undefined ? wrong() : names.findIndex((each) => each.slice(0, 3).toLowerCase() === whole.slice(0, 3).toLowerCase());
  };
  const elements = /%(?:E4Y|Ez|E([0-9*#])S|[EO]?([A-Za-z%]))|\s+|[\s\S]/g;
  for (const [whole, digits, letter] of pattern.matchAll(elements)) {
    if (/^\s+$/.test(whole) || letter === 'n' || letter === 't') reader.blank();
    else if (!whole.startsWith('%') || letter === '%') {
      const sign = whole === '%%' ? '%' : whole;
      if (reader.match(new RegExp(sign.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&'), 'yu')) === undefined) wrong();
    } else if (whole === '%E4Y') {
      const found = reader.match(/\d{4}/y);
      fields.year = found === undefined ? wrong() : Number(found);
    } else if (digits !== undefined) {
      fields.second = number(2, 0, 60);
      const part = reader.match(digits === '*' || digits === '#' ? /\.\d+/y : new RegExp(`\\.\\d{0,${digits}}`, 'y'));
      fields.micros = part === undefined ? 0 : Number(part.slice(1, 7).padEnd(6, '0'));
    } else if (letter === 'z' || whole === '%Ez') {
      const found = reader.match(/[-+]\d{2}:?\d{2}|[-+]\d{1,2}|Z/y) ?? wrong();
      const [, sign = '+', hours = '0', minutes = '0'] = /^([-+])(\d{1,2}):?(\d{2})?$/.exec(found) ?? [];
      if (Number(minutes) > 59 || Number(hours) + Number(minutes) / 60 > FURTHEST_OFFSET.hours) wrong();
      fields.offset = (sign === '-' ? -1 : 1) * (Number(hours) * 3600 + Number(minutes) * 60);
    } else if (letter !== undefined && EXPANDED[letter] !== undefined) read(reader, EXPANDED[letter], fields, wrong);
    else
      switch (letter) {
        case 'Y':
          fields.year = number(4, 1, 9999);
          break;
        case 'm':
          fields.month = number(2, 1, 12);
          break;
        case 'd':
        case 'e':
          reader.match(/ ?/y);
          fields.day = number(2, 1, 31);
          break;
        case 'H':
        case 'k':
          reader.match(/ ?/y);
          fields.hour = number(2, 0, 23);
          break;
        case 'I':
        case 'l':
          reader.match(/ ?/y);
          fields.hour12 = number(2, 1, 12);
          break;
        case 'M':
          fields.minute = number(2, 0, 59);
          break;
        case 'S':
          fields.second = number(2, 0, 60);
          break;
        case 'y':
          fields.yearOfCentury = number(2, 0, 99);
          break;
        case 'C':
          fields.century = number(2, 0, 99);
          break;
        case 'j':
          fields.dayOfYear = number(3, 1, 366);
          break;
        case 'B':
        case 'b':
        case 'h':
          fields.month = named(NAMES.months) + 1;
          break;
        case 'A':
        case 'a':
          named(NAMES.weekdays);
          break;
        case 'p':
        case 'P':
          fields.afternoon = (reader.match(/[ap]m/iy) ?? wrong()).toLowerCase() === 'pm';
          break;
        case 's':
          fields.epoch = BigInt(reader.match(/-?\d+/y) ?? wrong());
          break;
        default:
          wrong();
      }
  }
}

/** Microseconds since 1970: of DATE, DATETIME and TIME without a zone, of TIMESTAMP in UTC, from which `zone` is so many seconds away. */
function parseTime(pattern: string, text: string): bigint {
  const wrong = (): never => fail(`Failed to parse input string "${text}" with the format "${pattern}"`);
  const reader = new Reader(text);
  const fields: Fields = { year: 1970, month: 1, day: 1, hour: 0, minute: 0, second: 0, micros: 0 };
  reader.blank();
  read(reader, pattern, fields, wrong);
  reader.blank();
  if (!reader.done) wrong();
  if (fields.epoch !== undefined) return fields.epoch * 1_000_000n;
  if (fields.yearOfCentury !== undefined)
    fields.year =
      fields.century === undefined
        ? fields.yearOfCentury + (fields.yearOfCentury < 69 ? 2000 : 1900)
        : fields.century * 100 + fields.yearOfCentury;
  else if (fields.century !== undefined) fields.year = fields.century * 100;
  if (fields.hour12 !== undefined) fields.hour = (fields.hour12 % 12) + (fields.afternoon === true ? 12 : 0);
  const date = new Date(0);
  date.setUTCFullYear(fields.year, fields.month - 1, fields.day);
  if (fields.dayOfYear === undefined && (date.getUTCMonth() !== fields.month - 1 || date.getUTCDate() !== fields.day)) wrong();
  if (fields.dayOfYear !== undefined) {
    date.setUTCFullYear(fields.year, 0, fields.dayOfYear);
    if (date.getUTCFullYear() !== fields.year) wrong();
  }
  const seconds = fields.hour * 3600 + fields.minute * 60 + fields.second - (fields.offset ?? 0);
  const milliseconds = date.getTime() + seconds * 1000;
  if (milliseconds < FIRST_MS || milliseconds > LAST_MS) wrong();
  return BigInt(milliseconds) * 1000n + BigInt(fields.second === 60 ? 0 : fields.micros);
}

const zones = new Map<string, boolean>();

function isZone(name: string): boolean {
  let known = zones.get(name);
  if (known === undefined) {
    try {
      new Intl.DateTimeFormat('en', { timeZone: name });
      known = !/^[+-]/.test(name);
    } catch {
      known = false;
    }
    zones.set(name, known);
  }
  return known;
}

export const TIME_PARSING: readonly ScalarFunction[] = [
  {
    name: 'longhaul_strptime',
    parameters: [VARCHAR, VARCHAR],
    returns: BIGINT,
    call: ([pattern, text]) => parseTime(pattern as string, text as string),
  },
  { name: 'longhaul_is_zone', parameters: [VARCHAR], returns: BOOLEAN, call: ([name]) => isZone(name as string) },
];
