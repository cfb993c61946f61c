/** `forEach`: one step as it is written, many as they run. */
import { join, type Problems } from './problems.ts';
import { instancePart } from './resolve.ts';
import { show, toPlain, type Entry, type Node, type ScalarNode } from './tree.ts';

export const MAX_STEPS = 1000;

interface Instance {
  /** What follows the step's name in the id: `train` of `dataset.train`. */
  readonly suffix: string;
  readonly variables: readonly (readonly [string, Node])[];
}

/**
 * Of a map of lists, every combination, named by all values; of a list of maps, one each, named by the first variable.
 * null: it is not right, and that is told.
 */
export function instancesOf(node: Node, path: string, problems: Problems): Instance[] | null {
  const combinations =
    node.kind === 'map' ? combine(node.entries, path, problems) : node.kind === 'list' ? listed(node.items, path, problems) : null;
  if (!combinations) {
    if (node.kind === 'scalar' && !node.broken)
      problems.add(node.at, path, 'wrong type', {
        expected: '{ variable: [value, …] } or a list of { variable: value }',
        found: show(node.value),
      });
    return null;
  }
  const instances = combinations.map(({ named, variables }) => ({ suffix: named.map(suffixOf).filter(Boolean).join('-'), variables }));
  const seen = new Map<string, Instance>();
  for (const instance of instances) {
    const other = seen.get(instance.suffix);
    if (other || instance.suffix === '')
      problems.add(node.at, path, other ? 'two instances have the same name' : 'this value gives no name', {
        expected: 'values that differ in their letters and digits',
        found: show(Object.fromEntries(instance.variables.map(([name, value]) => [name, toPlain(value)]))),
      });
    seen.set(instance.suffix, instance);
  }
  return [...seen.values()];
}

interface Combination {
  readonly named: readonly Node[];
  readonly variables: readonly (readonly [string, Node])[];
}

function combine(entries: ReadonlyMap<string, Entry>, path: string, problems: Problems): Combination[] | null {
  let combinations: (readonly (readonly [string, Node])[])[] = [[]];
  for (const [name, { value, key }] of entries) {
    const at = join(path, name);
    checkVariable(name, key, at, problems);
    if (value.kind !== 'list' || value.items.length === 0) {
      if (value.kind !== 'scalar' || !value.broken)
        problems.add(value.at, at, 'wrong type', { expected: 'a list of values, one at least', found: show(toPlain(value)) });
      return null;
    }
    if (combinations.length * value.items.length > MAX_STEPS) {
      problems.add(value.at, at, 'too many instances', {
        expected: `at most ${MAX_STEPS}`,
        found: `${combinations.length * value.items.length}`,
      });
      return null;
    }
    if (!value.items.every((item, i) => isPlain(item, join(at, i), problems))) return null;
    combinations = combinations.flatMap((variables) => value.items.map((item) => [...variables, [name, item] as const]));
  }
  if (entries.size === 0) return null;
  return combinations.map((variables) => ({ named: variables.map(([, value]) => value), variables }));
}

function listed(items: readonly Node[], path: string, problems: Problems): Combination[] | null {
  if (items.length > MAX_STEPS) return null;
  const combinations = items.map((item, i) => {
    const at = join(path, i);
    const variables = item.kind === 'map' ? [...item.entries].map(([name, { value }]) => [name, value] as const) : [];
    const [first] = variables;
    if (item.kind !== 'map' || !first) {
      problems.add(item.at, at, 'wrong type', { expected: 'a map: variable, then value', found: show(toPlain(item)) });
      return null;
    }
    for (const [name, { key }] of item.entries) checkVariable(name, key, join(at, name), problems);
    return isPlain(first[1], join(at, first[0]), problems) ? { named: [first[1]], variables } : null;
  });
  const good = combinations.filter((each) => each !== null);
  return good.length === combinations.length ? good : null;
}

const RESERVED = new Set(['pipeline', 'run', 'step', 'storage', 'key', 'params', 'inputs', 'steps']);

function checkVariable(name: string, at: Node['at'], path: string, problems: Problems): void {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
    problems.add(at, path, 'not a valid name', { expected: 'letters, digits and _, not beginning with a digit', found: name });
  if (RESERVED.has(name)) problems.add(at, path, 'this name has a meaning already', { found: name });
}

/** A value that can be part of an id. */
function isPlain(node: Node, path: string, problems: Problems): node is ScalarNode {
  if (node.kind === 'scalar' && node.broken) return false;
  if (node.kind === 'scalar' && node.value !== null && !node.references && !(typeof node.value === 'string' && node.value.includes('{')))
    return true;
  problems.add(node.at, path, 'this value cannot tell instances apart', {
    expected: 'a text, number or switch that is known when compiling',
    found: show(toPlain(node)),
  });
  return false;
}

const suffixOf = (node: Node): string => (node.kind === 'scalar' && node.value !== null ? instancePart(node.value) : '');
