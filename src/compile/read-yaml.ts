/** YAML or JSON (which YAML contains) to nodes with places. */
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  Scalar,
  type Document,
  type ParsedNode,
  type YAMLParseError,
} from 'yaml';
import type { SourceFile } from './files.ts';
import { broken, scalar, type Entry, type Node, type Place } from './tree.ts';
import { show } from './tree.ts';
import type { Problems } from './problems.ts';
import { join } from './problems.ts';

/** Aliases can make a small file huge ("billion laughs"), or endless. */
const MAX_NODES = 200_000;
const MAX_DEPTH = 60;

/** null: it is no YAML at all, and the problems are told. */
export function readYaml(file: SourceFile, problems: Problems): Node | null {
  const lines = new LineCounter();
  const document = parseDocument(file.text, {
    lineCounter: lines,
    prettyErrors: false,
    version: '1.2',
    uniqueKeys: true,
    stringKeys: false,
  });
  const place = (offset: number | undefined): Place => {
    const { line, col } = lines.linePos(offset ?? 0);
    return { ...file.at, line, column: col };
  };
  // What follows a mistake of syntax is mostly what the parser made of it.
  const syntax = document.errors.find((error) => error.code !== 'DUPLICATE_KEY');
  for (const error of document.errors.filter((each) => each === syntax || each.code === 'DUPLICATE_KEY'))
    problems.add(place(error.pos[0]), '', messageOf(error), yamlHint(error.code));
  if (document.errors.length > 0) return null;
  if (document.contents === null) {
    problems.add({ ...file.at, line: 1, column: 1 }, '', 'the file is empty');
    return null;
  }
  return new Reader(document, place, problems).read(document.contents, '', 0);
}

class Reader {
  readonly #document: Document.Parsed;
  readonly #place: (offset: number | undefined) => Place;
  readonly #problems: Problems;
  #nodes = 0;

  constructor(document: Document.Parsed, place: (offset: number | undefined) => Place, problems: Problems) {
    this.#document = document;
    this.#place = place;
    this.#problems = problems;
  }

  read(node: ParsedNode | null, path: string, depth: number): Node {
    const at = this.#place(node?.range[0]);
    if (depth > MAX_DEPTH || ++this.#nodes > MAX_NODES) {
      this.#problems.add(at, '', depth > MAX_DEPTH ? 'values are nested too deeply' : 'the file has too many values', {
        expected: depth > MAX_DEPTH ? `at most ${MAX_DEPTH} levels` : `at most ${MAX_NODES}, aliases written out`,
      });
      return broken(at);
    }
    if (isAlias(node)) {
      const target = node.resolve(this.#document) as ParsedNode | undefined;
      if (target) return this.read(target, path, depth + 1);
      this.#problems.add(at, path, 'no such anchor', { found: `*${node.source}` });
      return broken(at);
    }
    if (isMap<ParsedNode, ParsedNode | null>(node)) {
      const entries = new Map<string, Entry>();
      for (const pair of node.items) {
        const key = this.#key(pair.key, path);
        if (key === null) continue;
        entries.set(key, { key: this.#place(pair.key.range[0]), value: this.read(pair.value, join(path, key), depth + 1) });
      }
      return { kind: 'map', at, entries };
    }
    if (isSeq<ParsedNode>(node)) return { kind: 'list', at, items: node.items.map((item, i) => this.read(item, join(path, i), depth + 1)) };
    return isScalar(node) ? this.#scalar(node, at, path) : scalar(null, at);
  }

  #key(node: ParsedNode, path: string): string | null {
    const value: unknown = isScalar(node) ? node.value : undefined;
    const name = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : null;
    const at = this.#place(node.range[0]);
    if (name === null) this.#problems.add(at, path, 'a key must be a text', { found: show(value ?? null) });
    else if (name === '__proto__') this.#problems.add(at, path, 'this key is not allowed', { found: name });
    else if (name === '<<')
      this.#problems.add(at, path, 'merge keys are not supported', { found: name, hint: 'use `extends`, or a component with `uses`' });
    else return name;
    return null;
  }

  #scalar(node: Scalar.Parsed, at: Place, path: string): Node {
    const { value, source } = node;
    if (typeof value === 'string') {
      const indent =
        node.type === Scalar.PLAIN ? 0 : node.type === Scalar.QUOTE_DOUBLE || node.type === Scalar.QUOTE_SINGLE ? 1 : undefined;
      return { ...scalar(value, at), ...(indent === undefined || source.includes('\n') ? {} : { indent }) };
    }
    if (typeof value === 'number') {
      if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value) && !/[.eE]/.test(source))) {
        this.#problems.add(at, path, 'this number cannot be kept exactly', { found: source, hint: 'write it as a text, in quotes' });
        return broken(at);
      }
      return { ...scalar(value, at), ...(/[.eE]/.test(source) && !/^0x/i.test(source) ? { type: 'float' as const } : {}) };
    }
    if (typeof value === 'boolean' || value === null) return scalar(value, at);
    this.#problems.add(at, path, 'expected a text, number, switch or null', { found: source });
    return broken(at);
  }
}

/** The library speaks to its programmers there. */
const messageOf = ({ code, message }: YAMLParseError): string =>
  code === 'MULTIPLE_DOCS' ? 'a file is one document, and a second one begins here' : sentence(message);

const sentence = (message: string): string => message.charAt(0).toLowerCase() + message.slice(1);

function yamlHint(code: string): { hint?: string } {
  if (code === 'BAD_INDENT' || code === 'TAB_AS_INDENT') return { hint: 'indent with spaces, the same number on one level' };
  if (code === 'MULTIPLE_DOCS') return { hint: 'put the second into a file of its own' };
  if (code === 'DUPLICATE_KEY') return { hint: 'each key may stand once' };
  if (code === 'UNEXPECTED_TOKEN') return { hint: 'a text that begins with { or contains ": " needs quotes' };
  return {};
}
