/** JSON with the keys of its objects written once a shape: records of a kind take half of the bytes or less. Lossless. Pure. */
import type { Packed } from '../contract/search.ts';
import type { Json } from '../contract/values.ts';

export function pack(values: readonly unknown[]): Packed {
  const shapes: string[][] = [];
  const numbers = new Map<string, number>();
  const shapeOf = (keys: string[]): number => {
    const name = JSON.stringify(keys);
    const known = numbers.get(name);
    if (known !== undefined) return known;
    shapes.push(keys);
    numbers.set(name, shapes.length);
    return shapes.length;
  };
  const packed = (value: unknown): Json => {
    if (Array.isArray(value)) return [0, ...value.map(packed)];
    if (typeof value !== 'object' || value === null) return (value ?? null) as Json;
    const fields = Object.entries(value).filter(([, field]) => field !== undefined);
    return [shapeOf(fields.map(([key]) => key)), ...fields.map(([, field]) => packed(field))];
  };
  return { values: values.map(packed), shapes };
}

export function unpack({ shapes, values }: Packed): Json[] {
  const unpacked = (value: Json): Json => {
    if (!Array.isArray(value)) return value;
    const [shape, ...fields] = value;
    const keys = shapes[Number(shape) - 1];
    if (!keys) return fields.map(unpacked);
    return Object.fromEntries(keys.map((key, i) => [key, unpacked(fields[i] ?? null)]));
  };
  return values.map(unpacked);
}

/** Bytes of the value's JSON in UTF-8, as payloads have it. */
export function jsonBytes(value: unknown): number {
  const text = JSON.stringify(value);
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    // Each half of a surrogate pair stands for two of its four bytes.
    if (code > 0x7f) bytes += code > 0x7ff && (code < 0xd800 || code > 0xdfff) ? 2 : 1;
  }
  return bytes;
}
