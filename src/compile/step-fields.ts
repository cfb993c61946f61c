/** The fields of one step, resolved; and which of them hold tables and URIs. */
import type { OutputType } from '../contract/values.ts';
import { TYPE_WORDS, isTableName, isUri } from './declarations.ts';
import type { LeafStep } from './expand.ts';
import { join, type Problems } from './problems.ts';
import type { Resolver } from './resolve.ts';
import { constantsOf, extend, type Scope } from './scope.ts';
import { show, type MapNode, type Node, type Reference, type ScalarNode } from './tree.ts';

/** These have a language of their own, or are handled apart. */
const APART = ['when', 'after', 'kind'];

export function resolveFields(leaf: LeafStep, resolver: Resolver): MapNode {
  const entries = [...leaf.fields.entries].map(([name, { key, value }]) => {
    if (APART.includes(name)) return [name, { key, value }] as const;
    const scope = leaf.kind === 'query' && name === 'destination' ? withIdentifiers(leaf.scope) : leaf.scope;
    return [name, { key, value: resolver.resolve(value, scope, join(leaf.path, name)) }] as const;
  });
  return { ...leaf.fields, entries: new Map(entries) };
}

/** In the name of a table a step is `dataset_train`. */
function withIdentifiers(scope: Scope): Scope {
  const identifiers = ['step', 'pipeline'].flatMap((name) => {
    const value = scope.constants.get(name);
    return value && typeof value !== 'function' && value.kind === 'scalar'
      ? [[name, { ...value, value: identifier(String(value.value)) }] as const]
      : [];
  });
  return extend(scope, constantsOf(Object.fromEntries(identifiers)));
}

export const identifier = (text: string): string => text.replace(/[^A-Za-z0-9_]+/g, '_');

const TRAINING = [
  ['data.*', 'uri'],
  ['features', 'uri'],
  ['earlyEvaluation.table', 'table'],
  ['earlyEvaluation.features', 'uri'],
  ['earlyEvaluation.data', 'uri'],
] as const;

/** `*`: every entry or item. */
const TYPED: Readonly<Record<LeafStep['kind'], readonly (readonly [string, OutputType])[]>> = {
  query: [
    ['tables.*', 'table'],
    ['sources.*', 'uri'],
  ],
  export: [['table', 'table']],
  search: TRAINING,
  train: TRAINING,
  evaluate: [
    ['table', 'table'],
    ['features', 'uri'],
    ['data', 'uri'],
    ['model', 'uri'],
    ['scores', 'table'],
    ['scores.*', 'table'],
    ['compareWith.*', 'uri'],
  ],
  check: [
    ['table', 'table'],
    ['rules.*.with', 'table'],
  ],
  container: [],
  script: [],
  approval: [],
};

const WORD = /^[A-Za-z0-9_-]+$/;
const WILDCARD = /^[A-Za-z0-9_.-]*\*$/;

/** The fields with the profile's data set before tables that name none. */
export function withDatasets(kind: LeafStep['kind'], fields: MapNode, dataset: string): MapNode {
  const patterns = TYPED[kind].filter(([, type]) => type === 'table').map(([pattern]) => pattern.split('.'));
  return patterns.reduce((done, pattern) => inMap(done, pattern, dataset), fields);
}

function inMap(node: MapNode, [step, ...rest]: readonly string[], dataset: string): MapNode {
  const entries = [...node.entries].map(([key, entry]) => {
    const value = step === '*' || step === key ? withDataset(entry.value, rest, dataset) : entry.value;
    return [key, { ...entry, value }] as const;
  });
  return { ...node, entries: new Map(entries) };
}

function withDataset(node: Node, steps: readonly string[], dataset: string): Node {
  if (steps.length === 0) {
    const isWord = node.kind === 'scalar' && !node.references && typeof node.value === 'string' && WORD.test(node.value);
    return isWord ? { ...node, value: `${dataset}.${node.value}` } : node;
  }
  if (node.kind === 'map') return inMap(node, steps, dataset);
  const [step, ...rest] = steps;
  return node.kind === 'list' && step === '*' ? { ...node, items: node.items.map((item) => withDataset(item, rest, dataset)) } : node;
}

/** Tells the fields that hold no table or URI where one is wanted, or a URI that the run's store cannot read. */
export function checkTypedFields(
  kind: LeafStep['kind'],
  fields: MapNode,
  path: string,
  storage: string,
  typeOf: (reference: Reference) => OutputType | null,
  problems: Problems,
): void {
  for (const [pattern, type] of TYPED[kind])
    for (const [node, at] of matching(fields, pattern.split('.'), path)) {
      if (node.kind !== 'scalar' || node.broken || typeof node.value !== 'string') continue;
      if (node.whole) checkOutput(node, node.whole, type, at, typeOf, problems);
      else if (
        !node.references &&
        !node.value.includes('{') &&
        !(pattern === 'compareWith.*' && node.value === 'champion') &&
        !fits(node.value, type)
      )
        problems.add(node.at, at, `not a ${type === 'uri' ? 'URI' : type}`, {
          expected: TYPE_WORDS[type],
          found: show(node.value),
          ...(type === 'table' && WILDCARD.test(node.value)
            ? {
                hint: 'a wildcard is no table: name each under `tables` and join them with UNION ALL, or make a view of them and name that',
              }
            : {}),
        });
      else if (type === 'uri' && isUri(node.value) && !isBelow(storage, node.value))
        problems.add(node.at, at, 'this URI is not below the storage of the profile', {
          expected: `{storage}/…, which is ${storage}/…`,
          found: show(node.value),
        });
    }
}

/** Stands for the storage of a profile that is wrong, so that the mistakes of the pipeline are told as well. */
export const UNKNOWN_STORAGE = 'file:///unknown';

/** Stores refuse what is not below their root. */
export const isBelow = (storage: string, uri: string): boolean =>
  storage === UNKNOWN_STORAGE || (uri.startsWith(`${storage}/`) && !uri.split('/').some((part) => part === '..' || part === '.'));

const fits = (value: string, type: OutputType): boolean => (type === 'uri' ? isUri(value) : isTableName(value));

function checkOutput(
  node: ScalarNode,
  reference: Reference,
  type: OutputType,
  path: string,
  typeOf: (reference: Reference) => OutputType | null,
  problems: Problems,
): void {
  const found = typeOf(reference);
  if (found === null || found === type || found === 'string' || found === 'json') return;
  problems.add(node.at, path, 'this output has the wrong type', {
    expected: TYPE_WORDS[type],
    found: `${show(node.value)}, which is ${TYPE_WORDS[found]}`,
  });
}

function matching(node: Node, [step, ...rest]: readonly string[], path: string): (readonly [Node, string])[] {
  if (step === undefined) return [[node, path]];
  if (node.kind === 'list') return step === '*' ? node.items.flatMap((item, i) => matching(item, rest, join(path, i))) : [];
  if (node.kind !== 'map') return [];
  const entries = step === '*' ? [...node.entries] : [...node.entries].filter(([key]) => key === step);
  return entries.flatMap(([key, { value }]) => matching(value, rest, join(path, key)));
}

/** All references with their places. */
export function referencesWithPlaces(node: Node, path: string): { reference: Reference; at: Node['at']; path: string }[] {
  if (node.kind === 'scalar') return (node.references ?? []).map((reference) => ({ reference, at: node.at, path }));
  if (node.kind === 'list') return node.items.flatMap((item, i) => referencesWithPlaces(item, join(path, i)));
  return [...node.entries].flatMap(([key, { value }]) => referencesWithPlaces(value, join(path, key)));
}
