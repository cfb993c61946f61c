/**
 * Searches that choose params of the pipeline. The pipeline is expanded once for each combination of their values, and of each expansion only that is kept which
 * differs from the others: what a search depends on is made for each combination, what depends on a search sees the params as its best trial chose them,
 * and everything else sees them as they are.
 */
import { canonicalJson } from '../contract/canonical-json.ts';
import { paramOutput } from '../contract/names.ts';
import type { Scalar } from '../contract/values.ts';
import type { ChoosingSearch } from './chosen-params.ts';
import type { Expectation } from './declarations.ts';
import type { LeafStep } from './expand.ts';
import { Expansions, readSteps, type Asked, type Expanded, type Expansion } from './expansions.ts';
import { MAX_STEPS } from './for-each.ts';
import { orderSteps } from './order.ts';
import { join, Problems } from './problems.ts';
import { instancePart } from './resolve.ts';

/** A step of one expansion that differs from those of the others. */
interface Kept {
  readonly id: string;
  readonly digest: string;
  readonly expansion: Expansion;
}

/** How a kept step is called. */
interface Named {
  readonly name: string;
  /** What tells it from others of its template; null: nothing has to. */
  readonly params: Record<string, Scalar> | null;
}
/** By digest. */
type Names = ReadonlyMap<string, Named>;

export async function expandCombinations(plain: Expanded, searches: readonly ChoosingSearch[], asked: Asked): Promise<Expanded> {
  if (searches.length === 0) return plain;
  const steps = readSteps(plain, asked.dataset, new Problems());
  if (orderSteps(new Map([...steps].map(([id, step]) => [id, step.dependsOn]))).cycle) return plain;
  const combinations = new Combinations(plain, steps, searches, asked);
  if (!combinations.areApart()) return plain;
  return combinations.expanded();
}

class Combinations {
  readonly #expansions: Expansions;
  readonly #leaves: ReadonlyMap<string, LeafStep>;
  readonly #searches: ReadonlyMap<string, ChoosingSearch>;
  readonly #asked: Asked;
  readonly #kept = new Map<string, Kept>();

  constructor(plain: Expanded, steps: Expansion['steps'], searches: readonly ChoosingSearch[], asked: Asked) {
    this.#leaves = new Map(plain.leaves.map((leaf) => [leaf.id, leaf]));
    this.#searches = new Map(searches.map((search) => [search.leaf.id, search]));
    this.#asked = asked;
    this.#expansions = new Expansions(steps, this.#searches, asked);
  }

  /** A chain of such searches would multiply what is made. */
  areApart(): boolean {
    const late = [...this.#searches.values()].filter(({ leaf }) => this.#expansions.searchesBefore(leaf.id).size > 0);
    for (const { leaf, params } of late)
      this.#asked.problems.add(leaf.at, join(leaf.path, 'space'), 'this search comes after another one that chooses params too', {
        found: `${params.join(', ')} here, after ${[...this.#expansions.searchesBefore(leaf.id)].join(', ')}`,
        hint: 'let the first search choose all of them, or use values that it has chosen: {steps.SEARCH.outputs.params_NAME}',
      });
    return late.length === 0;
  }

  async expanded(): Promise<Expanded> {
    await this.#expansions.readAll();
    const dependedOn = new Set([...this.#expansions.plain.steps.values()].flatMap(({ dependsOn }) => dependsOn));
    for (const id of this.#expansions.plain.steps.keys())
      if (!dependedOn.has(id)) this.#keep(this.#expansions.at(this.#expansions.plain, id), id);
    for (const search of this.#searches.values()) this.#checkEffect(search);
    const names = this.#names();
    if (this.#asked.problems.any) return { leaves: [...this.#leaves.values()], expectations: [] };
    return this.#written(names);
  }

  #keep(expansion: Expansion, id: string): void {
    const search = this.#searches.get(id);
    const digest = this.#expansions.digest(expansion, id);
    if (this.#kept.has(digest)) return;
    const isPlain = this.#expansions.digest(this.#expansions.plain, id) === digest;
    this.#kept.set(digest, { id, digest, expansion: isPlain ? this.#expansions.plain : expansion });
    if (search) {
      for (const one of this.#expansions.combinationsOf(search))
        for (const before of one.steps.get(id)?.dependsOn ?? []) this.#keep(one, before);
      return;
    }
    if (expansion.kind === 'best') this.#checkAmbiguous(expansion, id);
    for (const before of expansion.steps.get(id)?.dependsOn ?? []) this.#keep(this.#expansions.at(expansion, before), before);
  }

  /** After two searches that choose the same param nobody knows whose value is meant. */
  #checkAmbiguous(expansion: Expansion, id: string): void {
    for (const [name] of expansion.chosen) {
      const choosing = expansion.searches.filter((search) => this.#searches.get(search)?.params.includes(name));
      const outputs = choosing.map((search) => `steps.${search}.outputs.${paramOutput(name)}`);
      const leaf = this.#leaves.get(id);
      const plain = this.#expansions.plain.steps.get(id)?.outputs ?? [];
      const used = expansion.steps.get(id)?.outputs.some((output) => outputs.includes(output) && !plain.includes(output));
      if (choosing.length < 2 || !leaf || used !== true) continue;
      this.#asked.problems.add(leaf.at, leaf.path, `whose params.${name} is meant here? ${choosing.join(' and ')} choose it`, {
        expected: outputs.map((output) => `{${output}}`).join(' or '),
      });
    }
  }

  /** A param that changes nothing before the search is none to search over. */
  #checkEffect(search: ChoosingSearch): void {
    const expansions = this.#expansions.combinationsOf(search);
    const { leaf } = search;
    const made = (expansion: Expansion): string =>
      canonicalJson([
        expansion.steps.get(leaf.id)?.content,
        expansion.steps.get(leaf.id)?.dependsOn.map((id) => this.#expansions.digest(expansion, id)),
      ]);
    for (const name of search.params)
      if (
        new Set(search.combinations.map((each) => each.get(name)?.value)).size > 1 &&
        !this.#expansions.matters(search, name, expansions.map(made))
      )
        this.#asked.problems.add(leaf.at, join(leaf.path, 'space', name), `nothing that this search trains on depends on params.${name}`, {
          expected: `a step before it with {params.${name}}`,
        });
  }

  /** Of what is kept, by digest: as it is written where there is only one of it, or for what comes after the search. */
  #names(): Names {
    const names = new Map<string, Named>();
    const taken = new Map<string, string>();
    for (const { id, digest, expansion } of this.#kept.values()) {
      const all = [...this.#kept.values()].filter((other) => other.id === id);
      const isOne = all.length === 1 || this.#searches.has(id);
      const first = all.find((other) => other.expansion.kind === 'best') ?? all.find((other) => other.expansion.kind === 'plain');
      const params = isOne || first?.digest === digest ? null : this.#valuesOf(expansion, id);
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
  #valuesOf(expansion: Expansion, id: string): Record<string, Scalar> {
    const all = [...this.#searches.values()];
    if (expansion.kind === 'best') return { after: expansion.searches.join('-') };
    const relevant = all.filter((search) => expansion.kind === 'plain' || this.#expansions.combinationsOf(search).includes(expansion));
    const names = relevant.flatMap((search) => {
      const digests = this.#expansions.combinationsOf(search).map((one) => this.#expansions.digest(one, id));
      return search.params.filter((name) => this.#expansions.matters(search, name, digests));
    });
    const values = expansion.kind === 'plain' ? this.#asked.values : expansion.chosen;
    const telling = names.length > 0 ? names : relevant.flatMap(({ params }) => params);
    return Object.fromEntries([...new Set(telling)].flatMap((name) => (values.has(name) ? [[name, values.get(name)?.value ?? null]] : [])));
  }

  async #written(names: Names): Promise<Expanded> {
    const { expand, problems } = this.#asked;
    const leaves: LeafStep[] = [];
    const expectations: Expectation[] = [];
    const choosing = new Map<Expansion, LeafStep>();
    for (const expansion of this.#expansions.all) {
      const own = [...this.#kept.values()].filter((kept) => kept.expansion === expansion);
      if (own.length === 0 && expansion.kind === 'best') continue;
      const found = await expand(
        expansion.chosen,
        problems,
        (id) => names.get(this.#expansions.digest(this.#expansions.at(expansion, id), id))?.name ?? id,
      );
      expectations.push(...found.expectations);
      for (const leaf of found.leaves) {
        const search = this.#searches.get(leaf.template);
        if (search && this.#expansions.combinationsOf(search).includes(expansion)) choosing.set(expansion, leaf);
        const kept = own.find(({ id }) => id === leaf.template);
        const { params = null } = (kept && names.get(kept.digest)) ?? {};
        if (kept && !search && kept.digest === this.#expansions.digest(expansion, leaf.template))
          leaves.push(params === null || expansion.kind === 'best' ? leaf : { ...leaf, combination: { of: leaf.template, params } });
      }
    }
    for (const search of this.#searches.values()) {
      const combinations = this.#expansions.combinationsOf(search).flatMap((expansion) => {
        const leaf = choosing.get(expansion);
        return leaf ? [{ values: expansion.chosen, leaf }] : [];
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
