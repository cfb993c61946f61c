/** The spec of a step, by its kind: files read, defaults filled in. */
import { z } from 'zod';
import { documentFields, STEP_RENAMES } from '../contract/earlier-names.ts';
import { hasDecimals, parseGoogleType } from '../contract/google-type.ts';
import { searchOfFile, searchOfTraining, STEP_FILES, type SearchOfFile } from '../contract/pipeline.ts';
import { StepSpec } from '../contract/steps.ts';
import type { Shipped } from '../contract/code.ts';
import type { Json, OutputType, QueryParameter } from '../contract/values.ts';
import type { CodePacker } from './code/pack.ts';
import { shipped } from './shipped.ts';
import { shippedSampler } from './own-sampler.ts';
import { unexportableNames } from '../rules/feature-names.ts';
import { featureTable } from './feature-table.ts';
import { secondsOf } from '../contract/units.ts';
import type { ChosenSearch, LeafStep } from './expand.ts';
import type { Loader } from './load.ts';
import { join } from './problems.ts';
import { queryParameter } from './query-parameters.ts';
import { applySchema } from './schema-problems.ts';
import { withScheduler } from './schedulers.ts';
import { checkSearch } from './search-checks.ts';
import { withPresentNames, withPrunerList } from './earlier-names.ts';
import { checkNames, readSql, type SqlChecks } from './sql-files.ts';
import { identifier, isBelow } from './step-fields.ts';
import { suggestion } from './suggest.ts';
import { child, emptyMap, show, toPlain, without, type Entry, type MapNode, type Reference } from './tree.ts';

export interface BuildContext extends Loader {
  readonly pipeline: string;
  /** Root of the object store, without a slash at its end. */
  readonly storage: string;
  /** Data set of tables that name none. */
  readonly dataset: string;
  /** null: the warehouse's SQL cannot be checked here. */
  readonly sqlChecks: SqlChecks | null;
  readonly packer: CodePacker;
  /** null: the step has no such output, or is itself wrong. */
  readonly typeOf: (reference: Reference) => OutputType | null;
  /** What was built of another step; null: it is not built, or wrong. */
  readonly specOf: (step: string) => StepSpec | null;
}

type FileOf<K extends LeafStep['kind']> = z.output<(typeof STEP_FILES)[K]>;

/** Fields that every kind has; they become fields of the step and not of its spec. */
const COMMON = ['description', 'after', 'when', 'forEach', 'retry', 'timeout', 'cache'] as const;

interface Built {
  readonly spec: StepSpec;
  readonly common: Pick<FileOf<'query'>, 'retry' | 'timeout' | 'cache'>;
}

/** null: there are mistakes in it, and they are told. @param variants resolved; of a search that chooses params several, which differ in their data */
export async function buildSpec(leaf: LeafStep, variants: readonly MapNode[], context: BuildContext): Promise<Built | null> {
  const { problems } = context;
  const [written = leaf.fields] = variants;
  const present = withPresentNames(written, STEP_RENAMES[leaf.kind], leaf.path, problems);
  const fields = leaf.kind === 'search' || leaf.kind === 'train' ? withPrunerList(present) : present;
  // `when` and `after` are read apart; here they need only be of some form.
  const file = applySchema(STEP_FILES[leaf.kind], without(fields, ['when', 'after']), leaf.path, problems, leaf.at);
  // Even then files are read, so that their mistakes are told in the same go.
  const built = await build(leaf, fields, file, context);
  if (!built || !file) return null;
  if (leaf.chosen) for (const other of variants.slice(1)) checkFeatureNames(leaf, other, context);
  const spec = leaf.chosen ? { ...built, dataBy: dataBy(leaf.chosen, variants) } : built;
  const parsed = StepSpec.safeParse(spec);
  if (parsed.success) return { spec: parsed.data, common: file };
  // The schema of the file lets nothing pass that the spec refuses; if it does, say what.
  problems.add(leaf.at, leaf.path, z.prettifyError(parsed.error));
  return null;
}

/** On what a trial with each combination of params trains. */
function dataBy({ combinations }: ChosenSearch, variants: readonly MapNode[]): object[] {
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

async function build(
  leaf: LeafStep,
  fields: MapNode,
  file: FileOf<LeafStep['kind']> | null,
  context: BuildContext,
): Promise<object | null> {
  if (leaf.kind === 'query') return querySpec(leaf, fields, file as FileOf<'query'> | null, context);
  if (leaf.kind === 'script') return scriptSpec(leaf, fields, file as FileOf<'script'> | null, context);
  const prefix = (name: string): string => prefixOf(leaf, fields, name, context);
  if (!file) {
    prefix(leaf.kind === 'export' ? 'destination' : 'output');
    return null;
  }
  const own = Object.fromEntries(Object.entries(file).filter(([name]) => !(COMMON as readonly string[]).includes(name)));
  const named = documentFields(STEP_RENAMES[leaf.kind], own);
  switch (leaf.kind) {
    case 'export':
      return { ...named, destination: prefix('destination'), ...sessionOf(file as FileOf<'export'>, fields, context) };
    case 'container': {
      const code = await shipped(leaf, fields, file as FileOf<'container'>, context);
      const { code: _code, requirements: _requirements, ...container } = named as FileOf<'container'>;
      return code && { ...container, ...code, output: prefix('output') };
    }
    case 'search':
    case 'train': {
      const output = prefix('output');
      const code = await shipped(leaf, fields, file as FileOf<'search' | 'train'>, context);
      const sampler = leaf.kind === 'search' ? await shippedSampler(leaf, fields, file as FileOf<'search'>, context) : undefined;
      if (code === null || sampler === null) return null;
      const {
        code: _code,
        requirements: _requirements,
        ...search
      } = sampler === undefined
        ? searchOfTraining({ ...(own as FileOf<'train'>), output })
        : searchOfFile({ ...(own as FileOf<'search'>), output, sampler });
      return searchSpec(leaf, fields, { ...search, ...code }, context);
    }
    case 'evaluate':
      checkEvaluate(leaf, fields, file as FileOf<'evaluate'>, context);
      return { ...named, customMetrics: await customMetrics(fields, join(leaf.path, 'customMetrics'), context) };
    case 'check':
      return documentFields(STEP_RENAMES.check, { ...own, rules: await checkRules(leaf, fields, file as FileOf<'check'>, context) });
    case 'approval': {
      const { timeout } = file as FileOf<'approval'>;
      return { ...own, ...(timeout === undefined ? {} : { timeoutSeconds: secondsOf(timeout) }) };
    }
  }
}

/**
 * One's own, or that of the feature table of the step that makes the table: rows of a session of a flat one must stay together, and a nested one
 * is divided alike, so that all warehouses make the same parts.
 */
function sessionOf(file: FileOf<'export'>, fields: MapNode, { specOf }: BuildContext): { readonly session?: string } {
  if (file.session !== undefined) return { session: file.session };
  const node = child(fields, 'table');
  const spec = node?.kind === 'scalar' && node.whole ? specOf(node.whole.step) : null;
  const layout = spec?.kind === 'query' ? spec.features?.layout : undefined;
  return layout === undefined ? {} : { session: layout.session };
}

async function querySpec(leaf: LeafStep, fields: MapNode, file: FileOf<'query'> | null, context: BuildContext): Promise<object | null> {
  const { problems } = context;
  const path = (name: string): string => join(leaf.path, name);
  const sqlNode = child(fields, 'sql');
  const text = sqlNode ? await readSql(sqlNode, path('sql'), context) : null;
  const parameters: Record<string, QueryParameter> = {};
  for (const [name, { value }] of entriesOf(fields, 'with')) {
    const parameter = queryParameter(value, join(path('with'), name), context.typeOf, problems);
    if (parameter) parameters[name] = parameter;
    const type = parameter && parseGoogleType(parameter.type);
    if (type && hasDecimals(type) && context.sqlChecks)
      problems.add(value.at, join(path('with'), name), 'the embedded warehouse does not compute decimals as BigQuery does', {
        expected: 'FLOAT64, INT64 or STRING',
        found: parameter.type,
        hint: 'see docs/sql.md',
      });
  }
  const featuresNode = child(fields, 'features');
  const features = featuresNode ? await featureTable(featuresNode, path('features'), context) : undefined;
  if (text) {
    const tables = [...entriesOf(fields, 'tables').keys(), ...entriesOf(fields, 'sources').keys()];
    const both = [...entriesOf(fields, 'tables')].find(([name]) => entriesOf(fields, 'sources').has(name));
    if (both) problems.add(both[1].key, join(path('tables'), both[0]), 'an alias is a table or a source, not both', { found: both[0] });
    checkNames(text, tables, [...entriesOf(fields, 'with').keys()], path('sql'), problems);
    context.sqlChecks?.add(text, path('sql'), leaf.id);
  }
  const destination = destinationOf(leaf, fields, context);
  if (!file || !text || features === null || destination === null) return null;
  return {
    kind: 'query',
    sql: text.sql,
    sqlFile: text.name,
    parameters,
    tables: file.tables ?? {},
    sources: file.sources ?? {},
    destination,
    ...(file.partitionBy === undefined
      ? {}
      : { partitioning: typeof file.partitionBy === 'string' ? { column: file.partitionBy } : file.partitionBy }),
    clustering: typeof file.clusterBy === 'string' ? [file.clusterBy] : (file.clusterBy ?? []),
    ...(file.expiration === undefined ? {} : { expirationDays: file.expiration }),
    ...(file.maximumBytesBilled === undefined ? {} : { maximumBytesBilled: file.maximumBytesBilled }),
    ...(features ? { features } : {}),
    statistics: file.statistics ?? false,
  };
}

const MAX_TABLE = 220;
const TABLE_PARTS = /^(?:(?:[A-Za-z0-9_-]+\.){1,2})?[A-Za-z0-9_-]+$/;

/** Only identifiers: the name of a table becomes part of SQL. What is made for a combination of params is called as in a run with these params alone: it is the same. */
function destinationOf(leaf: LeafStep, fields: MapNode, { dataset, pipeline, problems }: BuildContext): string | null {
  const node = child(fields, 'destination');
  if (!node) return `${dataset}.${identifier(pipeline)}_${identifier(leaf.template)}_{key}`;
  if (node.kind !== 'scalar' || node.broken || typeof node.value !== 'string') return null;
  const constant = node.value.replaceAll('{key}', 'k'.repeat(12)).replaceAll('{run}', 'r');
  if (TABLE_PARTS.test(constant) && constant.length <= MAX_TABLE) return constant.includes('.') ? node.value : `${dataset}.${node.value}`;
  problems.add(node.at, join(leaf.path, 'destination'), 'not the name of a table', {
    expected: `dataset.table of letters, digits, _ and - and {key}, at most ${MAX_TABLE} characters`,
    found: show(node.value),
  });
  return null;
}

/** Where a step writes: below the storage of the profile, for nothing else may be written to. */
function prefixOf(leaf: LeafStep, fields: MapNode, name: string, { pipeline, storage, problems }: BuildContext): string {
  const node = child(fields, name);
  if (node?.kind !== 'scalar' || typeof node.value !== 'string') return `${storage}/${pipeline}/${leaf.template}/{key}`;
  const value = node.value.replace(/\/+$/, '');
  if (!isBelow(storage, value))
    problems.add(node.at, join(leaf.path, name), 'a step writes below the storage of the profile', {
      expected: `{storage}/…`,
      found: show(node.value),
    });
  return value;
}

/** With what was shipped in the place of what names it. */
type ShippedSearch = Omit<SearchOfFile, keyof Shipped> & Shipped;

async function searchSpec(leaf: LeafStep, fields: MapNode, asked: ShippedSearch, context: BuildContext): Promise<object> {
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
function checkFeatureNames(leaf: LeafStep, fields: MapNode, { specOf, problems }: BuildContext): void {
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

async function customMetrics(fields: MapNode, path: string, context: BuildContext): Promise<{ file: string; sql: string }[]> {
  const node = child(fields, 'customMetrics');
  if (node?.kind !== 'list') return [];
  const texts = await Promise.all(node.items.map((item, i) => readSql(item, join(path, i), context)));
  return texts.flatMap((text, i) => {
    if (!text) return [];
    checkNames(text, ['scores'], [], join(path, i), context.problems);
    context.sqlChecks?.add(text, join(path, i));
    return [{ file: text.name, sql: text.sql }];
  });
}

/** Rules in SQL are read; the others are as they stand. */
async function checkRules(leaf: LeafStep, fields: MapNode, file: FileOf<'check'>, context: BuildContext): Promise<object[]> {
  const node = child(fields, 'rules');
  const items = node?.kind === 'list' ? node.items : [];
  const built = await Promise.all(
    file.rules.map(async (rule, index) => {
      if (rule.check !== 'sql') return rule;
      const path = join(leaf.path, 'rules', index, 'sql');
      const item = items[index];
      const sqlNode = item?.kind === 'map' ? child(item, 'sql') : undefined;
      const text = sqlNode ? await readSql(sqlNode, path, context) : null;
      if (!text) return null;
      checkNames(text, ['table'], [], path, context.problems);
      context.sqlChecks?.add(text, path);
      return { ...rule, file: text.name, sql: text.sql };
    }),
  );
  return built.filter((rule) => rule !== null);
}

/** A model that is scored here needs its test set; scores that are there need what their task is about. */
function checkEvaluate(leaf: LeafStep, fields: MapNode, file: FileOf<'evaluate'>, { problems }: BuildContext): void {
  const path = (name: string): string => join(leaf.path, name);
  const missing = (name: string, expected: string): void => problems.add(leaf.at, path(name), `"${name}" is missing`, { expected });
  const refuse = (name: string, message: string, hint: string): void =>
    problems.add(child(fields, name)?.at ?? leaf.at, path(name), message, { hint });
  if (file.scores === undefined) {
    if (file.model === undefined) return missing('model', 'a model export to score, or `scores`, a table of another step');
    for (const name of ['table', 'features', 'data'] as const)
      if (file[name] === undefined) missing(name, 'the test set that the model is to score');
    checkTask(leaf, fields, file, problems);
    return;
  }
  for (const name of ['model', 'features', 'data', 'table', 'compareWith'] as const)
    if (child(fields, name)) refuse(name, 'scores that are there already need none', 'remove it, or remove `scores`');
  if (file.task === 'ranking' && file.group === undefined) missing('group', 'the column of the session, for `task: ranking`');
  checkTask(leaf, fields, file, problems);
}

/** Fields that one task needs, and no other has. */
function checkTask(leaf: LeafStep, fields: MapNode, file: FileOf<'evaluate'>, problems: BuildContext['problems']): void {
  const path = (name: string): string => join(leaf.path, name);
  const missing = (name: string, expected: string): void => problems.add(leaf.at, path(name), `"${name}" is missing`, { expected });
  const refuse = (name: string, message: string, hint: string): void =>
    problems.add(child(fields, name)?.at ?? leaf.at, path(name), message, { hint });
  if (file.task === 'multiclass' && Object.keys(file.classes ?? {}).length < 2)
    missing('classes', 'class: column of its probability, two at least, for `task: multiclass`');
  for (const [name, task] of [
    ['classes', 'multiclass'],
    ['horizon', 'forecast'],
    ['scale', 'forecast'],
    ['quantile', 'regression'],
  ] as const)
    if (child(fields, name) && file.task !== task) refuse(name, `this field is of \`task: ${task}\``, `the task is ${file.task}`);
}

const LANGUAGES: Readonly<Record<string, 'python' | 'shell'>> = { py: 'python', sh: 'shell', bash: 'shell' };

async function scriptSpec(leaf: LeafStep, fields: MapNode, file: FileOf<'script'> | null, context: BuildContext): Promise<object | null> {
  const node = child(fields, 'file');
  if (node?.kind !== 'scalar' || typeof node.value !== 'string' || node.broken) return null;
  const source = await context.files.read(node.value, node.at, join(leaf.path, 'file'));
  const output = prefixOf(leaf, fields, 'output', context);
  if (!source || !file) return null;
  const language = file.language ?? LANGUAGES[node.value.split('.').at(-1) ?? ''];
  if (!language) {
    context.problems.add(node.at, join(leaf.path, 'file'), 'the language cannot be told from the name', {
      expected: '.py or .sh, or `language`',
      found: show(node.value),
    });
    return null;
  }
  const { requirements, secrets, inputs, outputs, resources } = file;
  const own = {
    kind: 'script',
    language,
    file: source.name,
    source: source.text,
    requirements,
    secrets,
    inputs,
    outputs,
    output,
    resources,
  };
  return documentFields(STEP_RENAMES.script, own);
}

const entriesOf = (node: MapNode, key: string): ReadonlyMap<string, Entry> => {
  const found = child(node, key);
  return found?.kind === 'map' ? found.entries : new Map<string, Entry>();
};
