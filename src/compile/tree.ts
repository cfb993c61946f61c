/** What was written, with the place of every value: a file stays explainable through merging, overriding, expanding and resolving. */
import type { Json, OutputType, Scalar } from '../contract/values.ts';

export interface Place {
  /** As shown to people: relative to the working directory, or `--set`. */
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
  /** Absolute: what a path written here is relative to. */
  readonly folder: string;
}

/** An output that is known only when the run has made it. */
export interface Reference {
  readonly step: string;
  readonly output: string;
}

export interface ScalarNode {
  readonly kind: 'scalar';
  readonly at: Place;
  readonly value: Scalar;
  /** Columns from `at` to the first character of the text, where the text is written on one line. */
  readonly indent?: number;
  /** A number written with a point or an exponent, or a value whose type was declared. */
  readonly type?: OutputType;
  /** Outputs in the text. */
  readonly references?: readonly Reference[];
  /** The text is exactly this output: it takes the output's type. */
  readonly whole?: Reference;
  /** A mistake in it was told already; nothing more is to be said about it. */
  readonly broken?: boolean;
}

interface ListNode {
  readonly kind: 'list';
  readonly at: Place;
  readonly items: readonly Node[];
}

export interface MapNode {
  readonly kind: 'map';
  readonly at: Place;
  /** A Map and no object: keys are whatever a user wrote, `__proto__` and `constructor` included. */
  readonly entries: ReadonlyMap<string, Entry>;
}

export interface Entry {
  readonly key: Place;
  readonly value: Node;
}

export type Node = ScalarNode | ListNode | MapNode;

export const scalar = (value: Scalar, at: Place): ScalarNode => ({ kind: 'scalar', value, at });
export const broken = (at: Place): ScalarNode => ({ kind: 'scalar', value: null, at, broken: true });
export const emptyMap = (at: Place): MapNode => ({ kind: 'map', at, entries: new Map() });

export const child = (node: Node | undefined, key: string): Node | undefined =>
  node?.kind === 'map' ? node.entries.get(key)?.value : undefined;

/** Without the keys that are named. */
export const without = (node: MapNode, keys: readonly string[]): MapNode => ({
  ...node,
  entries: new Map([...node.entries].filter(([key]) => !keys.includes(key))),
});

export const withEntry = (node: MapNode, key: string, entry: Entry): MapNode => ({
  ...node,
  entries: new Map([...node.entries, [key, entry]]),
});

export function toPlain(node: Node): Json {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'list') return node.items.map(toPlain);
  return Object.fromEntries([...node.entries].map(([key, { value }]) => [key, toPlain(value)]));
}

/** All at one place: for values that have no place of their own, e.g. those of a TypeScript file. */
export function fromPlain(value: Json, at: Place): Node {
  if (Array.isArray(value)) return { kind: 'list', at, items: value.map((item) => fromPlain(item, at)) };
  if (typeof value === 'object' && value !== null)
    return {
      kind: 'map',
      at,
      entries: new Map(Object.entries(value).map(([key, inner]) => [key, { key: at, value: fromPlain(inner, at) }])),
    };
  return scalar(value, at);
}

/** The node at a path, or the nearest one above it; `key` is the place of its key. */
export function nearest(node: Node, path: readonly PropertyKey[]): { node: Node; key: Place; found: boolean } {
  let at: { node: Node; key: Place } = { node, key: node.at };
  for (const step of path) {
    const entry = at.node.kind === 'map' ? at.node.entries.get(String(step)) : undefined;
    const item = at.node.kind === 'list' ? at.node.items[Number(step)] : undefined;
    if (entry) at = { node: entry.value, key: entry.key };
    else if (item) at = { node: item, key: item.at };
    else return { ...at, found: false };
  }
  return { ...at, found: true };
}

/** A value for a message: short, on one line. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}
