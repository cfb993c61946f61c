/** GoogleSQL's types, as query parameters name them. */
const SCALARS = [
  'INT64',
  'FLOAT64',
  'BOOL',
  'STRING',
  'JSON',
  'BYTES',
  'DATE',
  'TIME',
  'DATETIME',
  'TIMESTAMP',
  'NUMERIC',
  'BIGNUMERIC',
] as const;
export type GoogleScalar = (typeof SCALARS)[number];

export type GoogleType =
  | { readonly kind: GoogleScalar }
  | { readonly kind: 'ARRAY'; readonly element: GoogleType }
  | { readonly kind: 'STRUCT'; readonly fields: readonly { readonly name: string; readonly type: GoogleType }[] };

/** For messages: what could be written. */
export const GOOGLE_TYPES = `${SCALARS.join(', ')}, ARRAY<…> or STRUCT<name type, …>`;

const ALIASES: Readonly<Record<string, GoogleScalar>> = {
  INT: 'INT64',
  INTEGER: 'INT64',
  BIGINT: 'INT64',
  FLOAT: 'FLOAT64',
  BOOLEAN: 'BOOL',
  DECIMAL: 'NUMERIC',
  BIGDECIMAL: 'BIGNUMERIC',
};
/** BigQuery's own limit on nesting is 15. */
const DEEPEST = 15;

/**
 * The type that a text names, or null.
 *
 * @example
 * parseGoogleType('ARRAY<STRUCT<a INT64, b STRING>>');
 */
export function parseGoogleType(text: string): GoogleType | null {
  const tokens = text.match(/[A-Za-z_][A-Za-z0-9_]*|[<>,]|\S/g) ?? [];
  let at = 0;
  const type = (depth: number): GoogleType | null => {
    const name = (tokens[at++] ?? '').toUpperCase();
    if (depth > DEEPEST) return null;
    if (name === 'ARRAY') {
      const element = tokens[at++] === '<' ? type(depth + 1) : null;
      return element && element.kind !== 'ARRAY' && tokens[at++] === '>' ? { kind: 'ARRAY', element } : null;
    }
    if (name === 'STRUCT') {
      const fields = tokens[at++] === '<' ? fieldsOf(depth) : null;
      return fields && { kind: 'STRUCT', fields };
    }
    const kind = ALIASES[name] ?? SCALARS.find((each) => each === name);
    return kind ? { kind } : null;
  };
  const fieldsOf = (depth: number): { name: string; type: GoogleType }[] | null => {
    const fields: { name: string; type: GoogleType }[] = [];
    do {
      const name = tokens[at++] ?? '';
      const found = /^[A-Za-z_]/.test(name) ? type(depth + 1) : null;
      if (!found) return null;
      fields.push({ name, type: found });
    } while (tokens[at++] === ',');
    return tokens[at - 1] === '>' ? fields : null;
  };
  const parsed = type(0);
  return at === tokens.length ? parsed : null;
}

/** Whether a NUMERIC or BIGNUMERIC is in it. */
export function hasDecimals(type: GoogleType): boolean {
  if (type.kind === 'ARRAY') return hasDecimals(type.element);
  if (type.kind === 'STRUCT') return type.fields.some((field) => hasDecimals(field.type));
  return type.kind === 'NUMERIC' || type.kind === 'BIGNUMERIC';
}
