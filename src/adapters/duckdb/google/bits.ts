import { BIGINT, BLOB, DuckDBBlobValue } from '@duckdb/node-api';
import { fail } from './scalar.ts';
import type { ScalarFunction } from './scalar.ts';

/** Shifts and the operators of BYTES. Bits that leave are lost, zeros come in. */

const bytesIn = (cell: unknown): Uint8Array => (cell as DuckDBBlobValue).bytes;

function shifted(bytes: Uint8Array, by: bigint, left: boolean): Uint8Array {
  const bits = BigInt(bytes.length) * 8n;
  if (by >= bits) return new Uint8Array(bytes.length);
  let value = 0n;
  for (const each of bytes) value = (value << 8n) | BigInt(each);
  value = left ? BigInt.asUintN(Number(bits), value << by) : value >> by;
  const result = new Uint8Array(bytes.length);
  for (let i = bytes.length - 1; i >= 0; i--, value >>= 8n) result[i] = Number(value & 255n);
  return result;
}

const shift = (name: string, left: boolean): ScalarFunction[] => [
  {
    name,
    parameters: [BIGINT, BIGINT],
    returns: BIGINT,
    call: ([value, by]) => {
      if ((by as bigint) < 0n) fail('a shift by a negative number of bits');
      if ((by as bigint) >= 64n) return 0n;
      return left
        ? BigInt.asIntN(64, (value as bigint) << (by as bigint))
        : BigInt.asIntN(64, BigInt.asUintN(64, value as bigint) >> (by as bigint));
    },
  },
  {
    name,
    parameters: [BLOB, BIGINT],
    returns: BLOB,
    call: ([value, by]) => {
      if ((by as bigint) < 0n) fail('a shift by a negative number of bits');
      return new DuckDBBlobValue(shifted(bytesIn(value), by as bigint, left));
    },
  },
];

function bytewise(name: string, combine: (a: number, b: number) => number): ScalarFunction {
  return {
    name,
    parameters: [BLOB, BLOB],
    returns: BLOB,
    call: ([left, right]) => {
      const [a, b] = [bytesIn(left), bytesIn(right)];
      if (a.length !== b.length) fail('the operands of a bitwise operator have different lengths');
      return new DuckDBBlobValue(a.map((each, i) => combine(each, b[i] ?? 0)));
    },
  };
}

export const BIT_FUNCTIONS: readonly ScalarFunction[] = [
  ...shift('longhaul_shift_left', true),
  ...shift('longhaul_shift_right', false),
  bytewise('longhaul_bytes_and', (a, b) => a & b),
  bytewise('longhaul_bytes_or', (a, b) => a | b),
  bytewise('longhaul_bytes_xor', (a, b) => a ^ b),
  {
    name: 'longhaul_bytes_not',
    parameters: [BLOB],
    returns: BLOB,
    call: ([value]) => new DuckDBBlobValue(bytesIn(value).map((each) => ~each & 255)),
  },
  {
    name: 'longhaul_bytes_count',
    parameters: [BLOB],
    returns: BIGINT,
    call: ([value]) => BigInt(bytesIn(value).reduce((sum, each) => sum + each.toString(2).replaceAll('0', '').length, 0)),
  },
];
