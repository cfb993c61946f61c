/** From expanded steps to the steps of the document: bound, ordered, built, checked against each other. */
import type { Step, Condition } from '../contract/steps.ts';
import { outputsOf } from '../contract/outputs.ts';
import type { OutputType } from '../contract/values.ts';
import { withChoices } from './chosen-params.ts';
import { bindCondition, type BoundCondition } from './condition.ts';
import { TYPE_WORDS, type Expectation } from './declarations.ts';
import { secondsOf } from '../contract/units.ts';
import type { LeafStep } from './expand.ts';
import { orderSteps } from './order.ts';
import { join, type Problems } from './problems.ts';
import type { Resolver } from './resolve.ts';
import { findStep, isFailure, leavesOf, type Scope } from './scope.ts';
import { buildSpec } from './specs.ts';
import type { BuildContext } from './build-context.ts';
import { checkTypedFields, referencesWithPlaces, resolveFields, withDatasets } from './step-fields.ts';
import { suggestion } from './suggest.ts';
import { child, show, toPlain, without, type MapNode, type Node, type Reference } from './tree.ts';

interface BoundStep {
  readonly leaf: LeafStep;
  readonly fields: MapNode;
  /** Of a search that chooses params the fields with each combination of them, the first being `fields`; else `fields` alone. */
  readonly variants: readonly MapNode[];
  readonly conditions: readonly BoundCondition[];
  readonly dependsOn: readonly string[];
}

/** Fields of a search that say on what is trained; and of its early evaluation, on what is scored. */
const VARYING = ['data', 'features'];
const VARYING_OF_EVALUATION = ['table', 'features', 'data'];

type Outputs = ReadonlyMap<string, Readonly<Record<string, OutputType>>>;

interface BuiltSteps {
  readonly steps: readonly Step[];
  readonly outputs: Outputs;
}

/** @param known outputs of the steps that were built before: the main steps, for onExit steps */
export async function buildSteps(
  leaves: readonly LeafStep[],
  known: Outputs,
  resolver: Resolver,
  context: Omit<BuildContext, 'typeOf' | 'specOf'>,
): Promise<BuiltSteps> {
  const { problems } = context;
  const bound = new Map(leaves.map((leaf) => [leaf.id, bind(leaf, resolver, context)]));
  const { order, cycle } = orderSteps(new Map([...bound].map(([id, step]) => [id, step.dependsOn])));
  const [first] = cycle ?? [];
  const culprit = first === undefined ? undefined : bound.get(first)?.leaf;
  if (cycle && culprit) problems.add(culprit.at, culprit.path, 'these steps wait for each other', { found: cycle.join(' → ') });
  const outputs = new Map(known);
  const typeOf = (reference: Reference): OutputType | null => {
    const found = outputs.get(reference.step);
    return found && Object.hasOwn(found, reference.output) ? (found[reference.output] ?? null) : null;
  };
  const steps: Step[] = [];
  const specOf = (id: string): Step['spec'] | null => steps.find((step) => step.id === id)?.spec ?? null;
  for (const id of order) {
    const step = bound.get(id);
    if (!step) continue;
    checkReferences(step, outputs, problems);
    for (const fields of step.variants) checkTypedFields(step.leaf.kind, fields, step.leaf.path, context.storage, typeOf, problems);
    for (const condition of step.conditions) {
      for (const reference of condition.outputs) checkOutput(reference, condition.at, condition.path, outputs, problems);
      condition.check(typeOf);
    }
    const built = await buildSpec(step.leaf, step.variants, { ...context, typeOf, specOf });
    if (!built) continue;
    outputs.set(id, outputsOfSpec(built.spec));
    steps.push(toStep(step, built, context));
  }
  return { steps, outputs };
}

/** Outputs that were asked for with a type before any step was built. */
export function checkExpectations(expectations: readonly Expectation[], outputs: Outputs, problems: Problems): void {
  for (const { reference, type, at, path } of expectations) {
    const found = outputs.get(reference.step)?.[reference.output];
    if (found === undefined || found === type || type === 'json' || found === 'json') continue;
    const isText = (one: OutputType): boolean => one === 'string' || one === 'uri' || one === 'table';
    if ((type === 'string' && isText(found)) || (found === 'string' && isText(type)) || (type === 'float' && found === 'int')) continue;
    problems.add(at, path, 'this output has the wrong type', { expected: TYPE_WORDS[type], found: TYPE_WORDS[found] });
  }
}

export function bind(leaf: LeafStep, resolver: Resolver, context: Pick<BuildContext, 'problems' | 'dataset'>): BoundStep {
  const { chosen } = leaf;
  if (!chosen) return bindOne(leaf, resolver, context);
  const bound = chosen.combinations.map((combination) => bindOne({ ...combination.leaf, chosen }, resolver, context));
  const [first = bindOne(leaf, resolver, context)] = bound;
  const variants = bound.map(({ fields }) => fields);
  checkVariants(leaf, bound, context.problems);
  return { ...first, leaf, variants, dependsOn: [...new Set(bound.flatMap(({ dependsOn }) => dependsOn))] };
}

/** What of a search depends on the params that it chooses: data alone. */
function checkVariants(leaf: LeafStep, bound: readonly BoundStep[], problems: Problems): void {
  const tell = (name: string): void =>
    problems.add(
      child(leaf.fields, name)?.at ?? leaf.at,
      join(leaf.path, name),
      'this differs from trial to trial, by the params of the space',
      {
        expected: `of such params only ${VARYING.join(', ')} and the test set of earlyEvaluation depend`,
      },
    );
  const conditions = bound.map((step) => JSON.stringify(step.conditions.map(({ condition }) => condition)));
  if (new Set(conditions).size > 1) tell('when');
  for (const name of new Set(bound.flatMap(({ fields }) => [...fields.entries.keys()]))) {
    if (VARYING.includes(name) || name === 'after' || name === 'when') continue;
    const values = bound.map(({ fields }) => {
      const node = child(fields, name);
      return node && toPlain(name === 'earlyEvaluation' && node.kind === 'map' ? without(node, VARYING_OF_EVALUATION) : node);
    });
    if (new Set(values.map((value) => JSON.stringify(value))).size > 1) tell(name);
  }
}

function bindOne(leaf: LeafStep, resolver: Resolver, { problems, dataset }: Pick<BuildContext, 'problems' | 'dataset'>): BoundStep {
  const fields = withChoices(withDatasets(leaf.kind, resolveFields(leaf, resolver), dataset), leaf.chosen);
  const parts = [...leaf.users, { fields: leaf.fields, scope: leaf.scope, path: leaf.path }];
  const conditions = parts.flatMap(({ fields: written, scope, path }) => {
    const when = child(written, 'when');
    const condition = when && bindCondition(when, scope, join(path, 'when'), resolver, problems);
    return condition ? [condition] : [];
  });
  const after = parts.flatMap(({ fields: written, scope, path }) =>
    afterOf(child(written, 'after'), scope, join(path, 'after'), resolver, problems),
  );
  const referred = referencesWithPlaces(fields, leaf.path).map(({ reference }) => reference.step);
  return {
    leaf,
    fields,
    variants: [fields],
    conditions,
    dependsOn: [...new Set([...after, ...referred, ...conditions.flatMap(({ steps }) => steps)])],
  };
}

function afterOf(node: Node | undefined, scope: Scope, path: string, resolver: Resolver, problems: Problems): string[] {
  if (!node) return [];
  const resolved = resolver.resolve(node, scope, path);
  const names = resolved.kind === 'list' ? resolved.items : [resolved];
  return names.flatMap((name) => {
    if (name.kind === 'scalar' && name.broken) return [];
    if (name.kind !== 'scalar' || typeof name.value !== 'string') {
      problems.add(name.at, path, 'wrong type', { expected: 'the name of a step, or a list of names', found: show(toPlain(name)) });
      return [];
    }
    const entry = findStep(scope, name.value);
    if (!isFailure(entry)) return leavesOf(entry);
    problems.add(
      name.at,
      path,
      entry.message,
      entry.known && entry.name !== undefined ? suggestion(entry.name, entry.known) : { hint: entry.hint },
    );
    return [];
  });
}

function checkReferences({ leaf, variants }: BoundStep, outputs: Outputs, problems: Problems): void {
  for (const fields of variants)
    for (const { reference, at, path } of referencesWithPlaces(fields, leaf.path)) checkOutput(reference, at, path, outputs, problems);
}

function checkOutput(reference: Reference, at: Node['at'], path: string, outputs: Outputs, problems: Problems): void {
  const made = outputs.get(reference.step);
  // A step with mistakes of its own is not built; what its outputs would be cannot be told.
  if (!made || Object.hasOwn(made, reference.output)) return;
  problems.add(at, path, `step ${reference.step} has no output "${reference.output}"`, {
    ...suggestion(reference.output, Object.keys(made)),
    ...(reference.output === 'features' ? { hint: `give the step ${reference.step} a feature table: features: …` } : {}),
  });
}

/** A query without a feature table writes none. */
function outputsOfSpec(spec: Step['spec']): Readonly<Record<string, OutputType>> {
  const all = outputsOf(spec);
  if (spec.kind !== 'query' || spec.features) return all;
  return Object.fromEntries(Object.entries(all).filter(([name]) => name !== 'features'));
}

function toStep(
  { leaf, conditions, dependsOn }: BoundStep,
  { spec, common }: Exclude<Awaited<ReturnType<typeof buildSpec>>, null>,
  { files }: Omit<BuildContext, 'typeOf' | 'specOf'>,
): Step {
  const settings = [
    { ...common, ...(spec.kind === 'approval' ? { timeout: undefined } : {}) },
    ...leaf.users.map((user) => user.settings).reverse(),
  ];
  const retry = settings.find((each) => each.retry)?.retry;
  const timeout = settings.find((each) => each.timeout !== undefined)?.timeout;
  const when = conditions
    .map(({ condition }) => condition)
    .reduce<Condition | undefined>((left, right) => (left ? { op: 'and', left, right } : right), undefined);
  return {
    id: leaf.id,
    dependsOn: [...dependsOn],
    ...(when && !(when.op === 'value' && when.value === true) ? { when } : {}),
    retry: { attempts: retry?.attempts ?? 3, backoffSeconds: retry?.backoff === undefined ? 10 : secondsOf(retry.backoff) },
    ...(timeout === undefined ? {} : { timeoutSeconds: secondsOf(timeout) }),
    // A check that was made of older data, or at an earlier time, says nothing of today's.
    cache: spec.kind !== 'check' && settings.every((each) => each.cache !== false),
    ...(leaf.combination ? { combination: leaf.combination } : {}),
    ...(leaf.at.line === undefined ? {} : { source: { file: files.nameOf(leaf.at), line: leaf.at.line } }),
    spec,
  };
}
