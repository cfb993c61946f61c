/** What the space of a search chooses of the pipeline's params: `weeks: { type: param, choices: [4, 8] }`. */
import { valueOf, type Declared } from './declarations.ts';
import type { Chosen, ChosenSearch, LeafStep } from './expand.ts';
import { join, type Problems } from './problems.ts';
import type { Resolver } from './resolve.ts';
import { suggestion } from './suggest.ts';
import { broken, child, fromPlain, scalar, show, toPlain, withEntry, type MapNode, type Node, type ScalarNode } from './tree.ts';

/** Each is a chain of steps before the search: more would rather be a feature of the training. */
const MAX_COMBINATIONS = 64;

export interface ChoosingSearch {
  readonly leaf: LeafStep;
  readonly params: readonly string[];
  /** Every combination of their values. */
  readonly combinations: readonly Chosen[];
}

/** null: its space has no params, or they are wrong, which is told. */
export function choosingSearch(
  leaf: LeafStep,
  declared: readonly Declared[],
  resolver: Resolver,
  problems: Problems,
): ChoosingSearch | null {
  const path = join(leaf.path, 'space');
  const space = leaf.kind === 'search' ? child(leaf.fields, 'space') : undefined;
  if (space?.kind !== 'map' || paramsIn(space).length === 0) return null;
  const { inComponent, isOnExit } = leaf.scope;
  if (inComponent || isOnExit) {
    problems.add(space.at, path, `the space of a search ${inComponent ? 'in a component' : 'at exit'} cannot choose params`, {
      found: paramsIn(space).join(', '),
      hint: inComponent ? 'a component sees its inputs only: write the search into the pipeline' : 'write the search among `steps`',
    });
    return null;
  }
  let combinations: Chosen[] = [new Map()];
  for (const name of paramsIn(space)) {
    const values = valuesOf(name, space, { declared, resolver, problems, leaf });
    if (!values) return null;
    const count = combinations.length * values.length;
    if (count > MAX_COMBINATIONS) {
      problems.add(child(space, name)?.at ?? space.at, join(path, name), 'too many combinations of params', {
        expected: `at most ${MAX_COMBINATIONS}: the steps before the search are made for each`,
        found: String(count),
      });
      return null;
    }
    combinations = combinations.flatMap((chosen) => values.map((value) => new Map([...chosen, [name, value]])));
  }
  return { leaf, params: paramsIn(space), combinations };
}

interface Asked {
  readonly leaf: LeafStep;
  readonly declared: readonly Declared[];
  readonly resolver: Resolver;
  readonly problems: Problems;
}

function valuesOf(name: string, space: MapNode, { leaf, declared, resolver, problems }: Asked): ScalarNode[] | null {
  const path = join(leaf.path, 'space', name);
  const node = child(space, name);
  const at = space.entries.get(name)?.key ?? space.at;
  const param = declared.find((each) => each.name === name);
  if (!param) {
    problems.add(at, path, `there is no param "${name}"`, suggestion(name, declared.map((each) => each.name))); // prettier-ignore
    return null;
  }
  const foreign = node?.kind === 'map' ? [...node.entries].find(([key]) => key !== 'type' && key !== 'choices') : undefined;
  if (foreign) {
    problems.add(foreign[1].key, join(path, foreign[0]), 'unknown field', { expected: 'type, choices', found: foreign[0] });
    return null;
  }
  const written = child(node, 'choices');
  const choices = written
    ? resolver.resolve(written, leaf.scope, join(path, 'choices'))
    : fromPlain([...(param.choices ?? [])] as never, at);
  if (choices.kind !== 'list' || choices.items.length === 0) {
    if (choices.kind !== 'scalar' || !choices.broken)
      problems.add(written?.at ?? at, join(path, 'choices'), written ? 'wrong type' : '"choices" is missing', {
        expected: 'a list of values that are tried, here or in the declaration of the param',
        ...(written ? { found: show(toPlain(choices)) } : {}),
      });
    return null;
  }
  const checked = choices.items.map((item, i) => checkedChoice(item, { ...param, choices: written ? param.choices : null }, join(path, 'choices', i), problems)); // prettier-ignore
  const values = checked.filter((value) => value !== null);
  return values.length === checked.length ? [...new Map(values.map((value) => [JSON.stringify(value.value), value])).values()] : null;
}

function checkedChoice(item: Node, param: Declared, path: string, problems: Problems): ScalarNode | null {
  if (item.kind !== 'scalar' || item.value === null || item.references || (typeof item.value === 'string' && item.value.includes('{'))) {
    if (item.kind !== 'scalar' || !item.broken)
      problems.add(item.at, path, 'this value cannot tell data sets apart', {
        expected: 'a text, number or switch that is known when compiling',
        found: show(toPlain(item)),
      });
    return null;
  }
  const value = valueOf(param, { node: item, path }, problems, () => undefined);
  return value.kind === 'scalar' && !value.broken ? value : null;
}

const paramsIn = (space: Node | undefined): string[] =>
  space?.kind === 'map' ? [...space.entries].filter(([, { value }]) => toPlain(child(value, 'type') ?? broken(value.at)) === 'param').map(([name]) => name) : []; // prettier-ignore

/** To the sampler a param is a choice like others. @param chosen absent where the params are wrong, which is told */
export function withChoices(fields: MapNode, chosen: ChosenSearch | undefined): MapNode {
  const entry = fields.entries.get('space');
  const names = paramsIn(entry?.value);
  if (entry?.value.kind !== 'map' || names.length === 0) return fields;
  const space = names.reduce((map, name): MapNode => {
    const { key, value } = map.entries.get(name) ?? { key: map.at, value: map };
    const values = new Map(chosen?.combinations.map(({ values: each }) => [each.get(name)?.value, each.get(name) ?? broken(key)]));
    const categorical: Node = {
      kind: 'map',
      at: value.at,
      entries: new Map([
        ['type', { key, value: scalar('categorical', value.at) }],
        ['choices', { key, value: { kind: 'list', at: value.at, items: [...values.values()] } }],
      ]),
    };
    return withEntry(map, name, { key, value: chosen ? categorical : broken(value.at) });
  }, entry.value);
  return withEntry(fields, 'space', { ...entry, value: space });
}
