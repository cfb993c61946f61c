/**
 * Searches that choose params of the pipeline. The pipeline is expanded once for each combination of their values, and of each expansion only that is kept which
 * differs from the others: what a search depends on is made for each combination, what depends on a search sees the params as its best trial chose them,
 * and everything else sees them as they are.
 */
import { canonicalJson, sha256 } from '../contract/canonical-json.ts';
import { paramOutput } from '../contract/names.ts';
import type { Scalar } from '../contract/values.ts';
import type { ChoosingSearch } from './chosen-params.ts';
import type { Expectation } from './declarations.ts';
import type { Chosen, LeafStep } from './expand.ts';
import { MAX_STEPS } from './for-each.ts';
import { orderSteps } from './order.ts';
import { join, Problems } from './problems.ts';
import { instancePart, Resolver } from './resolve.ts';
import { bind } from './steps.ts';
import { scalar, toPlain, type ScalarNode } from './tree.ts';

interface Expanded {
  readonly leaves: readonly LeafStep[];
  readonly expectations: readonly Expectation[];
}

/** Expands the pipeline with these values in the place of its params. @param nameOf ids of the steps by the ids that they have without combinations */
export type Expand = (chosen: Chosen, problems: Problems, nameOf: (id: string) => string) => Promise<Expanded>;

interface Asked {
  readonly expand: Expand;
  readonly dataset: string;
  readonly problems: Problems;
  /** Of the params that are chosen, where no search chooses them. */
  readonly values: Chosen;
}

/** The pipeline as it reads with certain values. */
interface World {
  readonly kind: 'plain' | 'combination' | 'best';
  readonly chosen: Chosen;
  readonly steps: ReadonlyMap<string, Read>;
  /** Steps by what they do, all before them included. */
  readonly digests: Map<string, string>;
  /** Searches whose best trial chose the values. */
  readonly searches: readonly string[];
}

interface Read {
  readonly content: string;
  readonly dependsOn: readonly string[];
  readonly outputs: readonly string[];
}

/** A step of one world that differs from those of the others. */
interface Kept {
  readonly id: string;
  readonly digest: string;
  readonly world: World;
}

export async function expandCombinations(plain: Expanded, searches: readonly ChoosingSearch[], asked: Asked): Promise<Expanded> {
  if (searches.length === 0) return plain;
  const steps = read(plain, asked.dataset, new Problems());
  if (orderSteps(new Map([...steps].map(([id, step]) => [id, step.dependsOn]))).cycle) return plain;
  const combinations = new Combinations(plain, steps, searches, asked);
  if (!combinations.areApart()) return plain;
  return combinations.expanded();
}

function read({ leaves }: Expanded, dataset: string, problems: Problems): ReadonlyMap<string, Read> {
  const resolver = new Resolver(problems);
  return new Map(
    leaves.map((leaf) => {
      const { variants, conditions, dependsOn } = bind(leaf, resolver, { problems, dataset });
      const users = leaf.users.map(({ settings }) => settings);
      const content = canonicalJson([leaf.kind, variants.map(toPlain), conditions.map(({ condition }) => condition), users]);
      const outputs = [...content.matchAll(/steps\.[a-z0-9._-]+\.outputs\.\w+/g)].map(([text]) => text);
      return [leaf.id, { content, dependsOn, outputs }];
    }),
  );
}

class Combinations {
  readonly #plain: World;
  readonly #leaves: ReadonlyMap<string, LeafStep>;
  readonly #searches: ReadonlyMap<string, ChoosingSearch>;
  readonly #asked: Asked;
  readonly #after = new Map<string, ReadonlySet<string>>();
  readonly #worlds = new Map<string, World>();
  readonly #kept = new Map<string, Kept>();

  constructor(plain: Expanded, steps: ReadonlyMap<string, Read>, searches: readonly ChoosingSearch[], asked: Asked) {
    this.#leaves = new Map(plain.leaves.map((leaf) => [leaf.id, leaf]));
    this.#searches = new Map(searches.map((search) => [search.leaf.id, search]));
    this.#asked = asked;
    this.#plain = { kind: 'plain', chosen: new Map(), steps, digests: new Map(), searches: [] };
  }

  /** A chain of such searches would multiply what is made. */
  areApart(): boolean {
    const late = [...this.#searches.values()].filter(({ leaf }) => this.#searchesBefore(leaf.id).size > 0);
    for (const { leaf, params } of late)
      this.#asked.problems.add(leaf.at, join(leaf.path, 'space'), 'this search comes after another one that chooses params too', {
        found: `${params.join(', ')} here, after ${[...this.#searchesBefore(leaf.id)].join(', ')}`,
        hint: 'let the first search choose all of them, or use values that it has chosen: {steps.SEARCH.outputs.params_NAME}',
      });
    return late.length === 0;
  }

  async expanded(): Promise<Expanded> {
    await this.#readWorlds();
    const dependedOn = new Set([...this.#plain.steps.values()].flatMap(({ dependsOn }) => dependsOn));
    for (const id of this.#plain.steps.keys()) if (!dependedOn.has(id)) this.#keep(this.#at(this.#plain, id), id);
    for (const search of this.#searches.values()) this.#checkEffect(search);
    const names = this.#names();
    if (this.#asked.problems.any) return { leaves: [...this.#leaves.values()], expectations: [] };
    return this.#written(names);
  }

  /** Searches over params that it waits for. */
  #searchesBefore(id: string): ReadonlySet<string> {
    const known = this.#after.get(id);
    if (known) return known;
    const found = new Set<string>();
    for (const before of this.#plain.steps.get(id)?.dependsOn ?? []) {
      if (this.#searches.has(before)) found.add(before);
      for (const search of this.#searchesBefore(before)) found.add(search);
    }
    this.#after.set(id, found);
    return found;
  }

  async #readWorlds(): Promise<void> {
    for (const [id, { combinations }] of this.#searches)
      for (const [i, chosen] of combinations.entries())
        await this.#readWorld(`${id} ${i}`, 'combination', chosen, [], this.#asked.problems);
    for (const id of this.#plain.steps.keys()) {
      const searches = [...this.#searchesBefore(id)].sort();
      const key = searches.join(' ');
      if (searches.length > 0 && !this.#worlds.has(key))
        await this.#readWorld(key, 'best', this.#bestOf(searches), searches, new Problems());
    }
  }

  async #readWorld(key: string, kind: World['kind'], chosen: Chosen, searches: readonly string[], problems: Problems): Promise<void> {
    const { dataset, expand } = this.#asked;
    const steps = read(await expand(chosen, problems, (id) => id), dataset, new Problems());
    this.#worlds.set(key, { kind, chosen, steps, digests: new Map(), searches });
  }

  /** Params as outputs of the searches that chose them. */
  #bestOf(searches: readonly string[]): Chosen {
    return new Map(
      searches.flatMap((id): [string, ScalarNode][] => {
        const { leaf, params } = this.#searches.get(id) ?? { leaf: null, params: [] };
        if (!leaf) return [];
        return params.map((name) => {
          const whole = { step: id, output: paramOutput(name) };
          return [name, { ...scalar(`{steps.${id}.outputs.${whole.output}}`, leaf.at), references: [whole], whole }];
        });
      }),
    );
  }

  /** The world in which a step is, that something of this one depends on. */
  #at(world: World, id: string): World {
    const searches = [...this.#searchesBefore(id)].sort();
    return (searches.length > 0 && world.kind !== 'combination' ? this.#worlds.get(searches.join(' ')) : undefined) ?? world;
  }

  #digest(world: World, id: string): string {
    // A search over params is one, in all worlds.
    if (this.#searches.has(id)) return id;
    const known = world.digests.get(id);
    if (known !== undefined) return known;
    const { content, dependsOn } = world.steps.get(id) ?? { content: 'missing', dependsOn: [] };
    world.digests.set(id, 'waits for itself');
    const digest = sha256(canonicalJson([id, content, dependsOn.map((before) => this.#digest(this.#at(world, before), before))]));
    world.digests.set(id, digest);
    return digest;
  }

  #keep(world: World, id: string): void {
    const search = this.#searches.get(id);
    const digest = this.#digest(world, id);
    if (this.#kept.has(digest)) return;
    const isPlain = this.#digest(this.#plain, id) === digest;
    this.#kept.set(digest, { id, digest, world: isPlain ? this.#plain : world });
    if (search) {
      for (const one of this.#combinationsOf(search)) for (const before of one.steps.get(id)?.dependsOn ?? []) this.#keep(one, before);
      return;
    }
    if (world.kind === 'best') this.#checkAmbiguous(world, id);
    for (const before of world.steps.get(id)?.dependsOn ?? []) this.#keep(this.#at(world, before), before);
  }

  #combinationsOf({ leaf, combinations }: ChoosingSearch): World[] {
    return combinations.flatMap((_, i) => this.#worlds.get(`${leaf.id} ${i}`) ?? []);
  }

  /** After two searches that choose the same param nobody knows whose value is meant. */
  #checkAmbiguous(world: World, id: string): void {
    for (const [name] of world.chosen) {
      const choosing = world.searches.filter((search) => this.#searches.get(search)?.params.includes(name));
      const outputs = choosing.map((search) => `steps.${search}.outputs.${paramOutput(name)}`);
      const leaf = this.#leaves.get(id);
      const plain = this.#plain.steps.get(id)?.outputs ?? [];
      const used = world.steps.get(id)?.outputs.some((output) => outputs.includes(output) && !plain.includes(output));
      if (choosing.length < 2 || !leaf || used !== true) continue;
      this.#asked.problems.add(leaf.at, leaf.path, `whose params.${name} is meant here? ${choosing.join(' and ')} choose it`, {
        expected: outputs.map((output) => `{${output}}`).join(' or '),
      });
    }
  }

  /** A param that changes nothing before the search is none to search over. */
  #checkEffect(search: ChoosingSearch): void {
    const worlds = this.#combinationsOf(search);
    const { leaf } = search;
    const made = (world: World): string =>
      canonicalJson([world.steps.get(leaf.id)?.content, world.steps.get(leaf.id)?.dependsOn.map((id) => this.#digest(world, id))]);
    for (const name of search.params)
      if (new Set(search.combinations.map((each) => each.get(name)?.value)).size > 1 && !this.#matters(search, name, worlds.map(made)))
        this.#asked.problems.add(leaf.at, join(leaf.path, 'space', name), `nothing that this search trains on depends on params.${name}`, {
          expected: `a step before it with {params.${name}}`,
        });
  }

  /** Whether there are combinations that differ in this param alone, and for which the values differ. @param values of each combination */
  #matters({ combinations }: ChoosingSearch, name: string, values: readonly string[]): boolean {
    const others = combinations.map((chosen) => JSON.stringify([...chosen].filter(([key]) => key !== name).map(([, { value }]) => value)));
    return others.some((other, i) => values.some((value, j) => others[j] === other && value !== values[i]));
  }

  /** Of what is kept, by digest: as it is written where there is only one of it, or for what comes after the search. */
  #names(): ReadonlyMap<string, { readonly name: string; readonly params: Record<string, Scalar> | null }> {
    const names = new Map<string, { readonly name: string; readonly params: Record<string, Scalar> | null }>();
    const taken = new Map<string, string>();
    for (const { id, digest, world } of this.#kept.values()) {
      const all = [...this.#kept.values()].filter((other) => other.id === id);
      const isOne = all.length === 1 || this.#searches.has(id);
      const first = all.find((other) => other.world.kind === 'best') ?? all.find((other) => other.world.kind === 'plain');
      const params = isOne || first?.digest === digest ? null : this.#valuesOf(world, id);
      const name = params === null ? id : `${id}.${suffixOf(params)}`;
      const leaf = this.#leaves.get(id);
      if (taken.has(name) && leaf)
        this.#asked.problems.add(leaf.at, leaf.path, 'two steps that a search chooses from have the same name', {
          expected: 'values of params that differ in their letters and digits',
          found: name,
        });
      taken.set(name, digest);
      names.set(digest, { name, params });
    }
    return names;
  }

  /** What tells this instance of a step from the others. */
  #valuesOf(world: World, id: string): Record<string, Scalar> {
    const all = [...this.#searches.values()];
    if (world.kind === 'best') return { after: world.searches.join('-') };
    const relevant = all.filter((search) => world.kind === 'plain' || this.#combinationsOf(search).includes(world));
    const names = relevant.flatMap((search) => {
      const digests = this.#combinationsOf(search).map((one) => this.#digest(one, id));
      return search.params.filter((name) => this.#matters(search, name, digests));
    });
    const values = world.kind === 'plain' ? this.#asked.values : world.chosen;
    const telling = names.length > 0 ? names : relevant.flatMap(({ params }) => params);
    return Object.fromEntries([...new Set(telling)].flatMap((name) => (values.has(name) ? [[name, values.get(name)?.value ?? null]] : [])));
  }

  async #written(names: ReadonlyMap<string, { readonly name: string; readonly params: Record<string, Scalar> | null }>): Promise<Expanded> {
    const { expand, problems } = this.#asked;
    const leaves: LeafStep[] = [];
    const expectations: Expectation[] = [];
    const choosing = new Map<World, LeafStep>();
    for (const world of [this.#plain, ...this.#worlds.values()]) {
      const own = [...this.#kept.values()].filter((kept) => kept.world === world);
      if (own.length === 0 && world.kind === 'best') continue;
      const found = await expand(world.chosen, problems, (id) => names.get(this.#digest(this.#at(world, id), id))?.name ?? id);
      expectations.push(...found.expectations);
      for (const leaf of found.leaves) {
        const search = this.#searches.get(leaf.template);
        if (search && this.#combinationsOf(search).includes(world)) choosing.set(world, leaf);
        const kept = own.find(({ id }) => id === leaf.template);
        const { params = null } = (kept && names.get(kept.digest)) ?? {};
        if (kept && !search && kept.digest === this.#digest(world, leaf.template))
          leaves.push(params === null || world.kind === 'best' ? leaf : { ...leaf, combination: { of: leaf.template, params } });
      }
    }
    for (const search of this.#searches.values()) {
      const combinations = this.#combinationsOf(search).flatMap((world) => {
        const leaf = choosing.get(world);
        return leaf ? [{ values: world.chosen, leaf }] : [];
      });
      const [first] = combinations;
      if (first) leaves.push({ ...first.leaf, chosen: { params: search.params, combinations } });
    }
    const order = new Map([...this.#leaves.keys()].map((id, i) => [id, i]));
    leaves.sort((a, b) => (order.get(a.template) ?? 0) - (order.get(b.template) ?? 0) || a.id.localeCompare(b.id, 'en', { numeric: true }));
    const last = leaves.at(-1);
    if (leaves.length > MAX_STEPS && last)
      problems.add(last.at, '', 'the pipeline has too many steps', {
        expected: `at most ${MAX_STEPS}, all instances and combinations counted`,
        found: String(leaves.length),
      });
    return { leaves, expectations };
  }
}

/** `weeks-8`, `features-all-weeks-8` */
const suffixOf = (params: Readonly<Record<string, Scalar>>): string =>
  Object.entries(params)
    .flatMap(([name, value]) => [instancePart(name), value === null ? '' : instancePart(value)])
    .filter(Boolean)
    .join('-');
