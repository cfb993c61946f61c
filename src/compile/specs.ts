/** The spec of a step, by its kind: files read, defaults filled in. */
import { z } from 'zod';
import { documentFields, STEP_RENAMES } from '../contract/earlier-names.ts';
import { STEP_FILES } from '../contract/pipeline.ts';
import { searchOfFile, searchOfTraining } from '../contract/pipeline-search.ts';
import { StepSpec } from '../contract/steps.ts';
import { shipped } from './shipped.ts';
import { shippedSampler } from './own-sampler.ts';
import { secondsOf } from '../contract/units.ts';
import type { LeafStep } from './expand.ts';
import { join } from './problems.ts';
import { applySchema } from './schema-problems.ts';
import { withPresentNames, withPrunerList } from './earlier-names.ts';
import { child, type MapNode, show, without } from './tree.ts';
import { type BuildContext, type FileOf, prefixOf } from './build-context.ts';
import { checkRules, customMetrics } from './custom-sql.ts';
import { querySpec } from './query-spec.ts';
import { checkFeatureNames, dataBy, searchSpec } from './search-spec.ts';
import { checkEvaluate } from './evaluate-checks.ts';

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
