import type { Json } from '../../contract/values.ts';
import type { Field } from './tables.ts';

/** Rows as the REST API gives them: everything is text. */
interface Cell {
  readonly v: string | null | { readonly f: readonly Cell[] } | readonly Cell[];
}
export interface ApiRow {
  readonly f: readonly Cell[];
}

/** A row as JSON: times in ISO 8601, bytes in base64, integers beyond 2^53 as texts; NaN and infinities are null. */
export function rowOf(fields: readonly Field[], row: ApiRow): Record<string, Json> {
  return Object.fromEntries(fields.map((field, i) => [field.name ?? '', valueOf(field, row.f[i]?.v ?? null)]));
}

function valueOf(field: Field, value: Cell['v']): Json {
  if (field.mode === 'REPEATED') return ((value ?? []) as readonly Cell[]).map((cell) => valueOf({ ...field, mode: 'NULLABLE' }, cell.v));
  if (value === null) return null;
  if (typeof value !== 'string') return rowOf(field.fields ?? [], value as ApiRow);
  switch (field.type) {
    case 'INTEGER':
    case 'INT64': {
      const number = Number(value);
      return Number.isSafeInteger(number) ? number : value;
    }
    case 'FLOAT':
    case 'FLOAT64':
      return Number.isFinite(Number(value)) ? Number(value) : null;
    case 'NUMERIC':
    case 'BIGNUMERIC':
      return Number(value);
    case 'BOOLEAN':
    case 'BOOL':
      return value === 'true';
    case 'TIMESTAMP':
      return timestampOf(value);
    case 'JSON':
      return JSON.parse(value) as Json;
    default:
      return value;
  }
}

/** Microseconds since 1970; to milliseconds as JavaScript writes it, to microseconds where there are some. */
function timestampOf(value: string): string {
  const micros = /^-?\d+$/.test(value) ? BigInt(value) : BigInt(Math.round(Number(value) * 1e6));
  const below = ((micros % 1000n) + 1000n) % 1000n;
  const text = new Date(Number((micros - below) / 1000n)).toISOString().slice(0, -1);
  return `${text}${below === 0n ? '' : below.toString().padStart(3, '0')}Z`;
}
