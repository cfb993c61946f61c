import { expect, it } from 'vitest';
import { parseGoogleType } from '../../../src/contract/google-type.ts';

it('reads scalars, aliases, arrays and structs', () => {
  expect(parseGoogleType(' integer ')).toEqual({ kind: 'INT64' });
  expect(parseGoogleType('array<struct<a INT64, b Decimal>>')).toEqual({
    kind: 'ARRAY',
    element: {
      kind: 'STRUCT',
      fields: [
        { name: 'a', type: { kind: 'INT64' } },
        { name: 'b', type: { kind: 'NUMERIC' } },
      ],
    },
  });
});

it.each([
  '',
  'TEXT',
  'INT64 INT64',
  'ARRAY',
  'ARRAY<INT64',
  'ARRAY<ARRAY<INT64>>',
  'STRUCT<>',
  'STRUCT<INT64>',
  'STRUCT<a INT64,>',
  'STRUCT<1a INT64>',
  'ARRAY<INT64>>',
])('knows no type %j', (text) => {
  expect(parseGoogleType(text)).toBeNull();
});

it('reads as deep as BigQuery nests, and no deeper', () => {
  const nested = (depth: number): string => `${'STRUCT<a '.repeat(depth)}INT64${'>'.repeat(depth)}`;
  expect(parseGoogleType(nested(15))).not.toBeNull();
  expect(parseGoogleType(nested(16))).toBeNull();
  expect(parseGoogleType(nested(100_000))).toBeNull();
});
