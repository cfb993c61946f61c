/** From a pipeline file and a profile to the run document, the only thing that enters Temporal. */
import { realpath } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import { z } from 'zod';
import { canonicalJson, sha256 } from '../contract/canonical-json.ts';
import { documentFields, PIPELINE_RENAMES } from '../contract/earlier-names.ts';
import { PipelineFile } from '../contract/pipeline.ts';
import type { Profile } from '../contract/profile.ts';
import { RUN_DOCUMENT_VERSION, RunDocument } from '../contract/run-document.ts';
import type { Step } from '../contract/steps.ts';
import type { Json } from '../contract/values.ts';
import { CodePacker, type Ship } from './code/pack.ts';
import { choosingSearch } from './chosen-params.ts';
import { expandCombinations } from './combinations.ts';
import type { Expand } from './expansions.ts';
import { readDeclarations, valueOf, type Declared, type Expectation } from './declarations.ts';
import { withPresentNames } from './earlier-names.ts';
import { Expander, type Chosen, type LeafStep } from './expand.ts';
import { Files, isInside } from './files.ts';
import { gitState, type GitState } from './git.ts';
import { loadExtended } from './load.ts';
import { checkSecrets } from './secrets.ts';
import { checkNodes, checkPools } from './nodes.ts';
import { applyOverrides } from './overrides.ts';
import { Problems } from './problems.ts';
import { datasetOf, findProfile, storageRoot } from './profile.ts';
import { Resolver } from './resolve.ts';
import { applySchema } from './schema-problems.ts';
import { nearestName } from './suggest.ts';
import { constantsOf, extend, type Constant, type Scope } from './scope.ts';
import type { BindSql } from './bind-steps.ts';
import { SqlChecks, type CheckSql } from './sql-files.ts';
import { UNKNOWN_STORAGE } from './step-fields.ts';
import { buildSteps, checkExpectations } from './steps.ts';
import { child, emptyMap, fromPlain, scalar, toPlain, without, type MapNode, type Node } from './tree.ts';

export interface CompileOptions {
  /** Name of a profile beside the pipeline, or a path; `local` is built in. */
  readonly profile?: string;
  /** `path=value`, e.g. `params.trials=8` */
  readonly set?: readonly string[];
  /** What relative paths of the command line and of profiles are relative to. */
  readonly cwd?: string;
  /** Used where the warehouse is the embedded one: it must be able to translate every statement. */
  readonly checkSql?: CheckSql;
  readonly bindSql?: BindSql;
  /** Is given all that the run needs in the store of its profile, at `codeUri`. */
  readonly ship?: Ship;
  /** Called with a line that is no mistake, e.g. about spellings of an earlier version. */
  readonly warn?: (line: string) => void;
}

/** Temporal refuses payloads over 2 MiB. */
const MAX_DOCUMENT_BYTES = 1_800_000;

const NO_PROFILE = { storage: UNKNOWN_STORAGE, dataset: 'longhaul' };

const PipelineShell = z.strictObject({
  ...PipelineFile.shape,
  params: z.unknown().optional(),
  steps: z.unknown().optional(),
  onExit: z.unknown().optional(),
});

/**
 * @throws InvalidInputError with every mistake that was found
 * @example
 * const document = await compile('pipeline.yaml', { profile: 'local', set: ['params.trials=8'] });
 */
export async function compile(file: string, options: CompileOptions = {}): Promise<RunDocument> {
  const problems = new Problems();
  const cwd = await realpath(options.cwd ?? process.cwd());
  const wanted = resolve(cwd, file);
  const path = await realpath(wanted).catch(() => wanted);
  const git = await gitState(dirname(path));
  const files = new Files(git.root ?? (isInside(cwd, path) ? cwd : dirname(path)), cwd, problems);
  const loader = { files, problems };
  const [found, source] = await Promise.all([
    findProfile(options.profile ?? 'local', dirname(path), cwd, problems),
    files.read(file, { file, folder: cwd }, ''),
  ]);
  const written = source && (await loadExtended(source, 'pipeline', loader));
  if (!written) return failed(problems);
  const overridden = applyOverrides(written, options.set ?? [], dirname(path), problems);
  const pipeline = overridden.pipeline;

  const target = found ? { storage: storageRoot(found.profile), dataset: datasetOf(found.profile) } : NO_PROFILE;
  const resolver = new Resolver(problems);
  const name = nameOf(pipeline);
  const expectations: Expectation[] = [];
  const declared = readDeclarations(child(pipeline, 'params') ?? emptyMap(pipeline.at), 'params', problems);
  const scoped = (to: Resolver, chosen: Chosen = new Map()): Scope =>
    paramsScope({ pipeline, declared, given: overridden.params, chosen, name, storage: target.storage }, to, problems, expectations);
  const base = scoped(resolver);
  const head = headOf(pipeline, base, resolver, problems);

  const expand: Expand = async (chosen, to, nameOf) => {
    const own = new Resolver(to);
    const expander = new Expander({ files, problems: to }, own, nameOf);
    const scope = chosen.size === 0 ? base : scoped(own, chosen);
    const steps = await expander.expand(child(pipeline, 'steps'), scope, 'steps');
    const leaves = expander.leaves.splice(0);
    await expander.expand(child(pipeline, 'onExit'), { ...scope, isOnExit: true }, 'onExit', steps);
    return { leaves: [...leaves, ...expander.leaves], expectations: expander.expectations };
  };
  const plain = await expand(new Map(), problems, (id) => id);
  const searches = plain.leaves.flatMap((leaf) => choosingSearch(leaf, declared, resolver, problems) ?? []);
  const expanded = await expandCombinations(plain, searches, { expand, dataset: target.dataset, problems, values: valuesIn(base) });
  const mainLeaves = expanded.leaves.filter(({ scope }) => !scope.isOnExit);
  const exitLeaves = expanded.leaves.filter(({ scope }) => scope.isOnExit);
  if (mainLeaves.length === 0 && !problems.any) problems.add(pipeline.at, 'steps', 'the pipeline has no steps');

  const sqlChecks = options.checkSql && found?.profile.warehouse.kind === 'duckdb' ? new SqlChecks(options.checkSql, problems) : null;
  const packer = new CodePacker(files, problems, options.ship);
  const context = { ...loader, ...target, pipeline: toPlain(name) as string, sqlChecks, packer };
  const main = await buildSteps(mainLeaves, new Map(), resolver, context);
  const onExit = await buildSteps(exitLeaves, main.outputs, resolver, context);
  checkExpectations([...expectations, ...expanded.expectations], onExit.outputs, problems);
  checkDestinations([...main.steps, ...onExit.steps], expanded.leaves, problems);
  if (found)
    for (const check of [checkNodes, checkPools, checkSecrets])
      check([...main.steps, ...onExit.steps], expanded.leaves, found.profile, problems);
  await sqlChecks?.settled();
  if (sqlChecks && options.bindSql && !problems.any) await sqlChecks.withColumns([...main.steps, ...onExit.steps], options.bindSql);
  const earlier = problems.earlierNames;
  if (earlier !== null) options.warn?.(earlier);
  if (problems.any || !head || !found) return failed(problems);

  const params = new Map<string, Json>();
  for (const [key, value] of base.constants)
    if (key.startsWith('params.') && typeof value !== 'function') params.set(key.slice('params.'.length), toPlain(value));
  return toDocument(
    { head, found, main: main.steps, onExit: onExit.steps, params: Object.fromEntries(params), git, file: relative(files.root, path) },
    problems,
    pipeline,
  );
}

function failed(problems: Problems): never {
  problems.throwIfAny();
  throw new Error('compiling ended without a document and without a problem');
}

function nameOf(pipeline: MapNode): Node {
  const node = child(pipeline, 'name');
  // Where it is missing or wrong, the schema says so.
  return node?.kind === 'scalar' && typeof node.value === 'string' ? node : scalar('pipeline', pipeline.at);
}

interface Params {
  readonly pipeline: MapNode;
  readonly declared: readonly Declared[];
  readonly given: ReturnType<typeof applyOverrides>['params'];
  /** By a search, and checked. */
  readonly chosen: Chosen;
  readonly name: Node;
  readonly storage: string;
}

/** Params are resolved in the order of the file; each may use those before it. */
function paramsScope(
  { pipeline, declared, given, chosen, name, storage }: Params,
  resolver: Resolver,
  problems: Problems,
  expectations: Expectation[],
): Scope {
  let scope: Scope = {
    constants: constantsOf({ pipeline: name, storage: scalar(storage, pipeline.at) }),
    steps: new Map(),
    inComponent: false,
    isOnExit: false,
  };
  for (const param of declared) {
    const fallback = param.default && resolver.resolve(param.default, scope, param.path);
    const other = given.get(param.name);
    const set = other && { ...other, node: resolver.resolve(other.node, scope, other.path) };
    const value: Constant =
      chosen.get(param.name) ?? valueOf({ ...param, default: fallback }, set, problems, (expectation) => expectations.push(expectation));
    scope = extend(scope, [[`params.${param.name}`, value]]);
  }
  return scope;
}

function valuesIn({ constants }: Scope): Chosen {
  return new Map(
    [...constants].flatMap(([name, value]) =>
      name.startsWith('params.') && typeof value !== 'function' && value.kind === 'scalar' ? [[name.slice('params.'.length), value]] : [],
    ),
  );
}

type Head = z.output<typeof PipelineShell>;

function headOf(pipeline: MapNode, scope: Scope, resolver: Resolver, problems: Problems): Head | null {
  const budget = child(pipeline, 'budget');
  const entries = new Map(pipeline.entries);
  const key = entries.get('budget')?.key;
  if (budget && key) entries.set('budget', { key, value: resolver.resolve(budget, scope, 'budget') });
  const isMisspelt = [...entries.keys()].some((name) => nearestName(name, Object.keys(PipelineShell.shape)) === 'steps');
  if (!child(pipeline, 'steps') && !isMisspelt)
    problems.add(pipeline.at, 'steps', '"steps" is missing', { expected: 'a map: name of a step, then its fields' });
  const fields = withPresentNames({ ...pipeline, entries }, PIPELINE_RENAMES, '', problems);
  return applySchema(PipelineShell, without(fields, ['params', 'steps', 'onExit']), '', problems);
}

/** Two steps that write to one place would take turns at destroying each other's output; `{key}` keeps different content apart. */
function checkDestinations(steps: readonly Step[], leaves: readonly LeafStep[], problems: Problems): void {
  const writers = new Map<string, string>();
  for (const { id, spec } of steps) {
    const destination = 'destination' in spec ? spec.destination : 'output' in spec ? spec.output : null;
    if (destination === null || destination.includes('{key}')) continue;
    const other = writers.get(destination);
    const leaf = leaves.find((each) => each.id === id);
    if (other !== undefined && leaf)
      problems.add(leaf.at, leaf.path, `it writes to the same place as ${other}`, {
        found: destination,
        hint: 'put {step} or {key} into the name',
      });
    writers.set(destination, id);
  }
}

interface Parts {
  readonly head: Head;
  readonly found: { readonly name: string; readonly profile: Profile };
  readonly main: readonly Step[];
  readonly onExit: readonly Step[];
  readonly params: Readonly<Record<string, Json>>;
  readonly git: GitState;
  readonly file: string;
}

function toDocument({ head, found, main, onExit, params, git, file }: Parts, problems: Problems, pipeline: MapNode): RunDocument {
  const content = {
    schemaVersion: RUN_DOCUMENT_VERSION,
    pipeline: head.name,
    description: head.description ?? '',
    params,
    profileName: found.name,
    profile: found.profile,
    steps: main,
    onExit,
    ...documentFields(PIPELINE_RENAMES, { budget: head.budget ?? {} }),
  };
  const document = { ...content, source: { file, commit: git.commit, dirty: git.dirty }, hash: hashOf(content) };
  const bytes = Buffer.byteLength(JSON.stringify(document));
  if (bytes > MAX_DOCUMENT_BYTES)
    problems.add(pipeline.at, '', 'the run document is too large', {
      expected: `at most ${MAX_DOCUMENT_BYTES} bytes, SQL and scripts included`,
      found: `${bytes}`,
      hint: 'make fewer instances, or split the pipeline',
    });
  const parsed = applySchema(RunDocument, fromPlain(JSON.parse(JSON.stringify(document)) as never, pipeline.at), '', problems);
  return parsed && !problems.any ? parsed : failed(problems);
}

/** Where a step is written does not change what it does. */
export function hashOf(content: { readonly steps: readonly Step[]; readonly onExit: readonly Step[] }): string {
  const unplaced = (steps: readonly Step[]): object[] => steps.map(({ source: _source, ...step }) => step);
  return sha256(canonicalJson({ ...content, steps: unplaced(content.steps), onExit: unplaced(content.onExit) }));
}
