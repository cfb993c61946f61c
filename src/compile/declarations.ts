/** Params of a pipeline and inputs of a component: names with types, defaults and choices. */
import { Declaration } from '../contract/pipeline.ts';
import { Uri, type OutputType } from '../contract/values.ts';
import { join, type Problems } from './problems.ts';
import { applySchema } from './schema-problems.ts';
import { suggestion } from './suggest.ts';
import { broken, child, show, toPlain, type MapNode, type Node, type Place, type Reference } from './tree.ts';

export interface Declared {
  readonly name: string;
  readonly at: Place;
  readonly path: string;
  readonly type: OutputType | null;
  readonly default: Node | null;
  readonly choices: readonly unknown[] | null;
}

const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

export function readDeclarations(node: Node | undefined, path: string, problems: Problems): Declared[] {
  if (node?.kind !== 'map') {
    if (node && !(node.kind === 'scalar' && node.broken))
      problems.add(node.at, path, 'wrong type', { expected: 'a map: name, then default or { type, default, … }' });
    return [];
  }
  return [...node.entries].flatMap(([name, { key, value }]) => {
    const at = join(path, name);
    if (!VARIABLE.test(name))
      problems.add(key, at, 'not a valid name', { expected: 'letters, digits and _, not beginning with a digit', found: name });
    return readDeclaration(name, value, key, at, problems);
  });
}

function readDeclaration(name: string, node: Node, at: Place, path: string, problems: Problems): Declared[] {
  // A plain value declares itself: its type and its default.
  if (node.kind !== 'map') return [{ name, at, path, type: typeOf(node), default: node, choices: null }];
  const parsed = applySchema(Declaration, node, path, problems);
  if (!parsed) return [{ name, at, path, type: null, default: broken(at), choices: null }];
  const given = child(node, 'default') ?? null;
  return [{ name, at, path, type: parsed.type ?? (given && typeOf(given)), default: given, choices: parsed.choices ?? null }];
}

/** A reference whose output must be of a type; it is looked at when all steps are known. */
export interface Expectation {
  readonly reference: Reference;
  readonly type: OutputType;
  readonly at: Place;
  readonly path: string;
}

export interface Value {
  readonly node: Node;
  readonly path: string;
}

/** The value of a declaration, checked. */
export function valueOf(
  declared: Declared,
  given: Value | undefined,
  problems: Problems,
  expect: (expectation: Expectation) => void,
): Node {
  const { node, path } = given ?? { node: declared.default, path: join(declared.path, 'default') };
  if (!node) {
    problems.add(declared.at, declared.path, `"${declared.name}" has no value`, {
      ...(declared.type ? { expected: TYPE_WORDS[declared.type] } : {}),
      hint: declared.path.startsWith('params')
        ? `give it a default, or --set params.${declared.name}=…`
        : 'give it under `with`, or a default in the component',
    });
    return broken(declared.at);
  }
  if (node.kind === 'scalar' && node.broken) return node;
  if (declared.type && !conforms(node, declared.type)) {
    problems.add(node.at, path, `"${declared.name}" has the wrong type`, {
      expected: TYPE_WORDS[declared.type],
      found: show(toPlain(node)),
    });
    return broken(node.at);
  }
  if (declared.type && node.kind === 'scalar' && node.whole) expect({ reference: node.whole, type: declared.type, at: node.at, path });
  if (declared.choices && !declared.choices.includes(toPlain(node))) {
    const value = toPlain(node);
    const texts = declared.choices.map(String);
    problems.add(node.at, path, 'not one of the choices', {
      expected: texts.join(', '),
      found: show(value),
      ...(typeof value === 'string' ? { hint: suggestion(value, texts).hint } : {}),
    });
    return broken(node.at);
  }
  return node.kind === 'scalar' && declared.type ? { ...node, type: declared.type } : node;
}

export const TYPE_WORDS: Readonly<Record<OutputType, string>> = {
  string: 'a text',
  int: 'a whole number',
  float: 'a number',
  bool: 'true or false',
  uri: 'a URI: gs://bucket/path or file:///path',
  table: 'a table: dataset.table or project.dataset.table',
  json: 'any value',
};

const TABLE = /^(?:[A-Za-z0-9_-]+\.){1,2}[A-Za-z0-9_-]+$/;

export const isTableName = (text: string): boolean => TABLE.test(text);
export const isUri = (text: string): boolean => Uri.safeParse(text).success;

function conforms(node: Node, type: OutputType): boolean {
  if (type === 'json') return true;
  if (node.kind !== 'scalar') return false;
  const { value } = node;
  // Not known yet; a text around it is a text.
  if (node.whole) return true;
  if (node.references) return type === 'string' || type === 'uri' || type === 'table';
  switch (type) {
    case 'string':
      return typeof value === 'string';
    case 'int':
      return typeof value === 'number' && Number.isInteger(value);
    case 'float':
      return typeof value === 'number';
    case 'bool':
      return typeof value === 'boolean';
    case 'uri':
      return typeof value === 'string' && (isUri(value) || value.includes('{'));
    case 'table':
      return typeof value === 'string' && (isTableName(value) || value.includes('{'));
  }
}

function typeOf(node: Node): OutputType {
  if (node.kind !== 'scalar') return 'json';
  if (node.type) return node.type;
  if (typeof node.value === 'string') return 'string';
  if (typeof node.value === 'boolean') return 'bool';
  return typeof node.value === 'number' ? (Number.isInteger(node.value) ? 'int' : 'float') : 'json';
}

/** Values for names that nobody declared. */
export function refuseUnknown(given: MapNode, declared: readonly Declared[], path: string, problems: Problems): void {
  const known = declared.map(({ name }) => name);
  for (const [name, { key }] of given.entries)
    if (!known.includes(name))
      problems.add(key, join(path, name), `there is no input "${name}"`, { found: name, ...suggestion(name, known) });
}
