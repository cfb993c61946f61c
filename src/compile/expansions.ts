/**
 * The pipeline as it reads with each combination of the params that searches choose, with what their best trials chose, and as it is written:
 * which steps differ between these, and by what.
 */
import { canonicalJson, sha256 } from '../contract/canonical-json.ts';
import { paramOutput } from '../contract/names.ts';
import type { ChoosingSearch } from './chosen-params.ts';
import type { Expectation } from './declarations.ts';
import type { Chosen, LeafStep } from './expand.ts';
import { Problems } from './problems.ts';
import { Resolver } from './resolve.ts';
import { bind } from './steps.ts';
import { scalar, toPlain, type ScalarNode } from './tree.ts';

export interface Expanded {
  readonly leaves: readonly LeafStep[];
  readonly expectations: readonly Expectation[];
}

/** Expands the pipeline with these values in the place of its params. @param nameOf ids of the steps by the ids that they have without combinations */
export type Expand = (chosen: Chosen, problems: Problems, nameOf: (id: string) => string) => Promise<Expanded>;

export interface Asked {
  readonly expand: Expand;
  readonly dataset: string;
  readonly problems: Problems;
  /** Of the params that are chosen, where no search chooses them. */
  readonly values: Chosen;
}

/** The pipeline as it reads with certain values. */
export interface Expansion {
  readonly kind: 'plain' | 'combination' | 'best';
  readonly chosen: Chosen;
  readonly steps: ReadonlyMap<string, ExpandedStep>;
  /** Steps by what they do, all before them included. */
  readonly digests: Map<string, string>;
  /** Searches whose best trial chose the values. */
  readonly searches: readonly string[];
}

interface ExpandedStep {
  readonly content: string;
  readonly dependsOn: readonly string[];
  readonly outputs: readonly string[];
}

export function readSteps({ leaves }: Expanded, dataset: string, problems: Problems): ReadonlyMap<string, ExpandedStep> {
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

export class Expansions {
  readonly plain: Expansion;
  readonly #searches: ReadonlyMap<string, ChoosingSearch>;
  readonly #asked: Asked;
  readonly #after = new Map<string, ReadonlySet<string>>();
  readonly #expansions = new Map<string, Expansion>();

  constructor(steps: Expansion['steps'], searches: ReadonlyMap<string, ChoosingSearch>, asked: Asked) {
    this.#searches = searches;
    this.#asked = asked;
    this.plain = { kind: 'plain', chosen: new Map(), steps, digests: new Map(), searches: [] };
  }

  get all(): Expansion[] {
    return [this.plain, ...this.#expansions.values()];
  }

  /** Searches over params that it waits for. */
  searchesBefore(id: string): ReadonlySet<string> {
    const known = this.#after.get(id);
    if (known) return known;
    const found = new Set<string>();
    for (const before of this.plain.steps.get(id)?.dependsOn ?? []) {
      if (this.#searches.has(before)) found.add(before);
      for (const search of this.searchesBefore(before)) found.add(search);
    }
    this.#after.set(id, found);
    return found;
  }

  async readAll(): Promise<void> {
    for (const [id, { combinations }] of this.#searches)
      for (const [i, chosen] of combinations.entries()) await this.#read(`${id} ${i}`, 'combination', chosen, [], this.#asked.problems);
    for (const id of this.plain.steps.keys()) {
      const searches = [...this.searchesBefore(id)].sort();
      const key = searches.join(' ');
      if (searches.length > 0 && !this.#expansions.has(key))
        await this.#read(key, 'best', this.#bestOf(searches), searches, new Problems());
    }
  }

  async #read(key: string, kind: Expansion['kind'], chosen: Chosen, searches: readonly string[], problems: Problems): Promise<void> {
    const { dataset, expand } = this.#asked;
    const steps = readSteps(await expand(chosen, problems, (id) => id), dataset, new Problems());
    this.#expansions.set(key, { kind, chosen, steps, digests: new Map(), searches });
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

  /** The expansion in which a step is, that something of this one depends on. */
  at(expansion: Expansion, id: string): Expansion {
    const searches = [...this.searchesBefore(id)].sort();
    return (searches.length > 0 && expansion.kind !== 'combination' ? this.#expansions.get(searches.join(' ')) : undefined) ?? expansion;
  }

  digest(expansion: Expansion, id: string): string {
    // A search over params is one, in all expansions.
    if (this.#searches.has(id)) return id;
    const known = expansion.digests.get(id);
    if (known !== undefined) return known;
    const { content, dependsOn } = expansion.steps.get(id) ?? { content: 'missing', dependsOn: [] };
    expansion.digests.set(id, 'waits for itself');
    const digest = sha256(canonicalJson([id, content, dependsOn.map((before) => this.digest(this.at(expansion, before), before))]));
    expansion.digests.set(id, digest);
    return digest;
  }

  combinationsOf({ leaf, combinations }: ChoosingSearch): Expansion[] {
    return combinations.flatMap((_, i) => this.#expansions.get(`${leaf.id} ${i}`) ?? []);
  }

  /** Whether there are combinations that differ in this param alone, and for which the values differ. @param values of each combination */
  matters({ combinations }: ChoosingSearch, name: string, values: readonly string[]): boolean {
    const others = combinations.map((chosen) => JSON.stringify([...chosen].filter(([key]) => key !== name).map(([, { value }]) => value)));
    return others.some((other, i) => values.some((value, j) => others[j] === other && value !== values[i]));
  }
}
