import { JsonReader, JsonSyntaxError, inBrackets, quoted } from './json-values.ts';
import type { Step } from './json-values.ts';

/** What a path finds in a STRING of JSON, which is kept as it is written but for blanks: numbers, doubled names and their order. */
export interface Found {
  readonly kind: 'null' | 'scalar' | 'array' | 'object';
  /** JSON in one line. */
  readonly text: string;
  /** A scalar without its quotes. */
  readonly scalar?: string;
  /** Elements of an array. */
  readonly items?: readonly Found[];
}

/** Reads no further than it must; undefined where nothing is found, or no JSON before it. */
export function findInText(text: string, steps: readonly Step[]): Found | undefined {
  try {
    return descend(new JsonReader(text), steps, 0);
  } catch (error) {
    if (error instanceof JsonSyntaxError) return undefined;
    throw error;
  }
}

function descend(reader: JsonReader, steps: readonly Step[], depth: number): Found | undefined {
  const step = steps[depth];
  if (step === undefined) return whole(reader);
  const next = reader.peek();
  if (next === '{') {
    reader.expect('{');
    if (reader.takes('}')) return undefined;
    do {
      const name = reader.string();
      reader.expect(':');
      if (name === String(step)) return descend(reader, steps, depth + 1);
      whole(reader);
    } while (reader.takes(','));
    return undefined;
  }
  if (next === '[' && typeof step === 'number') {
    reader.expect('[');
    if (reader.takes(']')) return undefined;
    let at = 0;
    do {
      if (at++ === step) return descend(reader, steps, depth + 1);
      whole(reader);
    } while (reader.takes(','));
  }
  return undefined;
}

function whole(reader: JsonReader): Found {
  if (reader.peek() === '"') {
    const scalar = reader.string();
    return { kind: 'scalar', text: quoted(scalar), scalar };
  }
  if (reader.takes('[')) {
    const items: Found[] = [];
    if (!reader.takes(']')) {
      do items.push(whole(reader));
      while (reader.takes(','));
      reader.expect(']');
    }
    return {
      kind: 'array',
      text: inBrackets(
        '[]',
        items.map(({ text }) => text),
        false,
        0,
      ),
      items,
    };
  }
  if (reader.takes('{')) {
    const members: string[] = [];
    if (!reader.takes('}')) {
      do {
        const name = quoted(reader.string());
        reader.expect(':');
        members.push(`${name}:${whole(reader).text}`);
      } while (reader.takes(','));
      reader.expect('}');
    }
    return { kind: 'object', text: inBrackets('{}', members, false, 0) };
  }
  const word = reader.word();
  if (word === null) return { kind: 'null', text: 'null' };
  if (word !== undefined) return { kind: 'scalar', text: String(word), scalar: String(word) };
  const number = reader.number();
  return { kind: 'scalar', text: number, scalar: number };
}
