/** Applies a zod schema to nodes, and tells each mistake with its place, what was expected and what was found. */
import { z } from 'zod';
import { join, type Details, type Problems } from './problems.ts';
import { nearestName } from './suggest.ts';
import { nearest, show, toPlain, type Node, type Place } from './tree.ts';

type Issue = z.core.$ZodIssue;

/** Fields that people look for where they are not. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  nodes: 'several machines are for trials: `resources.nodes` of a search or train step',
};

/** null: it does not fit, and the problems are told. @param at where something is missing that belongs directly into the node */
export function applySchema<S extends z.ZodType>(
  schema: S,
  node: Node,
  path: string,
  problems: Problems,
  at = node.at,
): z.output<S> | null {
  const value = toPlain(node);
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return result.data;
  const issues = result.error.issues.flatMap(simplest);
  const meant = new Set(issues.flatMap((issue) => fieldsMeant(issue, schema)));
  for (const issue of issues)
    if (!(isMissing(issue, node) && meant.has(placeOf(issue.path)))) tell(issue, schema, node, path, problems, at);
  return null;
}

/** Fields of which another spelling is there: that they are missing, too, is the same mistake. */
function fieldsMeant(issue: Issue, schema: z.ZodType): string[] {
  if (issue.code !== 'unrecognized_keys') return [];
  const known = knownKeys(schema, issue.path);
  return issue.keys.flatMap((name) => nearestName(name, known) ?? []).map((name) => placeOf([...issue.path, name]));
}

const placeOf = (path: readonly PropertyKey[]): string => JSON.stringify(path.map(String));

const isMissing = (issue: Issue, root: Node): boolean => issue.input === undefined && !nearest(root, issue.path).found;

function tell(issue: Issue, schema: z.ZodType, root: Node, base: string, problems: Problems, rootAt: Place): void {
  const { node, key, found } = nearest(root, issue.path);
  if (node.kind === 'scalar' && node.broken) return;
  const path = join(base, ...issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part)));
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(schema, issue.path);
    for (const name of issue.keys) {
      const at = node.kind === 'map' ? (node.entries.get(name)?.key ?? node.at) : node.at;
      const near = nearestName(name, known);
      problems.add(at, join(path, name), 'unknown field', {
        ...(near === undefined
          ? { expected: known.length > 0 ? `one of ${known.join(', ')}` : 'no such field' }
          : { hint: `did you mean ${near}?` }),
        ...(ELSEWHERE[name] === undefined ? {} : { hint: ELSEWHERE[name] }),
        found: name,
      });
    }
    return;
  }
  // What is missing has no place of its own: show the key of what it is missing from.
  const at = found && node.at.line !== undefined ? node.at : node === root ? rootAt : key;
  const name = issue.path.at(-1);
  if (isMissing(issue, root) && name !== undefined) {
    problems.add(at, path, `${typeof name === 'number' ? 'an item' : `"${String(name)}"`} is missing`, expectation(issue));
    return;
  }
  const late = typeof issue.input === 'string' && /\{(?:steps\.|run\}|key\})/.test(issue.input) && issue.code === 'invalid_type';
  problems.add(at, path, messageOf(issue), {
    ...expectation(issue),
    found: show(found ? toPlain(node) : issue.input),
    ...(late ? { hint: 'a value that only the run knows can stand in texts, inputs and query parameters only' } : {}),
  });
}

/** Of a union that fits nowhere, the issues of the alternative that came furthest. */
function simplest(issue: Issue): Issue[] {
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return [issue];
  const rebased = issue.errors.map((errors) =>
    errors.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] })).flatMap(simplest),
  );
  const misfits = (issues: readonly Issue[]): boolean =>
    issues.some((inner) => inner.path.length === issue.path.length && (inner.code === 'invalid_type' || inner.code === 'invalid_value'));
  const fitting = rebased.filter((issues) => !misfits(issues));
  if (fitting.length > 0) return fitting.reduce((best, issues) => (issues.length < best.length ? issues : best));
  const expected = [...new Set(rebased.flat().flatMap((inner) => expectation(inner).expected ?? []))];
  return [
    {
      code: 'custom',
      path: issue.path,
      input: issue.input,
      message: 'not what is expected here',
      params: { expected: expected.join(' or ') },
    },
  ];
}

function messageOf(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return 'wrong type';
    case 'invalid_value':
      return 'not one of the allowed values';
    case 'too_small':
      return issue.origin === 'number' || issue.origin === 'int' ? 'too small' : 'too short';
    case 'too_big':
      return issue.origin === 'number' || issue.origin === 'int' ? 'too large' : 'too long';
    case 'invalid_format':
      return 'not of the expected form';
    case 'invalid_key':
      return 'not a valid name';
    case 'invalid_union':
      return 'not one of the allowed values';
    default:
      return issue.message;
  }
}

function expectation(issue: Issue): Details {
  const expected = expectedOf(issue);
  return expected === undefined || expected === '' ? {} : { expected };
}

const TYPES: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map',
  record: 'a map',
  null: 'null',
};

function expectedOf(issue: Issue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return TYPES[issue.expected] ?? issue.expected;
    case 'invalid_value':
      return issue.values.map((value) => (typeof value === 'string' ? value : String(value))).join(', ');
    case 'too_small': {
      const size = issue.origin === 'array' ? ' items' : issue.origin === 'string' ? ' characters' : '';
      return `${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}${size}`;
    }
    case 'too_big': {
      const size = issue.origin === 'array' ? ' items' : issue.origin === 'string' ? ' characters' : '';
      return `${issue.inclusive === false ? 'less than' : 'at most'} ${issue.maximum}${size}`;
    }
    case 'invalid_format':
      // The schemas of the contract say in words what their patterns mean.
      return /^Invalid string/.test(issue.message) ? issue.pattern : issue.message;
    case 'invalid_key':
      return issue.issues.map((inner) => expectedOf(inner) ?? inner.message)[0];
    case 'invalid_union': {
      const { discriminator, options } = issue as { discriminator?: string; options?: readonly unknown[] };
      return discriminator !== undefined && options ? options.map(String).join(', ') : undefined;
    }
    case 'custom':
      return typeof issue.params?.expected === 'string' ? issue.params.expected : undefined;
    default:
      return undefined;
  }
}

/** Fields that the schema knows at a path. */
function knownKeys(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let level: z.core.$ZodType[] = unwrap(schema);
  for (const step of path) level = level.flatMap((each) => unwrap(stepInto(each, step)));
  return [...new Set(level.flatMap((each) => (each instanceof z.ZodObject ? Object.keys(each.shape) : [])))];
}

function stepInto(schema: z.core.$ZodType, step: PropertyKey): z.core.$ZodType | undefined {
  if (schema instanceof z.ZodObject)
    return Object.hasOwn(schema.shape, step) ? (schema.shape as Record<PropertyKey, z.core.$ZodType>)[step] : undefined;
  if (schema instanceof z.ZodRecord) return schema.valueType;
  return schema instanceof z.ZodArray ? schema.element : undefined;
}

function unwrap(schema: z.core.$ZodType | undefined): z.core.$ZodType[] {
  if (schema === undefined) return [];
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) return unwrap(schema.unwrap());
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) return unwrap(schema.unwrap());
  if (schema instanceof z.ZodUnion) return schema.options.flatMap((option) => unwrap(option));
  return [schema];
}
