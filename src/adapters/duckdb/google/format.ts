import { ANY, VARCHAR } from '@duckdb/node-api';
import type { DuckDBType, DuckDBValue } from '@duckdb/node-api';
import { parseJson, writeJson } from './json-values.ts';
import { exponential, fixed, general } from './numbers.ts';
import { fail } from './scalar.ts';
import type { ScalarFunction } from './scalar.ts';
import { isJson, isUntyped, textOfValue } from './values.ts';

const SPECIFIER = /%(?:(%)|([-+ #0']*)(\*|\d+)?(?:\.(\*|\d+)?)?([a-zA-Z])?)/g;
const LONGEST = 1_000_000;

interface Flags {
  readonly left: boolean;
  readonly sign: string;
  readonly alternative: boolean;
  readonly zeros: boolean;
  readonly grouped: boolean;
}

/** FORMAT: NULL where an argument is NULL that is not written by %t or %T. */
function format(cells: readonly DuckDBValue[], types: readonly DuckDBType[]): string | null {
  const pattern = cells[0];
  if (pattern === null || pattern === undefined) return null;
  let [next, isNull] = [1, false];
  const take = (): [DuckDBValue, DuckDBType] => {
    const [value, type] = [cells[next], types[next]];
    if (value === undefined || type === undefined) return fail('FORMAT: too few arguments for the format string');
    next++;
    return [value, type];
  };
  const size = (text: string | undefined): number | null | undefined => {
    if (text === undefined) return undefined;
    let number = text === '*' ? undefined : BigInt(text);
    if (number === undefined) {
      const [value, type] = take();
      if (typeof value !== 'bigint' && value !== null && !isUntyped(type)) fail('FORMAT: a width must be an INT64');
      if (value === null) return null;
      number = value as bigint;
    }
    if (number >= 2n ** 31n || number < -(2n ** 31n)) fail('FORMAT: the width or precision is out of range');
    return Number(number);
  };
  const text = (pattern as string).replaceAll(
    SPECIFIER,
    (
      whole: string,
      percent: string | undefined,
      signs: string | undefined,
      width: string | undefined,
      digits: string | undefined,
      letter: string | undefined,
    ) => {
      if (percent !== undefined) return '%';
      if (letter === undefined) return fail(`FORMAT: ${whole} has no conversion`);
      let flags: Flags = {
        left: signs?.includes('-') ?? false,
        sign: signs?.includes('+') ? '+' : signs?.includes(' ') ? ' ' : '',
        alternative: signs?.includes('#') ?? false,
        zeros: signs?.includes('0') ?? false,
        grouped: signs?.includes("'") ?? false,
      };
      let wide = size(width);
      const hasDigits = /\./.test(whole);
      let precision = size(digits) ?? (hasDigits && digits === undefined ? 0 : digits === undefined ? undefined : null);
      const [value, type] = take();
      if (wide !== null && wide !== undefined && wide < 0) {
        flags = { ...flags, left: true };
        wide = -wide;
      }
      if ((wide ?? 0) > LONGEST) fail('FORMAT: the width is out of range');
      if (precision !== null && precision !== undefined && precision < 0) precision = undefined;
      const written = convert(letter, flags, precision ?? undefined, value, type, whole);
      if (written === null || wide === null || precision === null) {
        isNull = true;
        return '';
      }
      return padded(written, wide ?? 0, flags, /[dioxXfFeEgG]/.test(letter) && !(typeof value === 'number' && !Number.isFinite(value)));
    },
  );
  if (next < cells.length) fail('FORMAT: more arguments than the format string has conversions');
  return isNull ? null : text;
}

function padded(text: string, width: number, flags: Flags, isNumber: boolean): string {
  const missing = width - Array.from(text).length;
  if (missing <= 0) return text;
  if (flags.left) return text + ' '.repeat(missing);
  if (!flags.zeros || !isNumber) return ' '.repeat(missing) + text;
  const [, sign = '', rest = ''] = /^([-+ ]?(?:0[xX])?)(.*)$/s.exec(text) ?? [];
  return sign + '0'.repeat(missing) + rest;
}

function convert(
  letter: string,
  flags: Flags,
  precision: number | undefined,
  value: DuckDBValue,
  type: DuckDBType,
  whole: string,
): string | null {
  const wrong = (expected: string): never => fail(`FORMAT: ${whole} takes ${expected}, not ${googleName(type)}`);
  switch (letter) {
    case 't':
    case 'T': {
      const text = textOfValue(value, type, letter === 'T');
      return precision === undefined ? text : Array.from(text).slice(0, precision).join('');
    }
    case 's':
      if (!isUntyped(type) && (type.toString() !== 'VARCHAR' || isJson(type))) return wrong('a STRING');
      return value === null
        ? null
        : precision === undefined
          ? (value as string)
          : Array.from(value as string)
              .slice(0, precision)
              .join('');
    case 'd':
    case 'i':
    case 'o':
    case 'x':
    case 'X':
      if (!isUntyped(type) && type.toString() !== 'BIGINT') return wrong('an INT64');
      return value === null ? null : integer(letter, flags, precision, value as bigint);
    case 'f':
    case 'F':
    case 'e':
    case 'E':
    case 'g':
    case 'G':
      if (!isUntyped(type) && type.toString() !== 'DOUBLE') return wrong('a FLOAT64');
      return value === null ? null : float(letter, flags, precision ?? 6, value as number);
    case 'p':
    case 'P': {
      if (!isUntyped(type) && !isJson(type)) return wrong('JSON');
      if (value === null) return null;
      return writeJson(parseJson(value as string), letter === 'P');
    }
    default:
      return fail(`FORMAT: ${whole} is no conversion`);
  }
}

const googleName = (type: DuckDBType): string =>
  ({ BIGINT: 'INT64', DOUBLE: 'FLOAT64', VARCHAR: 'STRING', BLOB: 'BYTES', BOOLEAN: 'BOOL' })[type.toString()] ?? type.toString();

const inGroups = (digits: string, size: number, separator: string): string =>
  digits.replaceAll(new RegExp(`\\B(?=(?:.{${size}})+$)`, 'g'), separator);

function integer(letter: string, flags: Flags, precision: number | undefined, value: bigint): string {
  const size = value < 0n ? -value : value;
  const base = letter === 'o' ? 8 : letter === 'x' || letter === 'X' ? 16 : 10;
  let digits = size.toString(base).padStart(precision ?? 1, '0');
  if (precision === 0 && size === 0n) digits = '';
  if (flags.grouped) digits = inGroups(digits, base === 10 ? 3 : 4, base === 16 ? ':' : ',');
  const prefix = !flags.alternative || size === 0n ? '' : base === 8 ? '0' : base === 16 ? '0x' : '';
  const text = `${value < 0n ? '-' : flags.sign}${prefix}${digits}`;
  return letter === 'X' ? text.toUpperCase() : text;
}

function float(letter: string, flags: Flags, precision: number, value: number): string {
  // A negative zero loses its sign.
  const sign = value < 0 ? '-' : flags.sign;
  const written = Number.isNaN(value)
    ? 'nan'
    : !Number.isFinite(value)
      ? 'inf'
      : finite(letter.toLowerCase(), flags, precision, Math.abs(value));
  const text = (Number.isNaN(value) ? '' : sign) + written;
  return letter === letter.toUpperCase() ? text.toUpperCase() : text;
}

function finite(letter: string, flags: Flags, precision: number, size: number): string {
  if (letter !== 'g' && precision > LONGEST) fail('FORMAT: the precision is out of range');
  let text =
    letter === 'f'
      ? fixed(size, precision)
      : letter === 'e'
        ? exponential(size, precision, flags.alternative)
        : general(size, precision, flags.alternative);
  if (letter === 'f' && precision === 0 && flags.alternative) text += '.';
  if (!flags.grouped || text.includes('e')) return text;
  const [whole = '', ...rest] = text.split('.');
  return [inGroups(whole, 3, ','), ...rest].join('.');
}

export const FORMAT_FUNCTIONS: readonly ScalarFunction[] = [
  { name: 'longhaul_format', parameters: [VARCHAR], rest: ANY, returns: VARCHAR, nulls: true, call: format },
];
