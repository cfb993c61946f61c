/** Reads a pipeline, component, profile or feature table: YAML, JSON, or TypeScript that exports it. Follows `extends`. */
import { pathToFileURL } from 'node:url';
import type { Files, SourceFile } from './files.ts';
import { join, type Problems } from './problems.ts';
import { readYaml } from './read-yaml.ts';
import { broken, child, scalar, show, without, type Entry, type MapNode, type Node, type Place } from './tree.ts';

const MAX_EXTENDS = 16;

export interface Loader {
  readonly files: Files;
  readonly problems: Problems;
}

/** null: it cannot be read, and that is told. @param exported the name under which TypeScript exports it */
export async function loadFile(file: SourceFile, exported: string, { problems }: Loader): Promise<MapNode | null> {
  const node = /\.[cm]?[tj]s$/.test(file.path) ? await loadModule(file, exported, problems) : readYaml(file, problems);
  if (node === null) return null;
  if (node.kind === 'map') return node;
  if (node.kind !== 'scalar' || !node.broken)
    problems.add(node.at, '', 'not what is expected here', {
      expected: 'a map of fields',
      found: node.kind === 'scalar' ? show(node.value) : `a ${node.kind}`,
    });
  return null;
}

/** The file, merged into what it extends. */
export async function loadExtended(
  file: SourceFile,
  exported: string,
  loader: Loader,
  chain: readonly string[] = [],
): Promise<MapNode | null> {
  const node = await loadFile(file, exported, loader);
  const base = child(node ?? undefined, 'extends');
  if (!node || !base) return node;
  const { files, problems } = loader;
  if (base.kind !== 'scalar' || typeof base.value !== 'string') {
    problems.add(base.at, 'extends', 'wrong type', { expected: 'the path of a pipeline file' });
    return null;
  }
  const below = await files.read(base.value, base.at, 'extends');
  if (!below) return null;
  const seen = [...chain, file.path];
  if (seen.includes(below.path) || seen.length >= MAX_EXTENDS) {
    const round = [...seen.slice(Math.max(0, seen.indexOf(below.path))), below.path].map((path) => files.display(path));
    problems.add(base.at, 'extends', seen.includes(below.path) ? 'these files extend each other' : 'too many files extend each other', {
      found: round.join(' → '),
    });
    return null;
  }
  const merged = await loadExtended(below, exported, loader, seen);
  return merged && merge(without(merged, ['extends']), without(node, ['extends']));
}

/**
 * Maps are merged by key, null removes a key, anything else replaces. A map of another `kind` or `type` replaces too: the fields of the one
 * mean nothing in the other.
 */
function merge(base: MapNode, over: MapNode): MapNode {
  const entries = new Map<string, Entry>(base.entries);
  for (const [key, entry] of over.entries) {
    const before = base.entries.get(key)?.value;
    if (entry.value.kind === 'scalar' && entry.value.value === null && !entry.value.broken) entries.delete(key);
    else if (before?.kind === 'map' && entry.value.kind === 'map' && !isOtherKind(before, entry.value))
      entries.set(key, { key: entry.key, value: merge(before, entry.value) });
    else entries.set(key, { key: entry.key, value: entry.value.kind === 'map' ? withoutNulls(entry.value) : entry.value });
  }
  return { ...over, entries };
}

/** A removal of what is not there. */
const withoutNulls = (node: MapNode): MapNode => merge({ ...node, entries: new Map() }, node);

function isOtherKind(before: MapNode, after: MapNode): boolean {
  const text = (node: MapNode, key: string): unknown => {
    const value = child(node, key);
    return value?.kind === 'scalar' ? value.value : undefined;
  };
  if (child(after, 'uses') && !child(before, 'uses')) return true;
  return ['kind', 'type'].some((key) => text(after, key) !== undefined && text(after, key) !== text(before, key));
}

async function loadModule(file: SourceFile, exported: string, problems: Problems): Promise<Node | null> {
  let value: unknown;
  try {
    const module = (await import(pathToFileURL(file.path).href)) as Record<string, unknown>;
    value = module[exported];
  } catch (error) {
    problems.add(file.at, '', `the file cannot be loaded: ${error instanceof Error ? error.message : String(error)}`);
    return null;
  }
  if (value === undefined) {
    problems.add(file.at, '', `the file exports no "${exported}"`, {
      expected: `export const ${exported} = { … } satisfies ${exported === 'profile' ? 'Profile' : 'Pipeline'};`,
    });
    return null;
  }
  return new ModuleReader(file.at, problems).read(value, exported, 0);
}

const MAX_DEPTH = 60;

/** Of a program's value, what JSON could hold. */
class ModuleReader {
  readonly #at: Place;
  readonly #problems: Problems;

  constructor(at: Place, problems: Problems) {
    this.#at = at;
    this.#problems = problems;
  }

  read(value: unknown, path: string, depth: number): Node {
    const at = this.#at;
    if (value === null || typeof value === 'string' || typeof value === 'boolean') return scalar(value, at);
    if (typeof value === 'number' && Number.isFinite(value)) return scalar(value, at);
    if (depth > MAX_DEPTH) return this.#refuse(path, 'values that are nested too deeply, or hold themselves');
    if (Array.isArray(value))
      return { kind: 'list', at, items: value.map((item: unknown, i) => this.read(item, join(path, i), depth + 1)) };
    if (typeof value !== 'object') return this.#refuse(path, `a ${typeof value}`);
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) return this.#refuse(path, `a ${value.constructor.name}`);
    const fields = Object.entries(value).filter(([, field]) => field !== undefined);
    if (fields.some(([key]) => key === '__proto__')) return this.#refuse(path, '__proto__');
    return {
      kind: 'map',
      at,
      entries: new Map(fields.map(([key, field]) => [key, { key: at, value: this.read(field, join(path, key), depth + 1) }])),
    };
  }

  #refuse(path: string, found: string): Node {
    this.#problems.add(this.#at, path, 'only texts, numbers, switches, lists and plain objects can stand in a pipeline', { found });
    return broken(this.#at);
  }
}
