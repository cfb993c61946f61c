/** From the steps of a file to the steps of a run: instances of `forEach`, and components in the place of the steps that use them. */
import { z } from 'zod';
import type { Step } from '../contract/steps.ts';
import { ComponentFile, STEP_FILES } from '../contract/pipeline.ts';
import { Name } from '../contract/values.ts';
import { readDeclarations, refuseUnknown, valueOf, type Declared, type Expectation } from './declarations.ts';
import { instancesOf, MAX_STEPS } from './for-each.ts';
import { loadFile, type Loader } from './load.ts';
import { join, type Problems } from './problems.ts';
import type { Resolver } from './resolve.ts';
import { applySchema } from './schema-problems.ts';
import { constantsOf, extend, leavesOf, type Component, type Constant, type Leaf, type Scope, type StepEntry } from './scope.ts';
import { suggestion } from './suggest.ts';
import {
  broken,
  child,
  emptyMap,
  scalar,
  show,
  toPlain,
  without,
  type Entry,
  type MapNode,
  type Node,
  type Place,
  type ScalarNode,
} from './tree.ts';

const MAX_NESTING = 16;
const MAX_ID = 120;

const Settings = z.object({
  ...STEP_FILES.query.pick({ retry: true, timeout: true, cache: true }).shape,
  description: z.string().optional(),
});
type Settings = z.output<typeof Settings>;

/** A step that uses a component: its `after`, `when`, `cache`, `retry` and `timeout` hold for the component's steps. */
interface User {
  readonly fields: MapNode;
  readonly scope: Scope;
  readonly path: string;
  readonly settings: Settings;
}

/** Values of params by name, checked. */
export type Chosen = ReadonlyMap<string, ScalarNode>;

/** A search that chooses params, each time as it reads with one combination of their values. */
export interface ChosenSearch {
  readonly params: readonly string[];
  readonly combinations: readonly { readonly values: Chosen; readonly leaf: LeafStep }[];
}

export interface LeafStep {
  readonly id: string;
  /** Its id where no search chooses params. */
  readonly template: string;
  /** The values of params that it is made for, where there are several. */
  readonly combination?: Step['combination'];
  /** Of a search that chooses params. */
  readonly chosen?: ChosenSearch;
  readonly kind: keyof typeof STEP_FILES;
  readonly fields: MapNode;
  /** Of its name. */
  readonly at: Place;
  readonly path: string;
  readonly scope: Scope;
  /** Outermost first. */
  readonly users: readonly User[];
}

interface Position {
  readonly users: readonly User[];
  /** Files of the components around. */
  readonly chain: readonly string[];
}

interface Written {
  readonly id: string;
  readonly name: string;
  readonly fields: MapNode;
  readonly at: Place;
  readonly path: string;
}

const ComponentShell = z.strictObject({
  ...ComponentFile.shape,
  inputs: z.unknown().optional(),
  step: z.unknown().optional(),
  steps: z.unknown().optional(),
});

export class Expander {
  readonly leaves: LeafStep[] = [];
  readonly expectations: Expectation[] = [];
  readonly #loader: Loader;
  readonly #problems: Problems;
  readonly #resolver: Resolver;
  readonly #inputs: (() => Node)[] = [];
  readonly #nameOf: (id: string) => string;
  #tooMany = false;

  /** @param nameOf another id for a step */
  constructor(loader: Loader, resolver: Resolver, nameOf: (id: string) => string = (id) => id) {
    this.#nameOf = nameOf;
    this.#loader = loader;
    this.#problems = loader.problems;
    this.#resolver = resolver;
  }

  /** Expands all steps of a file; they see each other, and `visible` besides. */
  async expand(
    node: Node | undefined,
    base: Omit<Scope, 'steps'>,
    path: string,
    visible: ReadonlyMap<string, StepEntry> = new Map(),
  ): Promise<ReadonlyMap<string, StepEntry>> {
    const steps = await this.#steps(node, base, path, '', { users: [], chain: [] }, visible);
    // Inputs that nothing refers to are to be right as well.
    for (const input of this.#inputs.splice(0)) input();
    // Components were expanded last; their steps belong where they are used.
    const order = new Map([...steps.values()].flatMap(leavesOf).map((id, i) => [id, i]));
    this.leaves.sort((a, b) => (order.get(a.id) ?? 0) - (order.get(b.id) ?? 0));
    return steps;
  }

  async #steps(
    node: Node | undefined,
    base: Omit<Scope, 'steps'>,
    path: string,
    prefix: string,
    position: Position,
    visible: ReadonlyMap<string, StepEntry> = new Map(),
  ): Promise<Map<string, StepEntry>> {
    const steps = new Map<string, StepEntry>();
    if (node?.kind !== 'map') {
      if (node && !(node.kind === 'scalar' && node.broken))
        this.#problems.add(node.at, path, 'wrong type', { expected: 'a map: name of a step, then its fields', found: show(toPlain(node)) });
      return steps;
    }
    const all = new Map(visible);
    const scope: Scope = { ...base, steps: all };
    const components: (() => Promise<void>)[] = [];
    for (const [name, { key, value }] of node.entries) {
      const at = join(path, name);
      if (!Name.safeParse(name).success)
        this.#problems.add(key, at, 'not a valid name of a step', {
          expected: 'lower-case letters, digits, single - or _ between them, at most 48',
          found: name,
        });
      if (visible.has(name)) this.#problems.add(key, at, 'another step has this name', { found: name });
      if (value.kind !== 'map') {
        this.#problems.add(value.at, at, 'wrong type', { expected: 'a map with the fields of a step', found: show(toPlain(value)) });
        // References to it are no further mistakes.
        steps.set(name, { kind: 'leaf', id: `${prefix}${name}` });
      } else steps.set(name, this.#entry({ id: `${prefix}${name}`, name, fields: value, at: key, path: at }, scope, position, components));
      const entry = steps.get(name);
      if (entry) all.set(name, entry);
    }
    // Only now: what is given to one component may refer to any step around it.
    for (const expand of components) await expand();
    return steps;
  }

  #entry(written: Written, scope: Scope, position: Position, components: (() => Promise<void>)[]): StepEntry {
    const forEach = child(written.fields, 'forEach');
    if (!forEach) return this.#one(written, scope, position, components);
    const path = join(written.path, 'forEach');
    const instances = instancesOf(this.#resolver.resolve(forEach, { ...scope, steps: new Map() }, path), path, this.#problems);
    const fields = without(written.fields, ['forEach']);
    return {
      kind: 'group',
      name: written.id,
      instances: new Map(
        (instances ?? []).map(({ suffix, variables }) => [
          suffix,
          this.#one({ ...written, fields, id: `${written.id}.${suffix}` }, extend(scope, variables), position, components),
        ]),
      ),
    };
  }

  #one(written: Written, scope: Scope, position: Position, components: (() => Promise<void>)[]): Leaf | Component {
    const { id: template, fields, at, path } = written;
    const name = this.#nameOf(template);
    // The steps inside of a component have names of their own.
    const id = child(fields, 'uses') ? template : name;
    if (id.length > MAX_ID)
      this.#problems.add(at, path, "the step's full name is too long", { expected: `at most ${MAX_ID} characters`, found: id });
    const own = extend(scope, constantsOf({ step: scalar(name, at) }));
    if (child(fields, 'uses')) {
      const component: Component = { kind: 'component', id, inside: null };
      components.push(() => this.#component(component, written, own, position));
      return component;
    }
    const kind = kindOf(written, this.#problems);
    if (this.leaves.length >= MAX_STEPS && !this.#tooMany) {
      this.#tooMany = true;
      this.#problems.add(at, path, 'the pipeline has too many steps', { expected: `at most ${MAX_STEPS}, all instances counted` });
    }
    if (kind && !this.#tooMany) this.leaves.push({ id, template, kind, fields, at, path, scope: own, users: position.users });
    return { kind: 'leaf', id };
  }

  async #component(component: Component, { id, fields, at, path }: Written, scope: Scope, position: Position): Promise<void> {
    const uses = join(path, 'uses');
    const written = this.#resolver.resolve(child(fields, 'uses') ?? broken(at), scope, uses);
    if (written.kind !== 'scalar' || typeof written.value !== 'string' || written.references) {
      if (written.kind !== 'scalar' || !written.broken)
        this.#problems.add(written.at, uses, 'wrong type', { expected: 'the path of a component', found: show(toPlain(written)) });
      return;
    }
    const settings = this.#settings(fields, scope, path);
    const file = await this.#loader.files.read(written.value, written.at, uses);
    if (!file) return;
    const chain = [...position.chain, file.path];
    if (position.chain.includes(file.path) || chain.length > MAX_NESTING) {
      const round = chain.map((each) => this.#loader.files.display(each)).join(' → ');
      this.#problems.add(
        written.at,
        uses,
        position.chain.includes(file.path) ? 'these components use each other' : 'components are nested too deeply',
        { found: round },
      );
      return;
    }
    const node = await loadFile(file, 'component', this.#loader);
    if (!node) return;
    applySchema(ComponentShell, node, '', this.#problems);
    const step = child(node, 'step');
    const steps = child(node, 'steps');
    if (!step === !steps) {
      this.#problems.add(node.at, '', step ? 'a component has `step` or `steps`, not both' : 'a component needs `step` or `steps`');
      return;
    }
    const inputs = readDeclarations(child(node, 'inputs') ?? emptyMap(node.at), 'inputs', this.#problems);
    const constants = new Map([
      ...['pipeline', 'storage'].flatMap((name) =>
        scope.constants.has(name) ? [[name, scope.constants.get(name) as Constant] as const] : [],
      ),
      ...this.#given(inputs, { id, fields, at, path }, scope),
    ]);
    const base = { constants, inComponent: true, isOnExit: scope.isOnExit };
    const inner: Position = { chain, users: [...position.users, { fields, scope, path, settings }] };
    const outputs = new Map(
      [...entriesOf(child(node, 'outputs'))].map(([name, { value }]) => [name, { node: value, path: join('outputs', name) }]),
    );
    if (steps) {
      const entries = await this.#steps(steps, base, 'steps', `${id}.`, inner);
      component.inside = { scope: { ...base, steps: entries }, steps: entries, single: null, outputs };
      return;
    }
    if (step?.kind !== 'map') {
      this.#problems.add(step?.at ?? node.at, 'step', 'wrong type', { expected: 'a map with the fields of a step' });
      return;
    }
    const components: (() => Promise<void>)[] = [];
    const alone: Scope = { ...base, steps: new Map() };
    const single = this.#entry({ id, name: 'step', fields: step, at, path: 'step' }, alone, inner, components);
    for (const expand of components) await expand();
    component.inside = { scope: { ...base, steps: new Map([['step', single]]) }, steps: new Map(), single, outputs };
  }

  /** Inputs are resolved when they are needed: they may refer to components that are not expanded yet. */
  #given(inputs: readonly Declared[], { fields, at, path }: Omit<Written, 'name'>, scope: Scope): [string, Constant][] {
    const under = join(path, 'with');
    const raw = child(fields, 'with');
    const given = raw?.kind === 'scalar' ? this.#resolver.resolve(raw, scope, under) : raw;
    if (given && given.kind !== 'map' && !(given.kind === 'scalar' && given.broken))
      this.#problems.add(given.at, under, 'wrong type', { expected: 'a map of inputs', found: show(toPlain(given)) });
    if (given?.kind === 'map') refuseUnknown(given, inputs, under, this.#problems);
    return inputs.map((declared) => {
      let known: Node | undefined;
      const value = (): Node => {
        if (known) return known;
        const node = child(given, declared.name);
        const where = join(under, declared.name);
        const resolved = node && { node: this.#resolver.resolve(node, scope, where), path: where };
        // A value that is missing is missing where the component is used.
        known = valueOf(
          { ...declared, at: declared.default ? declared.at : at, path: declared.default ? declared.path : where },
          resolved,
          this.#problems,
          (expectation) => this.expectations.push(expectation),
        );
        return known;
      };
      this.#inputs.push(value);
      return [`inputs.${declared.name}`, value];
    });
  }

  #settings(fields: MapNode, scope: Scope, path: string): Settings {
    const known = ['uses', 'with', 'after', 'when', 'retry', 'timeout', 'cache', 'description', 'forEach'];
    for (const [name, { key }] of fields.entries)
      if (!known.includes(name))
        this.#problems.add(key, join(path, name), 'unknown field of a step that uses a component', {
          found: name,
          ...suggestion(name, known),
        });
    const own = without(fields, ['uses', 'with', 'after', 'when', 'forEach']);
    return applySchema(Settings, this.#resolver.resolve(own, scope, path), path, this.#problems) ?? {};
  }
}

function kindOf({ fields, at, path }: Written, problems: Problems): keyof typeof STEP_FILES | null {
  const kinds = Object.keys(STEP_FILES);
  const node = child(fields, 'kind');
  if (!node) {
    problems.add(at, path, '"kind" is missing', { expected: `one of ${kinds.join(', ')}, or \`uses\`` });
    return null;
  }
  const value = toPlain(node);
  if (typeof value === 'string' && Object.hasOwn(STEP_FILES, value)) return value as keyof typeof STEP_FILES;
  problems.add(node.at, join(path, 'kind'), 'no such kind of step', {
    found: show(value),
    ...(typeof value === 'string' ? suggestion(value, kinds) : { expected: kinds.join(', ') }),
  });
  return null;
}

const entriesOf = (node: Node | undefined): ReadonlyMap<string, Entry> => (node?.kind === 'map' ? node.entries : new Map());
