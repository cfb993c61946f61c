import { AdapterError } from '../../contract/errors.ts';

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
type Scalar = (typeof SCALARS)[number];

export type GoogleType =
  | { readonly kind: Scalar }
  | { readonly kind: 'ARRAY'; readonly element: GoogleType }
  | { readonly kind: 'STRUCT'; readonly fields: readonly { readonly name: string; readonly type: GoogleType }[] };

const ALIASES: Readonly<Record<string, Scalar>> = {
  INT: 'INT64',
  INTEGER: 'INT64',
  BIGINT: 'INT64',
  FLOAT: 'FLOAT64',
  BOOLEAN: 'BOOL',
  DECIMAL: 'NUMERIC',
  BIGDECIMAL: 'BIGNUMERIC',
};

/**
 * The type of a query parameter.
 *
 * @example
 * parseGoogleType('ARRAY<STRUCT<a INT64, b STRING>>', 'parameters.x');
 */
export function parseGoogleType(text: string, path: string): GoogleType {
  const tokens = text.match(/[A-Za-z_][A-Za-z0-9_]*|[<>,]|\S/g) ?? [];
  let at = 0;
  const fail = (): never => {
    throw new AdapterError(
      'InvalidInput',
      `${path}.type: expected ${SCALARS.join(', ')}, ARRAY<…> or STRUCT<name type, …>, found ${JSON.stringify(text)}`,
    );
  };
  const expect = (token: string): void => {
    if (tokens[at++] !== token) fail();
  };
  const type = (): GoogleType => {
    const name = (tokens[at++] ?? '').toUpperCase();
    if (name === 'ARRAY') {
      expect('<');
      const element = type();
      expect('>');
      return element.kind === 'ARRAY' ? fail() : { kind: 'ARRAY', element };
    }
    if (name === 'STRUCT') {
      const fields: { name: string; type: GoogleType }[] = [];
      expect('<');
      do {
        const field = tokens[at++] ?? '';
        if (!/^[A-Za-z_]/.test(field)) fail();
        fields.push({ name: field, type: type() });
      } while (tokens[at++] === ',');
      if (tokens[at - 1] !== '>') fail();
      return { kind: 'STRUCT', fields };
    }
    const kind = ALIASES[name] ?? SCALARS.find((each) => each === name);
    return kind ? { kind } : fail();
  };
  const parsed = type();
  return at === tokens.length ? parsed : fail();
}
