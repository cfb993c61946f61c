/** The spec of a search or training step: its space, and on what each combination of params trains. */
import type { SearchOfFile } from '../contract/pipeline-search.ts';
import type { Shipped } from '../contract/code.ts';
import type { Json } from '../contract/values.ts';
import { unexportableNames } from '../rules/feature-names.ts';
import type { ChosenSearch, LeafStep } from './expand.ts';
import { join } from './problems.ts';
import { withScheduler } from './schedulers.ts';
import { checkSearch } from './search-checks.ts';
import { suggestion } from './suggest.ts';
import { child, emptyMap, type MapNode, toPlain } from './tree.ts';
import type { BuildContext } from './build-context.ts';
import { customMetrics } from './custom-sql.ts';

/** On what a trial with each combination of params trains. */
export function dataBy({ combinations }: ChosenSearch, variants: readonly MapNode[]): object[] {
  return combinations.map(({ values }, i) => {
    const { data, features, earlyEvaluation: early } = toPlain(variants[i] ?? emptyMap({ file: '', folder: '' })) as Record<string, Json>;
    const test = early as Record<string, Json> | undefined;
    return {
      params: Object.fromEntries([...values].map(([name, { value }]) => [name, value])),
      data: data ?? {},
      ...(features === undefined ? {} : { features }),
      ...(test ? { earlyEvaluation: { table: test['table'], features: test['features'], data: test['data'] } } : {}),
    };
  });
}

/** With what was shipped in the place of what names it. */
type ShippedSearch = Omit<SearchOfFile, keyof Shipped> & Shipped;

export async function searchSpec(leaf: LeafStep, fields: MapNode, asked: ShippedSearch, context: BuildContext): Promise<object> {
  const file = withScheduler(asked, leaf.chosen?.params ?? []);
  const { problems } = context;
  const path = (...keys: readonly PropertyKey[]): string => join(leaf.path, ...keys);
  const names = Object.keys(file.space);
  for (const name of Object.keys(file.fixed))
    if (names.includes(name))
      problems.add(child(child(fields, 'fixed'), name)?.at ?? leaf.at, path('fixed', name), 'this parameter is in the space as well', {
        found: name,
      });
  for (const [name, parameter] of Object.entries(file.space)) {
    const node = child(child(fields, 'space'), name);
    const at = node?.at ?? leaf.at;
    if (parameter.type !== 'categorical') {
      if (parameter.low > parameter.high)
        problems.add(at, path('space', name), 'low is above high', { found: `${parameter.low} … ${parameter.high}` });
      if (parameter.log && parameter.low <= 0)
        problems.add(at, path('space', name), 'a logarithmic range begins above 0', { found: `low: ${parameter.low}` });
      if (parameter.log && parameter.step !== undefined) problems.add(at, path('space', name), 'a logarithmic range has no step');
    }
    const { when } = parameter;
    if (when && (!names.includes(when.parameter) || when.parameter === name))
      problems.add(child(node, 'when')?.at ?? at, path('space', name, 'when', 'parameter'), 'no such parameter in the space', {
        found: when.parameter,
        ...suggestion(
          when.parameter,
          names.filter((each) => each !== name),
        ),
      });
  }
  if (names.length === 0 && leaf.kind === 'search')
    problems.add(child(fields, 'space')?.at ?? leaf.at, path('space'), 'the space is empty', { expected: 'one parameter at least' });
  if (file.features === undefined && file.command === undefined && file.image === undefined)
    problems.add(leaf.at, path('features'), '"features" is missing', {
      expected: 'a feature table, which the reference trainer reads',
      hint: 'a trainer of your own (code, command or image) needs none',
    });
  if (file.command === undefined && file.image === undefined) checkFeatureNames(leaf, fields, context);
  checkSearch(file, fields, leaf.path, problems, leaf.chosen?.params);
  if (!file.earlyEvaluation) return file;
  const early = child(fields, 'earlyEvaluation');
  const metrics = early?.kind === 'map' ? await customMetrics(early, path('earlyEvaluation', 'customMetrics'), context) : [];
  return { ...file, earlyEvaluation: { ...file.earlyEvaluation, customMetrics: metrics } };
}

/** The first export would fail, hours after the training has begun. */
export function checkFeatureNames(leaf: LeafStep, fields: MapNode, { specOf, problems }: BuildContext): void {
  const node = child(fields, 'features');
  const spec = node?.kind === 'scalar' && node.whole ? specOf(node.whole.step) : null;
  if (!node || spec?.kind !== 'query') return;
  for (const { name, why } of unexportableNames((spec.features?.features ?? []).map((feature) => feature.name)))
    problems.add(
      node.at,
      join(leaf.path, 'features'),
      `the reference trainer cannot export a model with an input of this name, which ${why}`,
      {
        expected: "a letter, then letters, digits and _, no word of Python's own, none twice",
        found: name,
        hint: 'rename the column in the SQL and in its feature table',
      },
    );
}
