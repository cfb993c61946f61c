/** Puts values in the place of `{names}`. Outputs of steps, `{run}` and `{key}` stay for the workflow, with steps under their full ids. */
import { join, type Details, type Problems } from './problems.ts';
import { findStep, isFailure, LATE_NAMES, type Failure, type Scope, type StepEntry, type Where } from './scope.ts';
import { suggestion } from './suggest.ts';
import { LATE_LOOKALIKE, parseTemplate, unfinishedReference, type Token } from './template.ts';
import { broken, scalar, show, type Node, type Place, type Reference, type ScalarNode } from './tree.ts';

const OUTPUT = /^steps\.(.+)\.outputs\.([A-Za-z_][A-Za-z0-9_-]*)$/;
/** SQL in the pipeline: its braces are aliases of tables, and values reach it as query parameters. */
const SQL_PATH = /(?:^|\.)sql$|customMetrics\[\d+\]$/;
const MAX_TEXT = 1_000_000;

export class Resolver {
  readonly #problems: Problems;
  readonly #inProgress = new Set<unknown>();

  constructor(problems: Problems) {
    this.#problems = problems;
  }

  resolve(node: Node, scope: Scope, path: string): Node {
    if (node.kind === 'map')
      return {
        ...node,
        entries: new Map(
          [...node.entries].map(([key, { key: at, value }]) => [
            key,
            { key: at, value: key === 'inline' && SQL_PATH.test(path) ? value : this.resolve(value, scope, join(path, key)) },
          ]),
        ),
      };
    if (node.kind === 'list') return { ...node, items: node.items.flatMap((item, i) => this.#item(item, scope, join(path, i))) };
    return typeof node.value === 'string' && !node.broken ? this.#text(node, node.value, scope, path) : node;
  }

  /** The value of a name such as `params.trials` or `steps.dataset.outputs.table`; null: it has none, and that is told. */
  value(name: string, scope: Scope, where: Where): Node | null {
    const full = this.#withInner(name, scope, where);
    if (full === null) return null;
    if (full.startsWith('steps.')) return this.#output(full, scope, where);
    const constant = scope.constants.get(full);
    if (constant === undefined) {
      this.#unknown(full, scope, where);
      return null;
    }
    if (typeof constant !== 'function') return constant;
    return this.#once(constant, where, constant);
  }

  /** In a list, a text that is exactly a reference to all instances of a step is all their values. */
  #item(item: Node, scope: Scope, path: string): readonly Node[] {
    const resolved = this.resolve(item, scope, path);
    const isGroup = item.kind === 'scalar' && resolved.kind === 'map';
    return isGroup ? [...resolved.entries.values()].map((entry) => entry.value) : [resolved];
  }

  #text(node: ScalarNode, text: string, scope: Scope, path: string): Node {
    const tokens = parseTemplate(text);
    const place = (offset: number): Place => placeIn(node, offset);
    const [only] = tokens;
    if (only?.kind === 'reference' && tokens.length === 1) {
      const value = this.value(only.name, scope, { at: place(only.offset), path });
      if (value === null) return broken(node.at);
      // A path in a value is relative to the file that the value is written in.
      return { ...value, at: { ...node.at, folder: value.at.folder } };
    }
    const parts = tokens.map((token) => this.#part(token, node, scope, path));
    if (parts.includes(null)) return { ...scalar(text, node.at), broken: true };
    const whole = parts.map((part) => part?.text ?? '').join('');
    if (whole.length > MAX_TEXT) {
      this.#problems.add(node.at, path, 'the text is too long', { expected: `at most ${MAX_TEXT} characters`, found: `${whole.length}` });
      return broken(node.at);
    }
    const references = parts.flatMap((part) => part?.references ?? []);
    return { ...node, value: whole, ...(references.length > 0 ? { references } : {}) };
  }

  #part(token: Token, node: ScalarNode, scope: Scope, path: string): { text: string; references: readonly Reference[] } | null {
    const where: Where = { at: placeIn(node, token.offset), path };
    if (token.kind === 'text') {
      const unfinished = unfinishedReference(token);
      if (unfinished !== null)
        return this.#tell({ at: placeIn(node, unfinished), path }, 'this reference is not closed', {
          hint: '{params.name}, {steps.name.outputs.name}; {{…}} for braces as such',
        });
      const lookalike = LATE_LOOKALIKE.exec(token.text);
      if (lookalike) return this.#tell(where, `${lookalike[0]} cannot be written literally: the run would bind it`);
      return { text: token.text, references: [] };
    }
    if (LATE_NAMES.has(token.name)) return { text: `{${token.name}}`, references: [] };
    const value = this.value(token.name, scope, where);
    if (value === null) return null;
    if (value.kind !== 'scalar') {
      const what = token.name.startsWith('steps.') ? 'all instances of a step' : `a ${value.kind}`;
      return this.#tell(where, `{${token.name}} is ${what} and cannot stand inside of a text`, { found: show(node.value) });
    }
    if (value.broken) return null;
    return { text: String(value.value), references: value.references ?? [] };
  }

  #withInner(name: string, scope: Scope, where: Where): string | null {
    if (!name.includes('{')) return name;
    const parts = parseTemplate(name).map((token) => {
      if (token.kind === 'text') return token.text;
      const value = this.value(token.name, scope, where);
      if (value === null) return null;
      if (value.kind === 'scalar' && !value.references && value.value !== null) return instancePart(value.value);
      this.#tell(where, `{${token.name}} cannot be part of a name`, { expected: 'a text or number known when compiling' });
      return null;
    });
    return parts.includes(null) ? null : parts.join('');
  }

  #output(full: string, scope: Scope, where: Where): Node | null {
    const [, step, output] = OUTPUT.exec(full) ?? [];
    if (step === undefined || output === undefined)
      return this.#tell(where, `{${full}} names no output`, { expected: '{steps.STEP.outputs.NAME}' });
    const entry = findStep(scope, step);
    if (isFailure(entry)) return this.#fail(entry, where);
    return this.outputOf(entry, output, where);
  }

  outputOf(entry: StepEntry, output: string, where: Where): Node | null {
    if (entry.kind === 'leaf') {
      const whole = { step: entry.id, output };
      return { ...scalar(`{steps.${entry.id}.outputs.${output}}`, where.at), references: [whole], whole };
    }
    if (entry.kind === 'group') {
      const values = [...entry.instances].map(([name, instance]) => [name, this.outputOf(instance, output, where)] as const);
      if (values.some(([, value]) => value === null)) return null;
      return {
        kind: 'map',
        at: where.at,
        entries: new Map(values.map(([name, value]) => [name, { key: where.at, value: value ?? broken(where.at) }])),
      };
    }
    const { inside } = entry;
    // Its file could not be read, which is told; or its structure is just being made.
    if (!inside) return this.#problems.any ? null : this.#tell(where, `the outputs of ${entry.id} are known only in the run`);
    const declared = inside.outputs.get(output);
    if (declared) return this.#once(() => this.resolve(declared.node, inside.scope, declared.path), where, declared);
    if (inside.single) return this.outputOf(inside.single, output, where);
    return this.#fail(
      { message: `the component ${entry.id} has no output "${output}"`, known: [...inside.outputs.keys()], name: output },
      where,
    );
  }

  #once(make: () => Node, where: Where, key: unknown): Node | null {
    if (this.#inProgress.has(key)) return this.#tell(where, 'this value depends on itself');
    this.#inProgress.add(key);
    try {
      return make();
    } finally {
      this.#inProgress.delete(key);
    }
  }

  #unknown(name: string, scope: Scope, where: Where): void {
    const known = [...scope.constants.keys(), ...LATE_NAMES, ...[...scope.steps.keys()].map((step) => `steps.${step}.outputs.…`)];
    const bare = scope.constants.has(`params.${name}`) ? `params.${name}` : scope.constants.has(`inputs.${name}`) ? `inputs.${name}` : null;
    const help: Details = bare
      ? { hint: `did you mean {${bare}}?` }
      : name.startsWith('params.') && scope.inComponent
        ? { hint: 'a component sees its inputs only: {inputs.name}' }
        : suggestion(name, known);
    this.#tell(where, `{${name}} is not known here`, {
      ...help,
      ...(help.hint ? {} : { hint: `write {{${name}}} for the braces as such` }),
    });
  }

  #fail({ message, known, name, hint }: Failure, where: Where): null {
    return this.#tell(where, message, { ...(known && name !== undefined ? suggestion(name, known) : {}), ...(hint ? { hint } : {}) });
  }

  #tell(where: Where, message: string, details: Details = {}): null {
    this.#problems.add(where.at, where.path, message, details);
    return null;
  }
}

/** The place of a character of a text. */
export function placeIn(node: ScalarNode, offset: number): Place {
  if (node.indent === undefined || node.at.column === undefined) return node.at;
  return { ...node.at, column: node.at.column + node.indent + offset };
}

/** A value as a part of step ids: `dataset.train`, `train.0-1`. */
export const instancePart = (value: string | number | boolean): string =>
  String(value)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '');
