/** What makes an input the same input: the version of a table, the generations of objects, the code that reads them. */
import { trainerImages } from '../contract/clusters.ts';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Profile, StepSpec } from '../contract/index.ts';
import { scoreTables } from '../contract/steps.ts';
import type { Ports } from '../ports/index.ts';
import { digestsInKey } from './images.ts';

export interface TypedValue {
  readonly type: 'table' | 'uri' | 'champion';
  readonly value: string;
}

const TRAINER_FOLDER = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'python');

/** null = it does not exist. */
export async function identify(ports: Ports, profile: Profile, pipeline: string, input: TypedValue): Promise<string | null> {
  if (input.type === 'table') return (await (await ports.warehouse(profile)).describe(input.value))?.version ?? null;
  if (input.type === 'uri') return identifyObjects(ports, profile, input.value);
  const champions = await (await ports.warehouse(profile)).ledger('models', { pipeline, stage: 'champion' });
  return JSON.stringify(champions.map((row) => row.export ?? null));
}

/** An object's generation; of a prefix, the names and generations of all that is under it. */
async function identifyObjects(ports: Ports, profile: Profile, uri: string): Promise<string | null> {
  const store = await ports.store(profile);
  const object = uri.endsWith('/') ? null : await store.stat(uri);
  if (object) return object.generation;
  const hash = createHash('sha256');
  let count = 0;
  for await (const info of store.list(`${uri.replace(/\/+$/, '')}/`)) {
    hash.update(`${info.uri}\n${info.generation}\n`);
    count++;
  }
  return count === 0 ? null : `${count}:${hash.digest('hex')}`;
}

/** Tables and objects that a bound spec reads. */
export function inputsOf(spec: StepSpec, root: string): TypedValue[] {
  const table = (value: string): TypedValue => ({ type: 'table', value });
  const uri = (value: string): TypedValue => ({ type: 'uri', value });
  switch (spec.kind) {
    case 'query':
      return [...Object.values(spec.tables).map(table), ...Object.values(spec.sources).map(uri)];
    case 'export':
      return [table(spec.table)];
    case 'search':
      return [
        ...Object.values(spec.data).map(uri),
        ...(spec.features === undefined ? [] : [uri(spec.features)]),
        ...(spec.earlyEvaluation
          ? [table(spec.earlyEvaluation.table), uri(spec.earlyEvaluation.features), uri(spec.earlyEvaluation.data)]
          : []),
        ...(spec.dataBy ?? []).flatMap(({ data, features, earlyEvaluation: test }) => [
          ...Object.values(data).map(uri),
          ...(features === undefined ? [] : [uri(features)]),
          ...(test ? [table(test.table), uri(test.features), uri(test.data)] : []),
        ]),
      ];
    case 'evaluate':
      return [
        ...(spec.table === undefined ? [] : [table(spec.table)]),
        ...[spec.features, spec.data, spec.model].flatMap((value) => (value === undefined ? [] : [uri(value)])),
        ...scoreTables(spec).map(({ table: name }) => table(name)),
        ...spec.compareWith.map((value): TypedValue => (value === 'champion' ? { type: 'champion', value } : uri(value))),
      ];
    case 'check':
      return [table(spec.table), ...spec.rules.flatMap((rule) => (rule.check === 'overlap' ? [table(rule.with)] : []))];
    case 'container':
    case 'script':
      return Object.values(spec.inputs).flatMap((value) => (typeof value === 'string' && value.startsWith(`${root}/`) ? [uri(value)] : []));
    case 'approval':
      return [];
  }
}

/** The code of ours that makes the output: an image by its name, with its digest where that is known, or the sources of the local Python environment. */
export function codeIdentity(profile: Profile, spec: StepSpec): string {
  return [codeName(profile, spec), ...digestsInKey(profile, spec)].join(' ');
}

function codeName(profile: Profile, spec: StepSpec): string {
  const images = trainerImages(profile).join(' ');
  const trainer = (): string => images || sourceHash('longhaul_trainer', 'longhaul');
  /** The digest of shipped code is in the spec; this is what it runs in and with. */
  const launched = (image = ''): string => (images ? `${images} ${image}`.trim() : sourceHash('longhaul'));
  const sql = (): string => (profile.warehouse.kind === 'duckdb' ? sourceHash('longhaul_sql') : '');
  switch (spec.kind) {
    case 'query':
      return sql();
    case 'search':
      return spec.code ? launched(spec.image) : (spec.image ?? trainer());
    case 'evaluate':
      return `${sql()} ${trainer()}`;
    case 'script':
      return images || sourceHash('longhaul_script', 'longhaul');
    case 'container':
      return spec.code ? launched(spec.image) : (spec.image ?? '');
    case 'export':
    case 'check':
    case 'approval':
      return '';
  }
}

const sourceHashes = new Map<string, string>();

/** Over the Python files of packages of `python/`; once per process, for a worker does not reload code either. */
function sourceHash(...packages: readonly string[]): string {
  const name = packages.join(' ');
  const known = sourceHashes.get(name);
  if (known !== undefined) return known;
  const hash = createHash('sha256');
  for (const file of packages.flatMap((each) => pythonFiles(join(TRAINER_FOLDER, each)))) {
    hash.update(`${relative(TRAINER_FOLDER, file)}\n`).update(readFileSync(file));
  }
  const digest = hash.digest('hex');
  sourceHashes.set(name, digest);
  return digest;
}

/** None where the worker's image leaves them out: Jobs then have an image of their own. */
function pythonFiles(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.py'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
