/** Query parameters with their GoogleSQL types: as written, or inferred from plain values. */
import { GOOGLE_TYPES, parseGoogleType, type GoogleType } from '../contract/google-type.ts';
import type { OutputType, QueryParameter } from '../contract/values.ts';
import { join, type Problems } from './problems.ts';
import { child, show, toPlain, type Node, type Reference } from './tree.ts';

const OF_OUTPUT: Readonly<Record<OutputType, string | null>> = {
  int: 'INT64',
  float: 'FLOAT64',
  bool: 'BOOL',
  string: 'STRING',
  uri: 'STRING',
  table: 'STRING',
  json: null,
};

/** null: it is not right, and that is told. */
export function queryParameter(
  node: Node,
  path: string,
  typeOf: (reference: Reference) => OutputType | null,
  problems: Problems,
): QueryParameter | null {
  if (node.kind === 'scalar' && node.broken) return null;
  const type = child(node, 'type');
  const value = child(node, 'value');
  if (node.kind === 'map' && type && value) {
    const written = toPlain(type);
    const parsed = typeof written === 'string' ? parseGoogleType(written) : null;
    if (typeof written === 'string' && parsed) return fitting(written.trim(), parsed.kind, value, join(path, 'value'), problems);
    problems.add(type.at, join(path, 'type'), 'no such type', { expected: GOOGLE_TYPES, found: show(written) });
    return null;
  }
  const inferred = infer(node, typeOf);
  if (inferred !== null) return { type: inferred, value: toPlain(node) };
  problems.add(node.at, path, 'the type of this parameter cannot be told', {
    expected: 'a text, number or switch, or a list of them',
    found: show(toPlain(node)),
    hint: 'write { type: "ARRAY<STRING>", value: … } with its GoogleSQL type',
  });
  return null;
}

function infer(node: Node, typeOf: (reference: Reference) => OutputType | null): string | null {
  if (node.kind === 'list') {
    const types = new Set(node.items.map((item) => infer(item, typeOf)));
    const only = types.size === 2 && types.has('INT64') && types.has('FLOAT64') ? 'FLOAT64' : types.size === 1 ? [...types][0] : null;
    return only && !only.startsWith('ARRAY') ? `ARRAY<${only}>` : null;
  }
  if (node.kind === 'map') return null;
  if (node.whole) return OF_OUTPUT[typeOf(node.whole) ?? 'string'];
  if (typeof node.value === 'string') return 'STRING';
  if (typeof node.value === 'boolean') return 'BOOL';
  if (node.value === null) return null;
  return node.type === 'float' || !Number.isInteger(node.value) ? 'FLOAT64' : 'INT64';
}

const FORMS: Readonly<Record<string, { pattern: RegExp; expected: string }>> = {
  DATE: { pattern: /^\d{4}-\d{2}-\d{2}$/, expected: 'a date: YYYY-MM-DD' },
  TIME: { pattern: /^\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?$/, expected: 'a time: HH:MM:SS' },
  DATETIME: { pattern: /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?$/, expected: 'YYYY-MM-DDTHH:MM:SS' },
  TIMESTAMP: {
    pattern: /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?)?\s?(?:Z|UTC|[+-]\d{2}:?\d{2})?$/,
    expected: 'YYYY-MM-DDTHH:MM:SSZ',
  },
  STRING: { pattern: /^/, expected: 'a text' },
};

function fitting(type: string, kind: GoogleType['kind'], value: Node, path: string, problems: Problems): QueryParameter | null {
  if (value.kind === 'scalar' && value.broken) return null;
  const plain = toPlain(value);
  // What only the run knows is checked there.
  const late = value.kind === 'scalar' && value.references !== undefined;
  const expected = late || plain === null ? null : mismatch(kind, plain);
  if (expected === null) return { type, value: plain };
  problems.add(value.at, path, `the value is no ${type}`, { expected, found: show(plain) });
  return null;
}

/** What would fit, or null if the value does as far as can be told here. */
function mismatch(kind: GoogleType['kind'], value: unknown): string | null {
  if (kind === 'ARRAY') return Array.isArray(value) ? null : 'a list';
  if (kind === 'STRUCT') return typeof value === 'object' && !Array.isArray(value) ? null : 'a map';
  if (kind === 'BOOL') return typeof value === 'boolean' ? null : 'true or false';
  if (kind === 'INT64') return Number.isInteger(value) || (typeof value === 'string' && /^-?\d+$/.test(value)) ? null : 'a whole number';
  if (kind === 'FLOAT64')
    return typeof value === 'number' || (typeof value === 'string' && /^[+-]?(?:inf|infinity|nan)$/i.test(value)) ? null : 'a number';
  const form = FORMS[kind];
  return form === undefined || (typeof value === 'string' && form.pattern.test(value)) ? null : form.expected;
}
