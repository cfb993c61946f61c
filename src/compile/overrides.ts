/** `--set path=value`: changes a value of the file before anything is resolved. */
import { join, type Problems } from './problems.ts';
import type { Value } from './declarations.ts';
import { readYaml } from './read-yaml.ts';
import { suggestion } from './suggest.ts';
import { child, emptyMap, scalar, withEntry, type MapNode, type Node, type Place } from './tree.ts';

interface Overridden {
  readonly pipeline: MapNode;
  /** Values of params by name. */
  readonly params: ReadonlyMap<string, Value>;
}

const FORM = /^\s*([A-Za-z_$][^=\s]*)\s*=([\s\S]*)$/;

/** @param folder what a path in a value is relative to: the pipeline's */
export function applyOverrides(pipeline: MapNode, set: readonly string[], folder: string, problems: Problems): Overridden {
  const params = new Map<string, Value>();
  let changed = pipeline;
  for (const assignment of set) {
    const at: Place = { file: `--set ${assignment}`, folder };
    const [, path, text = ''] = FORM.exec(assignment) ?? [];
    if (path === undefined) {
      problems.add(at, '', 'not an assignment', { expected: 'path=value, e.g. params.trials=8 or steps.search.parallel=2' });
      continue;
    }
    const keys = path.split('.');
    const [section, name, ...deeper] = keys;
    if (section === 'params' && name !== undefined && deeper.length === 0) {
      const declared = child(pipeline, 'params');
      const known = declared?.kind === 'map' ? [...declared.entries.keys()] : [];
      if (!known.includes(name)) problems.add(at, path, `there is no param "${name}"`, suggestion(name, known));
      else params.set(name, { node: parse(text, at, isText(child(declared, name)), problems), path });
    } else if (
      keys.length < 2 ||
      keys.includes('') ||
      keys.includes('__proto__') ||
      ['name', 'version', 'extends'].includes(section ?? '')
    ) {
      problems.add(at, path, 'this cannot be set', { expected: 'params.NAME, steps.STEP.FIELD, onExit.STEP.FIELD or budget.FIELD' });
    } else changed = setAt(changed, keys, parse(text, at, false, problems), at, '', problems);
  }
  return { pipeline: changed, params };
}

function setAt(node: MapNode, [key = '', ...rest]: readonly string[], value: Node, at: Place, path: string, problems: Problems): MapNode {
  const here = join(path, key);
  if (rest.length === 0) return withEntry(node, key, { key: at, value });
  const inner = child(node, key);
  if (inner?.kind === 'map')
    return withEntry(node, key, { key: node.entries.get(key)?.key ?? at, value: setAt(inner, rest, value, at, here, problems) });
  if (inner?.kind === 'list') {
    problems.add(at, here, 'an item of a list cannot be set', { hint: `set the whole list: ${here}=[…]` });
    return node;
  }
  const isStep = path === 'steps' || path === 'onExit';
  if (!inner && (path === '' ? key !== 'budget' : isStep)) {
    problems.add(at, here, isStep ? `there is no step "${key}"` : `there is no "${key}"`, suggestion(key, [...node.entries.keys()]));
    return node;
  }
  // A section that the file left out, e.g. steps.search.budget; the schema will say if there is no such field.
  return withEntry(node, key, { key: at, value: setAt(emptyMap(at), rest, value, at, here, problems) });
}

/** JSON where it parses as such, a text otherwise: no quotes are needed for the common case. */
function parse(text: string, at: Place, asText: boolean, problems: Problems): Node {
  if (asText) return scalar(text, at);
  try {
    JSON.parse(text);
  } catch {
    return scalar(text, at);
  }
  const node = readYaml({ path: at.file, name: at.file, text, at }, problems);
  return node ? placed(node, at) : scalar(text, at);
}

/** An argument has no lines. */
function placed(node: Node, at: Place): Node {
  if (node.kind === 'scalar') return { ...node, at, indent: undefined };
  if (node.kind === 'list') return { ...node, at, items: node.items.map((item) => placed(item, at)) };
  return { ...node, at, entries: new Map([...node.entries].map(([key, { value }]) => [key, { key: at, value: placed(value, at) }])) };
}

/** Declared as a text: `--set params.version=1.0` is then no number. */
function isText(declared: Node | undefined): boolean {
  if (declared?.kind === 'scalar') return typeof declared.value === 'string';
  const type = child(declared, 'type');
  const fallback = child(declared, 'default');
  if (type?.kind === 'scalar') return type.value === 'string' || type.value === 'uri' || type.value === 'table';
  return fallback?.kind === 'scalar' && typeof fallback.value === 'string';
}
