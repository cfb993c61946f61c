import { BIGINT, BLOB, BOOLEAN, DuckDBBlobValue, LIST, VARCHAR } from '@duckdb/node-api';
import type { DuckDBValue } from '@duckdb/node-api';
import { createHash } from 'node:crypto';
import { bytesOf, fail, itemsIn, latin1, textOrBytes } from './scalar.ts';
import type { ScalarFunction } from './scalar.ts';

/** Characters of a text: code points of a STRING, bytes of BYTES. */
const charactersOf = (text: string, isBytes: boolean): string[] => (isBytes ? text.split('') : Array.from(text));

/** Where the n-th occurrence begins, from 1; from a negative position the search goes backwards. 0: nowhere. */
function instr([value, part, position, occurrence]: readonly [string, string, bigint, bigint], isBytes: boolean): bigint {
  if (position === 0n) fail('INSTR: the position must not be 0');
  if (occurrence <= 0n) fail('INSTR: the occurrence must be positive');
  const characters = charactersOf(value, isBytes);
  const wanted = charactersOf(part, isBytes);
  const matches = (at: number): boolean => wanted.every((each, i) => characters[at + i] === each);
  const forwards = position > 0n;
  const size = BigInt(characters.length);
  if (wanted.length === 0) {
    // Nothing is found at each place, and after the last character.
    const place = forwards ? position + occurrence - 1n : size + position + 2n - (occurrence - 1n);
    return place >= 1n && place <= size + 1n ? place : 0n;
  }
  if (forwards ? position > size : -position > size) return 0n;
  let left = occurrence;
  for (let at = Number(forwards ? position - 1n : size + position); at >= 0 && at < characters.length; at += forwards ? 1 : -1)
    if (at + wanted.length <= characters.length && matches(at) && --left === 0n) return BigInt(at + 1);
  return 0n;
}

const DELIMITERS = ' \t\n\v\f\r[](){}/|<>!?@"^#$&~_,.:;*%+-';
const upper = (text: string): string => text.toUpperCase();
const lower = (text: string): string => text.toLowerCase();

function initcap(value: string, delimiters: string): string {
  const between = new Set(Array.from(delimiters));
  let first = true;
  let result = '';
  for (const each of value) {
    const isDelimiter = between.has(each);
    result += isDelimiter ? each : first ? titled(each) : lower(each);
    first = isDelimiter;
  }
  return result;
}

/** One character stays one: ß has no capital of its own. */
function titled(character: string): string {
  const capital = upper(character);
  return Array.from(capital).length === 1 ? capital : character;
}

function translate([value, from, to]: readonly [string, string, string], isBytes: boolean): string {
  const targets = charactersOf(to, isBytes);
  const mapping = new Map<string, string>();
  for (const [i, each] of charactersOf(from, isBytes).entries()) {
    if (mapping.has(each)) fail('TRANSLATE: a source character occurs twice');
    mapping.set(each, targets[i] ?? '');
  }
  return charactersOf(value, isBytes)
    .map((each) => mapping.get(each) ?? each)
    .join('');
}

const SOUNDEX: Record<string, string> = Object.fromEntries(
  (['BFPV', 'CGJKQSXZ', 'DT', 'L', 'MN', 'R'] as const).flatMap((letters, i) => letters.split('').map((each) => [each, String(i + 1)])),
);

/** Letter and three digits; H and W do not part letters of one code, other signs that are no letters are passed over. */
function soundex(value: string): string {
  let code = '';
  let last = '';
  for (const each of value) {
    if (!/^[A-Za-z]$/.test(each)) continue;
    const letter = each.toUpperCase();
    const digit = SOUNDEX[letter] ?? '';
    if (code === '') code = letter;
    else if (digit !== '' && digit !== last) code += digit;
    if (letter !== 'H' && letter !== 'W') last = digit;
    if (code.length === 4) break;
  }
  return code === '' ? '' : code.padEnd(4, '0');
}

/** Levenshtein's distance, at most `most`. */
function editDistance(left: readonly string[], right: readonly string[], most: bigint): bigint {
  if (most < 0n) fail('EDIT_DISTANCE: max_distance must not be negative');
  let row = Array.from({ length: right.length + 1 }, (_, i) => i);
  for (const [i, each] of left.entries()) {
    const next = [i + 1];
    for (const [j, other] of right.entries())
      next.push(Math.min((row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1, (row[j] ?? 0) + (each === other ? 0 : 1)));
    row = next;
  }
  const distance = BigInt(row[right.length] ?? 0);
  return distance > most ? most : distance;
}

const LARGEST = 2n ** 63n - 1n;
const MAX_LENGTH = 1_048_576n;

function padded([value, length, fill]: readonly [string, bigint, string], isBytes: boolean, left: boolean): string {
  const name = left ? 'LPAD' : 'RPAD';
  if (length < 0n) fail(`${name}: the length is negative`);
  if (fill === '') fail(`${name}: the pattern is empty`);
  if (length > MAX_LENGTH) fail(`${name}: the result is longer than ${MAX_LENGTH}`);
  const characters = charactersOf(value, isBytes);
  const missing = Number(length) - characters.length;
  if (missing <= 0) return characters.slice(0, Number(length)).join('');
  const pattern = charactersOf(fill, isBytes);
  const filling = Array.from({ length: missing }, (_, i) => pattern[i % pattern.length]).join('');
  return left ? filling + value : value + filling;
}

function split([value, separator]: readonly [string, string], isBytes: boolean): string[] {
  if (value === '') return [''];
  return separator === '' ? charactersOf(value, isBytes) : value.split(separator);
}

function trimmed(value: readonly string[], characters: ReadonlySet<string>, sides: 'both' | 'left' | 'right'): string[] {
  let [start, end] = [0, value.length];
  while (sides !== 'right' && start < end && characters.has(value[start] ?? '')) start++;
  while (sides !== 'left' && end > start && characters.has(value[end - 1] ?? '')) end--;
  return value.slice(start, end);
}

// --- Unicode and bytes -------------------------------------------------------------------------------------------------

const isScalar = (point: bigint): boolean => point >= 0n && point <= 0x10ffffn && !(point >= 0xd800n && point <= 0xdfffn);

function chr(point: bigint): string {
  if (!isScalar(point)) fail(`CHR: ${point} is no code point`);
  return String.fromCodePoint(Number(point));
}

function textOfPoints(points: readonly (bigint | null)[]): string | null {
  if (points.includes(null)) return null;
  return points
    .map((point) =>
      isScalar(point as bigint) ? String.fromCodePoint(Number(point)) : fail(`CODE_POINTS_TO_STRING: ${point} is no code point`),
    )
    .join('');
}

function bytesOfPoints(points: readonly (bigint | null)[]): DuckDBBlobValue | null {
  if (points.includes(null)) return null;
  return new DuckDBBlobValue(
    Uint8Array.from(points, (point) =>
      point !== null && point >= 0n && point <= 255n ? Number(point) : fail(`CODE_POINTS_TO_BYTES: ${point} is no byte`),
    ),
  );
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
/** BYTES as a STRING; they must be UTF-8. */
function textOf(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch {
    return fail('Invalid UTF-8 in CAST of BYTES to STRING');
  }
}

const lenient = new TextDecoder('utf-8', { ignoreBOM: true });

const FORMS: Record<string, 'NFC' | 'NFD' | 'NFKC' | 'NFKD'> = { NFC: 'NFC', NFD: 'NFD', NFKC: 'NFKC', NFKD: 'NFKD' };
const formOf = (name: string): 'NFC' | 'NFD' | 'NFKC' | 'NFKD' => FORMS[name.toUpperCase()] ?? fail(`NORMALIZE: ${name} is no form`);
/** Full case folding: by way of capitals, so that ß and ss are the same. */
const folded = (text: string): string => text.toUpperCase().toLowerCase().replaceAll('ς', 'σ');
const foldedForm = (text: string, form: string): string => folded(text.normalize(formOf(form))).normalize(formOf(form));

// --- encodings -----------------------------------------------------------------------------------------------------------

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

function toBase32(bytes: Uint8Array): string {
  let bits = Array.from(bytes, (each) => each.toString(2).padStart(8, '0')).join('');
  bits = bits.padEnd(Math.ceil(bits.length / 5) * 5, '0');
  const text = (bits.match(/.{5}/g) ?? []).map((each) => BASE32[parseInt(each, 2)]).join('');
  return text.padEnd(Math.ceil(text.length / 8) * 8, '=');
}

function fromBase32(text: string): Uint8Array {
  const digits = text.replace(/=+$/, '');
  const padding = text.length - digits.length;
  if (!/^[A-Z2-7]*$/.test(digits) || text.length % 8 !== 0 || ![0, 1, 3, 4, 6].includes(padding))
    fail('FROM_BASE32: the text is no base32');
  const bits = Array.from(digits, (each) => BASE32.indexOf(each).toString(2).padStart(5, '0')).join('');
  return Uint8Array.from((bits.match(/.{8}/g) ?? []).map((each) => parseInt(each, 2)));
}

function fromBase64(text: string): Uint8Array {
  const digits = text.replaceAll(/\s/g, '');
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(digits) || digits.length % 4 !== 0) fail('FROM_BASE64: the text is no base64');
  return Buffer.from(digits, 'base64');
}

function fromHex(text: string): Uint8Array {
  if (!/^[0-9a-fA-F]*$/.test(text)) fail('FROM_HEX: the text is no hexadecimal number');
  return Buffer.from(text.length % 2 === 0 ? text : `0${text}`, 'hex');
}

const RADIX: Record<string, [number, number]> = { BASE2: [2, 8], BASE8: [8, 0], BASE16: [16, 2], HEX: [16, 2] };

/** BYTES in one of the formats of CAST. */
function textOfBytes(bytes: Uint8Array, format: string): string {
  const name = format.toUpperCase();
  if (name === 'BASE64') return Buffer.from(bytes).toString('base64');
  if (name === 'BASE64M')
    return (
      Buffer.from(bytes)
        .toString('base64')
        .match(/.{1,76}/g) ?? []
    ).join('\n');
  if (name === 'BASE32') return toBase32(bytes);
  if (name === 'UTF-8' || name === 'UTF8') return textOf(bytes);
  if (name === 'ASCII') return bytes.some((each) => each > 127) ? fail('CAST: these bytes are no ASCII') : latin1(bytes);
  const [radix, width] = RADIX[name] ?? fail(`CAST: ${format} is no format of BYTES`);
  if (width > 0) return Array.from(bytes, (each) => each.toString(radix).padStart(width, '0')).join('');
  // Three bits a digit, zeros before the first.
  const bits = Array.from(bytes, (each) => each.toString(2).padStart(8, '0')).join('');
  return (bits.padStart(Math.ceil(bits.length / 3) * 3, '0').match(/.{3}/g) ?? []).map((each) => parseInt(each, 2)).join('');
}

function bytesOfText(text: string, format: string): Uint8Array {
  const name = format.toUpperCase();
  if (name === 'BASE64' || name === 'BASE64M') return fromBase64(text);
  if (name === 'BASE32') return fromBase32(text);
  if (name === 'UTF-8' || name === 'UTF8') return Buffer.from(text, 'utf8');
  if (name === 'ASCII') return /^[\0-\x7f]*$/.test(text) ? Buffer.from(text, 'latin1') : fail('CAST: this text is no ASCII');
  if (name === 'HEX' || name === 'BASE16') return fromHex(text);
  const digitBits = name === 'BASE2' ? 1 : name === 'BASE8' ? 3 : fail(`CAST: ${format} is no format of BYTES`);
  if (!(digitBits === 1 ? /^[01]*$/ : /^[0-7]*$/).test(text)) fail(`CAST: this text is not of the format ${format}`);
  const bits = Array.from(text, (each) => parseInt(each, 8).toString(2).padStart(digitBits, '0')).join('');
  const whole = digitBits === 1 ? bits.padStart(Math.ceil(bits.length / 8) * 8, '0') : bits.slice(bits.length % 8);
  return Uint8Array.from((whole.match(/.{8}/g) ?? []).map((each) => parseInt(each, 2)));
}

const pointsOf = (list: DuckDBValue | undefined): (bigint | null)[] => itemsIn(list) as (bigint | null)[];
const bytesIn = (cell: unknown): Uint8Array => (cell as DuckDBBlobValue).bytes;

/** Texts or bytes with a separator between them. */
function joined(items: readonly DuckDBValue[], separator: DuckDBValue | undefined): DuckDBValue {
  const plain = (each: DuckDBValue | undefined): string => (each instanceof DuckDBBlobValue ? latin1(each.bytes) : (each as string));
  if (items.length === 0) return null;
  const text = items.map(plain).join(plain(separator));
  return items[0] instanceof DuckDBBlobValue ? bytesOf(text) : text;
}

const trims = (['both', 'left', 'right'] as const).flatMap((sides) =>
  textOrBytes(`longhaul_trim_${sides}`, ['text', 'text'], 'text', ([value, characters]: readonly [string, string], isBytes) =>
    trimmed(charactersOf(value, isBytes), new Set(charactersOf(characters, isBytes)), sides).join(''),
  ),
);

export const TEXT_FUNCTIONS: readonly ScalarFunction[] = [
  ...textOrBytes('longhaul_instr', ['text', 'text', BIGINT, BIGINT], BIGINT, instr),
  ...textOrBytes('longhaul_translate', ['text', 'text', 'text'], 'text', translate),
  ...textOrBytes('longhaul_lpad', ['text', BIGINT, 'text'], 'text', (cells: readonly [string, bigint, string], isBytes) =>
    padded(cells, isBytes, true),
  ),
  ...textOrBytes('longhaul_rpad', ['text', BIGINT, 'text'], 'text', (cells: readonly [string, bigint, string], isBytes) =>
    padded(cells, isBytes, false),
  ),
  ...textOrBytes('longhaul_split', ['text', 'text'], 'texts', split),
  ...textOrBytes('longhaul_reverse', ['text'], 'text', ([value]: readonly [string], isBytes) =>
    charactersOf(value, isBytes).reverse().join(''),
  ),
  ...textOrBytes(
    'longhaul_edit_distance',
    ['text', 'text', BIGINT],
    BIGINT,
    ([left, right, most]: readonly [string, string, bigint], isBytes) =>
      editDistance(charactersOf(left, isBytes), charactersOf(right, isBytes), most),
  ),
  ...textOrBytes('longhaul_edit_distance', ['text', 'text'], BIGINT, ([left, right]: readonly [string, string], isBytes) =>
    editDistance(charactersOf(left, isBytes), charactersOf(right, isBytes), LARGEST),
  ),
  ...textOrBytes('longhaul_to_code_points', ['text'], LIST(BIGINT), ([value]: readonly [string], isBytes) =>
    charactersOf(value, isBytes).map((each) => BigInt(each.codePointAt(0) ?? 0)),
  ),
  ...trims,
  ...[VARCHAR, BLOB].flatMap((type): ScalarFunction[] => [
    {
      name: 'longhaul_joined',
      parameters: [LIST(type), type],
      returns: type,
      call: ([list, separator]) => joined(itemsIn(list), separator),
    },
    { name: 'longhaul_joined', parameters: [LIST(type)], returns: type, call: ([list]) => joined(itemsIn(list), ',') },
  ]),
  { name: 'longhaul_initcap', parameters: [VARCHAR], returns: VARCHAR, call: ([value]) => initcap(value as string, DELIMITERS) },
  {
    name: 'longhaul_initcap',
    parameters: [VARCHAR, VARCHAR],
    returns: VARCHAR,
    call: ([value, delimiters]) => initcap(value as string, delimiters as string),
  },
  { name: 'longhaul_soundex', parameters: [VARCHAR], returns: VARCHAR, call: ([value]) => soundex(value as string) },
  { name: 'longhaul_chr', parameters: [BIGINT], returns: VARCHAR, call: ([point]) => chr(point as bigint) },
  {
    name: 'longhaul_code_points_to_string',
    parameters: [LIST(BIGINT)],
    returns: VARCHAR,
    call: ([points]) => textOfPoints(pointsOf(points)),
  },
  {
    name: 'longhaul_code_points_to_bytes',
    parameters: [LIST(BIGINT)],
    returns: BLOB,
    call: ([points]) => bytesOfPoints(pointsOf(points)),
  },
  {
    name: 'longhaul_text_of_bytes',
    parameters: [BLOB, VARCHAR],
    returns: VARCHAR,
    call: ([bytes, format]) => textOfBytes(bytesIn(bytes), format as string),
  },
  {
    name: 'longhaul_bytes_of_text',
    parameters: [VARCHAR, VARCHAR],
    returns: BLOB,
    call: ([text, format]) => new DuckDBBlobValue(bytesOfText(text as string, format as string)),
  },
  { name: 'longhaul_text_of', parameters: [BLOB], returns: VARCHAR, call: ([bytes]) => textOf(bytesIn(bytes)) },
  { name: 'longhaul_lenient_text_of', parameters: [BLOB], returns: VARCHAR, call: ([bytes]) => lenient.decode(bytesIn(bytes)) },
  { name: 'longhaul_latin1', parameters: [BLOB], returns: VARCHAR, call: ([bytes]) => latin1(bytesIn(bytes)) },
  { name: 'longhaul_bytes', parameters: [VARCHAR], returns: BLOB, call: ([text]) => bytesOf(text as string) },
  {
    name: 'longhaul_normalize',
    parameters: [VARCHAR, VARCHAR],
    returns: VARCHAR,
    call: ([text, form]) => (text as string).normalize(formOf(form as string)),
  },
  {
    name: 'longhaul_normalize_and_casefold',
    parameters: [VARCHAR, VARCHAR],
    returns: VARCHAR,
    call: ([text, form]) => foldedForm(text as string, form as string),
  },
  {
    name: 'longhaul_contains_substr',
    parameters: [VARCHAR, VARCHAR],
    returns: BOOLEAN,
    call: ([text, part]) => foldedForm(text as string, 'NFKC').includes(foldedForm(part as string, 'NFKC')),
  },
  { name: 'longhaul_to_base32', parameters: [BLOB], returns: VARCHAR, call: ([bytes]) => toBase32(bytesIn(bytes)) },
  { name: 'longhaul_from_base32', parameters: [VARCHAR], returns: BLOB, call: ([text]) => new DuckDBBlobValue(fromBase32(text as string)) },
  { name: 'longhaul_from_base64', parameters: [VARCHAR], returns: BLOB, call: ([text]) => new DuckDBBlobValue(fromBase64(text as string)) },
  { name: 'longhaul_from_hex', parameters: [VARCHAR], returns: BLOB, call: ([text]) => new DuckDBBlobValue(fromHex(text as string)) },
  ...[BLOB, VARCHAR].map((type): ScalarFunction => ({
    name: 'longhaul_sha512',
    parameters: [type],
    returns: BLOB,
    call: ([value]) =>
      new DuckDBBlobValue(
        createHash('sha512')
          .update(typeof value === 'string' ? value : bytesIn(value))
          .digest(),
      ),
  })),
];
