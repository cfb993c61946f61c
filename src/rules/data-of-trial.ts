/** On what a trial trains, where its search chooses params of the pipeline. Pure. */
import type { Space } from '../contract/search-space.ts';
import type { SearchSpec } from '../contract/steps.ts';
import type { Json } from '../contract/values.ts';

type Choosing = Pick<SearchSpec, 'dataBy'>;
type Parameters = Readonly<Record<string, Json>>;

/** Params of the pipeline that the space chooses. */
export const chosenParams = ({ dataBy }: Choosing): string[] => Object.keys(dataBy?.[0]?.params ?? {});

/** Of the parameters of a trial those that choose its data. */
export const paramsOf = (spec: Choosing, parameters: Parameters): Record<string, Json> =>
  Object.fromEntries(chosenParams(spec).flatMap((name) => (name in parameters ? [[name, parameters[name] ?? null]] : [])));

/** Of the parameters of a trial those of its training. */
export const trainingParameters = (spec: Choosing, parameters: Parameters): Record<string, Json> => {
  const chosen = chosenParams(spec);
  return Object.fromEntries(Object.entries(parameters).filter(([name]) => !chosen.includes(name)));
};

/** With `data`, `features` and test set of a trial's own combination; null: nothing was made for its params. */
export function specOfTrial<Spec extends Pick<SearchSpec, 'dataBy' | 'data' | 'features' | 'earlyEvaluation'>>(
  spec: Spec,
  parameters: Parameters,
): Spec | null {
  if (spec.dataBy === undefined) return spec;
  const own = spec.dataBy.find(({ params }) => Object.entries(params).every(([name, value]) => parameters[name] === value));
  if (own === undefined) return null;
  const { data, features, earlyEvaluation: test } = own;
  return {
    ...spec,
    data,
    ...(features === undefined ? {} : { features }),
    ...(spec.earlyEvaluation && test ? { earlyEvaluation: { ...spec.earlyEvaluation, ...test } } : {}),
  };
}

/** Why a search with these data sets cannot go on with another space; null: it can. */
export function missingData({ dataBy }: Choosing, space: Space): string | null {
  for (const name of chosenParams({ dataBy })) {
    const made = [...new Set((dataBy ?? []).map(({ params }) => JSON.stringify(params[name])))];
    const parameter = space[name];
    const expected = `expected a categorical of ${made.join(', ')}, for which data sets were made`;
    if (parameter?.type !== 'categorical') return `space.${name}: ${expected}`;
    const other = parameter.choices.map((choice) => JSON.stringify(choice)).find((choice) => !made.includes(choice));
    if (parameter.when !== undefined) return `space.${name}.when: ${expected}; every trial needs one`;
    if (other !== undefined) return `space.${name}.choices: ${expected}, found ${other}`;
  }
  return null;
}
