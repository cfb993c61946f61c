import { fail } from './scalar.ts';

/**
 * A value of GoogleSQL's type JSON. Whole numbers of 64 bits are bigints, others doubles. Members of an object are written in the order of
 * their names; of two with one name the first counts.
 */
export type JsonValue = null | boolean | string | bigint | number | JsonValue[] | Map<string, JsonValue>;

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const BLANK = /[ \t\n\r]*/y;
const DEEPEST = 500;

export class JsonSyntaxError extends Error {}

/** Reads JSON; `numbers` makes a value of a number's text. */
export class JsonReader {
  private at = 0;
  private readonly text: string;
  constructor(text: string) {
    this.text = text;
  }

  private match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    if (found !== undefined) this.at += found.length;
    return found;
  }

  blank(): void {
    this.match(BLANK);
  }

  takes(sign: string): boolean {
    this.blank();
    if (!this.text.startsWith(sign, this.at)) return false;
    this.at += sign.length;
    return true;
  }

  peek(): string {
    this.blank();
    return this.text.charAt(this.at);
  }

  expect(sign: string): void {
    if (!this.takes(sign)) throw new JsonSyntaxError(`syntax error while parsing JSON: expected ${sign} at ${this.at + 1}`);
  }

  string(): string {
    this.blank();
    const found = this.match(STRING);
    if (found === undefined) throw new JsonSyntaxError(`syntax error while parsing JSON: expected a text at ${this.at + 1}`);
    return JSON.parse(found) as string;
  }

  word(): null | boolean | undefined {
    return this.takes('null') ? null : this.takes('true') ? true : this.takes('false') ? false : undefined;
  }

  number(): string {
    this.blank();
    const found = this.match(NUMBER);
    if (found === undefined) throw new JsonSyntaxError(`syntax error while parsing JSON: unexpected sign at ${this.at + 1}`);
    return found;
  }

  get atEnd(): boolean {
    this.blank();
    return this.at >= this.text.length;
  }
}

type WideNumbers = 'exact' | 'round';

/** A text as a value of type JSON. */
export function parseJson(text: string, wide: WideNumbers = 'round'): JsonValue {
  const reader = new JsonReader(text);
  const value = read(reader, wide, 0);
  if (!reader.atEnd) throw new JsonSyntaxError('syntax error while parsing JSON: more than one value');
  return value;
}

function read(reader: JsonReader, wide: WideNumbers, depth: number): JsonValue {
  if (depth > DEEPEST) fail('JSON is nested too deeply');
  if (reader.peek() === '"') return reader.string();
  if (reader.takes('[')) {
    const items: JsonValue[] = [];
    if (reader.takes(']')) return items;
    do items.push(read(reader, wide, depth + 1));
    while (reader.takes(','));
    reader.expect(']');
    return items;
  }
  if (reader.takes('{')) {
    const members = new Map<string, JsonValue>();
    if (reader.takes('}')) return members;
    do {
      const name = reader.string();
      reader.expect(':');
      const value = read(reader, wide, depth + 1);
      if (!members.has(name)) members.set(name, value);
    } while (reader.takes(','));
    reader.expect('}');
    return members;
  }
  const word = reader.word();
  return word !== undefined ? word : numberOf(reader.number(), wide);
}

function numberOf(text: string, wide: WideNumbers): bigint | number {
  if (/^-?\d+$/.test(text)) {
    const whole = BigInt(text);
    if (text !== '-0' && whole >= -(2n ** 63n) && whole < 2n ** 64n) return whole;
  }
  const value = Number(text);
  if (!Number.isFinite(value)) return fail(`JSON: the number ${text} is out of range`);
  if (wide === 'exact' && digitsOf(text) !== digitsOf(String(value)) && digitsOf(text) !== digitsOf(value.toPrecision(17)))
    return fail(`JSON: the number ${text} would be rounded; wide_number_mode=>'round' allows that`);
  return value;
}

/** Digits and exponent of a decimal number, without what changes nothing. */
function digitsOf(text: string): string {
  const [, sign = '', whole = '', part = '', power = '0'] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([-+]?\d+))?$/.exec(text) ?? [];
  const digits = `${whole}${part}`.replace(/^0+/, '');
  const kept = digits.replace(/0+$/, '');
  return kept === '' ? '0' : `${sign}${kept}e${Number(power) - part.length + digits.length - kept.length}`;
}

/** Doubles keep a point or an exponent. */
function doubleText(value: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  const [, sign = '', mantissa = '', power = '0'] = /^(-?)([\d.]+)e([-+]\d+)$/.exec(value.toExponential()) ?? [];
  const exponent = Number(power);
  if (exponent < -5 || exponent >= 15)
    return `${sign}${mantissa}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
  const plain = exponent < 0 ? value.toFixed(mantissa.replace('.', '').length - 1 - exponent) : String(value);
  return plain.includes('.') ? plain : `${plain}.0`;
}

export const quoted = (text: string): string => JSON.stringify(text).replaceAll(/[\u007f]/g, '\\u007f');

const order = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** JSON as a text in one line, or in several with two blanks a level. */
export function writeJson(value: JsonValue, pretty = false, level = 0): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return quoted(value);
  if (typeof value === 'number') return doubleText(value);
  if (Array.isArray(value))
    return inBrackets(
      '[]',
      value.map((each) => writeJson(each, pretty, level + 1)),
      pretty,
      level,
    );
  if (value instanceof Map) {
    const names = [...value.keys()].sort(order);
    const members = names.map((name) => `${quoted(name)}:${pretty ? ' ' : ''}${writeJson(value.get(name) ?? null, pretty, level + 1)}`);
    return inBrackets('{}', members, pretty, level);
  }
  return String(value);
}

export function inBrackets(brackets: '[]' | '{}', parts: readonly string[], pretty: boolean, level: number): string {
  const [open = '', close = ''] = brackets;
  if (parts.length === 0 || !pretty) return open + parts.join(',') + close;
  const blank = '  '.repeat(level);
  return `${open}\n${parts.map((each) => `${blank}  ${each}`).join(',\n')}\n${blank}${close}`;
}

// --- paths ---------------------------------------------------------------------------------------------------------------

export type Step = string | number;

/** The steps of a JSONPath: `$.a."b.c"[0]`, and in the old functions `$['a']` too. */
export function stepsOf(path: string, old: boolean): Step[] {
  const key = `${old ? 'old' : 'new'} ${path}`;
  let steps = remembered.get(key);
  if (!steps) {
    steps = parsePath(path, old);
    if (remembered.size >= REMEMBERED) remembered.clear();
    remembered.set(key, steps);
  }
  return steps;
}

const REMEMBERED = 500;
const remembered = new Map<string, Step[]>();

function parsePath(path: string, old: boolean): Step[] {
  const wrong = (): never => fail(`Invalid JSONPath: ${path}`);
  if (!path.startsWith('$')) wrong();
  const steps: Step[] = [];
  const step = old
    ? /\.([^.[\]"'\s*]+)|\[(\d+)\]|\['((?:[^'\\]|\\.)*)'\]|\[([^\]'"\s*]+)\]/y
    : /\.([^.[\]"'\s*$]+)|\[(\d+)\]|\."((?:[^"\\]|\\.)*)"/y;
  let at = 1;
  while (at < path.length) {
    step.lastIndex = at;
    const found = step.exec(path);
    if (!found) return wrong();
    const [whole, name, index, inQuotes, inBracket] = found;
    if (name !== undefined) steps.push(name);
    else if (index !== undefined) steps.push(Number(index));
    else steps.push((inQuotes ?? inBracket ?? '').replaceAll(/\\(.)/g, '$1'));
    at += whole.length;
  }
  return steps;
}

/** What is there; undefined where nothing is. */
export function valueAt(value: JsonValue | undefined, steps: readonly Step[]): JsonValue | undefined {
  let found = value;
  for (const step of steps) {
    if (typeof step === 'number') found = Array.isArray(found) ? found[step] : found instanceof Map ? found.get(String(step)) : undefined;
    else found = found instanceof Map ? found.get(step) : undefined;
    if (found === undefined) return undefined;
  }
  return found;
}
