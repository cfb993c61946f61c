/** A pipeline of one training, out of a script and a few options: what `longhaul train` writes down and runs. */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { Name, type Json } from '../contract/values.ts';
import { directionOf } from '../rules/metric-directions.ts';
import { UsageError } from './exit.ts';

const MAX_SHOWN = 60;

export interface TrainOptions {
  readonly data: readonly string[];
  readonly parameters: Readonly<Record<string, Json>>;
  readonly metric?: string | undefined;
  readonly direction?: 'maximize' | 'minimize' | undefined;
  readonly epochs?: number | undefined;
  readonly seed?: number | undefined;
  readonly code?: string | undefined;
  readonly requirements?: string | undefined;
  readonly python?: string | undefined;
  readonly image?: string | undefined;
  readonly name?: string | undefined;
}

/** A folder of this machine that the training reads: it goes into the store, named by its content. */
export interface Upload {
  readonly digest: string;
  readonly files: readonly { readonly name: string; readonly path: string }[];
}

interface TrainingPipeline {
  readonly pipeline: Record<string, unknown>;
  readonly uploads: readonly Upload[];
}

export const uploadUri = (root: string, { digest }: Pick<Upload, 'digest'>): string => `${root}/uploads/${digest}`;

/** @param folder where the pipeline file will lie: its paths are relative to that */
export async function trainingPipeline(script: string, options: TrainOptions, cwd: string, folder: string): Promise<TrainingPipeline> {
  const path = resolve(cwd, script);
  const text = await readFile(path, 'utf8').catch(() => null);
  if (text === null) throw new UsageError(`${script}: no such file; expected a Python script that uses the SDK (docs/own-code.md)`);
  const code = options.code === undefined ? await codeOf(path, text) : resolve(cwd, options.code);
  const inside = (await stat(code).catch(() => null))?.isDirectory() ? relative(code, path) : basename(path);
  if (inside.startsWith('..')) throw new UsageError(`--code ${options.code ?? ''}: ${script} is not in that folder`);
  const metric = options.metric ?? metricIn(text, script);
  const data = await dataOf(options.data, cwd);
  const written = (file: string): string => relative(folder, resolve(cwd, file)).split(sep).join('/');
  const step = {
    kind: 'train',
    code: written(code),
    command: ['python', inside.split(sep).join('/')],
    objective: { metric, direction: options.direction ?? directionOf(metric, []) ?? 'maximize' },
    ...(data.size === 0 ? {} : { data: Object.fromEntries([...data].map(([name, { uri }]) => [name, uri])) }),
    ...(Object.keys(options.parameters).length === 0 ? {} : { parameters: options.parameters }),
    ...(options.requirements === undefined ? {} : { requirements: written(options.requirements) }),
    ...Object.fromEntries(
      (['epochs', 'seed', 'python', 'image'] as const).flatMap((key) => (options[key] === undefined ? [] : [[key, options[key]]])),
    ),
  };
  const uploads = new Map([...data.values()].flatMap(({ upload }) => (upload ? [[upload.digest, upload] as const] : [])));
  const name =
    options.name ??
    basename(path)
      .replace(/\.\w+$/, '')
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-');
  // It becomes a path before the compiler sees it.
  const checked = Name.safeParse(name);
  if (!checked.success)
    throw new UsageError(`--name: ${checked.error.issues[0]?.message ?? 'no name'}, found ${JSON.stringify(name.slice(0, MAX_SHOWN))}`);
  return { pipeline: { version: 1, name, steps: { train: step } }, uploads: [...uploads.values()] };
}

/** The first metric of the first validation point, which is the objective on a laptop too. */
function metricIn(text: string, script: string): string {
  const literal = /\.validation\(\s*\{\s*(?:"([^"]+)"|'([^']+)')\s*:/.exec(text);
  const found = literal?.[1] ?? literal?.[2] ?? (/\bmetrics\.ranking\(/.test(text) ? 'validation_ndcg_at_10' : undefined);
  if (found !== undefined) return found;
  throw new UsageError(`${script} does not say its metric in a literal (trial.validation({"auc": …})); name it: --metric auc`);
}

/** The script alone, or its folder where it imports from there. */
async function codeOf(path: string, text: string): Promise<string> {
  const folder = dirname(path);
  const beside = new Set((await readdir(folder)).map((name) => name.replace(/\.py$/, '')));
  beside.delete(basename(path).replace(/\.py$/, ''));
  const imported = [...text.matchAll(/^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import|import[ \t]+([\w., \t]+))/gm)].flatMap(([, from, names]) =>
    (from ?? names ?? '').split(',').map((name) => name.trim().split(/[. ]/)[0] ?? ''),
  );
  return imported.some((name) => beside.has(name)) ? folder : path;
}

interface Data {
  readonly uri: string;
  readonly upload: Upload | null;
}

/** `NAME=FOLDER`, or a folder that holds `train`, `validation`, …; URIs are taken as they are. */
async function dataOf(options: readonly string[], cwd: string): Promise<Map<string, Data>> {
  const found = new Map<string, Data>();
  const add = async (name: string, place: string): Promise<void> => {
    if (/^[a-z]+:\/\//.test(place)) return void found.set(name, { uri: place.replace(/\/+$/, ''), upload: null });
    const upload = await uploadOf(resolve(cwd, place));
    if (upload.files.length === 0) throw new UsageError(`--data ${name}: ${place} holds no files`);
    found.set(name, { uri: uploadUri('{storage}', upload), upload });
  };
  for (const option of options) {
    const [, name, named] = /^([A-Za-z_][\w-]*)=(.+)$/s.exec(option) ?? [];
    const place = named ?? option;
    if (!/^[a-z]+:\/\//.test(place) && !existsSync(resolve(cwd, place)))
      throw new UsageError(`--data ${option}: ${place} does not exist; expected a folder of parquet files, or one of such folders`);
    if (name !== undefined) await add(name, place);
    else {
      const entries = /^[a-z]+:\/\//.test(place) ? [] : await readdir(resolve(cwd, place), { withFileTypes: true }).catch(() => []);
      const folders = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'));
      if (folders.length === 0) await add('train', place);
      for (const folder of folders) await add(folder.name, join(place, folder.name));
    }
  }
  return found;
}

async function uploadOf(place: string): Promise<Upload> {
  const isFolder = (await stat(place)).isDirectory();
  const entries = isFolder ? await readdir(place, { recursive: true, withFileTypes: true }) : [];
  const files = isFolder
    ? entries
        .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
        .map((entry) => ({
          name: relative(place, join(entry.parentPath, entry.name)).split(sep).join('/'),
          path: join(entry.parentPath, entry.name),
        }))
        .sort((a, b) => (a.name < b.name ? -1 : 1))
    : [{ name: basename(place), path: place }];
  const hash = createHash('sha256');
  for (const { name, path } of files) hash.update(`${name}\n${await digestOf(path)}\n`);
  return { digest: hash.digest('hex').slice(0, 32), files };
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
