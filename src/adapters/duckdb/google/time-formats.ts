import { BIGINT, TIMESTAMP, VARCHAR } from '@duckdb/node-api';
import type { DuckDBTimestampValue } from '@duckdb/node-api';
import type { ScalarFunction } from './scalar.ts';
import { civilOf, yearStart } from './times.ts';
import type { Civil } from './times.ts';

/** FORMAT_DATE and its like. An element that the type does not have is written as it stands. */

const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'] as const;
const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
] as const;
export const NAMES = { weekdays: WEEKDAYS, months: MONTHS };

const DAY_MS = 86_400_000;
const two = (value: number): string => String(value).padStart(2, '0');
const blank = (value: number): string => String(value).padStart(2, ' ');
const hour12 = (hour: number): number => ((hour + 11) % 12) + 1;

/** Year and week of ISO 8601, and the day in that year. */
function isoOf({ year, month, day, weekday }: Civil): { year: number; week: number; day: number } {
  const thursday = new Date(0);
  thursday.setUTCFullYear(year, month - 1, day - ((weekday + 6) % 7) + 3);
  const isoYear = thursday.getUTCFullYear();
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  const jan4 = new Date(yearStart(isoYear) + 3 * DAY_MS);
  const monday = jan4.getTime() - ((jan4.getUTCDay() + 6) % 7) * DAY_MS;
  const days = Math.round((date.getTime() - monday) / DAY_MS);
  return { year: isoYear, week: Math.floor(days / 7) + 1, day: days + 1 };
}

/** Weeks of a year begin with the first `first` (0 is Sunday); the days before are week 0. */
const weekOf = ({ dayOfYear, weekday }: Civil, first: number): number => Math.floor((dayOfYear + 6 - ((weekday - first + 7) % 7)) / 7);

interface Moment {
  readonly civil: Civil;
  readonly micros: bigint;
  /** Seconds that the zone is before UTC. */
  readonly offset: number;
}

type Element = (moment: Moment) => string;

function offsetText(seconds: number, between: string): string {
  const size = Math.abs(seconds);
  return `${seconds < 0 ? '-' : '+'}${two(Math.floor(size / 3600))}${between}${two(Math.floor(size / 60) % 60)}`;
}

function zoneText(seconds: number): string {
  if (seconds === 0) return 'UTC';
  const minutes = Math.floor(Math.abs(seconds) / 60) % 60;
  return `UTC${seconds < 0 ? '-' : '+'}${Math.floor(Math.abs(seconds) / 3600)}${minutes === 0 ? '' : `:${two(minutes)}`}`;
}

const name = (names: readonly string[], at: number, length?: number): string => (names[at] ?? '').slice(0, length);

const OF_DATES: Record<string, Element> = {
  A: ({ civil }) => name(WEEKDAYS, civil.weekday),
  a: ({ civil }) => name(WEEKDAYS, civil.weekday, 3),
  B: ({ civil }) => name(MONTHS, civil.month - 1),
  b: ({ civil }) => name(MONTHS, civil.month - 1, 3),
  h: ({ civil }) => name(MONTHS, civil.month - 1, 3),
  C: ({ civil }) => two(Math.floor(civil.year / 100)),
  D: ({ civil }) => `${two(civil.month)}/${two(civil.day)}/${two(civil.year % 100)}`,
  x: ({ civil }) => `${two(civil.month)}/${two(civil.day)}/${two(civil.year % 100)}`,
  d: ({ civil }) => two(civil.day),
  e: ({ civil }) => blank(civil.day),
  F: ({ civil }) => `${civil.year}-${two(civil.month)}-${two(civil.day)}`,
  G: ({ civil }) => String(isoOf(civil).year),
  g: ({ civil }) => two(isoOf(civil).year % 100),
  j: ({ civil }) => String(civil.dayOfYear).padStart(3, '0'),
  J: ({ civil }) => String(isoOf(civil).day).padStart(3, '0'),
  m: ({ civil }) => two(civil.month),
  Q: ({ civil }) => String(Math.floor((civil.month + 2) / 3)),
  U: ({ civil }) => two(weekOf(civil, 0)),
  u: ({ civil }) => String(civil.weekday === 0 ? 7 : civil.weekday),
  V: ({ civil }) => two(isoOf(civil).week),
  W: ({ civil }) => two(weekOf(civil, 1)),
  w: ({ civil }) => String(civil.weekday),
  Y: ({ civil }) => String(civil.year),
  y: ({ civil }) => two(civil.year % 100),
  E4Y: ({ civil }) => String(civil.year).padStart(4, '0'),
};
const OF_TIMES: Record<string, Element> = {
  H: ({ civil }) => two(civil.hour),
  I: ({ civil }) => two(hour12(civil.hour)),
  k: ({ civil }) => blank(civil.hour),
  l: ({ civil }) => blank(hour12(civil.hour)),
  M: ({ civil }) => two(civil.minute),
  p: ({ civil }) => (civil.hour < 12 ? 'AM' : 'PM'),
  P: ({ civil }) => (civil.hour < 12 ? 'am' : 'pm'),
  R: ({ civil }) => `${two(civil.hour)}:${two(civil.minute)}`,
  r: ({ civil }) => `${two(hour12(civil.hour))}:${two(civil.minute)}:${two(civil.second)} ${civil.hour < 12 ? 'AM' : 'PM'}`,
  S: ({ civil }) => two(civil.second),
  T: ({ civil }) => `${two(civil.hour)}:${two(civil.minute)}:${two(civil.second)}`,
  X: ({ civil }) => `${two(civil.hour)}:${two(civil.minute)}:${two(civil.second)}`,
};
const OF_BOTH: Record<string, Element> = {
  c: ({ civil }) =>
    `${name(WEEKDAYS, civil.weekday, 3)} ${name(MONTHS, civil.month - 1, 3)} ${blank(civil.day)} ` +
    `${two(civil.hour)}:${two(civil.minute)}:${two(civil.second)} ${civil.year}`,
};
const OF_INSTANTS: Record<string, Element> = {
  s: ({ micros, offset }) => String((micros - (((micros % 1_000_000n) + 1_000_000n) % 1_000_000n)) / 1_000_000n - BigInt(offset)),
  Z: ({ offset }) => zoneText(offset),
  z: ({ offset }) => offsetText(offset, ''),
  Ez: ({ offset }) => offsetText(offset, ':'),
};
const OF_ALL: Record<string, Element> = { n: () => '\n', t: () => '\t', '%': () => '%' };

const ELEMENTS: Record<string, Record<string, Element>> = {
  DATE: { ...OF_ALL, ...OF_DATES },
  TIME: { ...OF_ALL, ...OF_TIMES },
  DATETIME: { ...OF_ALL, ...OF_DATES, ...OF_TIMES, ...OF_BOTH },
  TIMESTAMP: { ...OF_ALL, ...OF_DATES, ...OF_TIMES, ...OF_BOTH, ...OF_INSTANTS },
};

/** Letters that may follow %E and %O, as the C library has them; they change nothing. */
const AFTER_E = 'cCxXyY';
const AFTER_O = 'deHImMSuUVwWy';

/** Seconds with so many digits after the point; with * as many as there are. */
function seconds({ civil }: Moment, digits: string): string {
  const below = String(civil.micros).padStart(6, '0');
  const part = digits === '*' ? below.replace(/0+$/, '') : below.padEnd(9, '0').slice(0, Number(digits));
  return two(civil.second) + (part === '' ? '' : `.${part}`);
}

function formatTime(pattern: string, kind: string, micros: bigint, offset: number): string {
  const elements = ELEMENTS[kind] ?? {};
  const moment: Moment = { civil: civilOf(micros), micros, offset };
  return pattern.replaceAll(/%(?:E4Y|Ez|E([0-9*])S|([EO])([A-Za-z])|([\s\S]))/g, (whole: string, ...parts: (string | undefined)[]) => {
    const [digits, modifier, modified, plain] = parts;
    if (digits !== undefined) return elements['S'] ? seconds(moment, digits) : whole;
    if (modifier !== undefined && modified !== undefined) {
      const known = (modifier === 'E' ? AFTER_E : AFTER_O).includes(modified) ? elements[modified] : undefined;
      return known ? known(moment) : whole;
    }
    return elements[plain ?? whole.slice(1)]?.(moment) ?? whole;
  });
}

export const TIME_FORMATS: readonly ScalarFunction[] = [
  {
    name: 'longhaul_strftime',
    parameters: [VARCHAR, VARCHAR, TIMESTAMP, BIGINT],
    returns: VARCHAR,
    call: ([pattern, kind, local, offset]) =>
      formatTime(pattern as string, kind as string, (local as DuckDBTimestampValue).micros, Number(offset)),
  },
];
