/** Finds and reads the profile: where a pipeline runs. */
import { homedir } from 'node:os';
import { readdir } from 'node:fs/promises';
import { basename, join as joinPath, resolve } from 'node:path';
import { existsSync } from 'node:fs';
import { fileUriOf } from '../contract/file-uri.ts';
import { PROFILE_RENAMES } from '../contract/earlier-names.ts';
import type { Compute, Profile } from '../contract/profile.ts';
import { ProfileInFile, profileOfFile } from '../contract/written.ts';
import { withPresentNames } from './earlier-names.ts';
import { tellClusterProblems } from './clusters.ts';
import { Files } from './files.ts';
import { readPrices, withPrices, type Prices } from './prices.ts';
import { loadFile } from './load.ts';
import { join, type Problems } from './problems.ts';
import { applySchema } from './schema-problems.ts';
import { nearestName, suggestion } from './suggest.ts';
import { broken, fromPlain, nearest, scalar, type MapNode, type Node, type Place } from './tree.ts';

export interface FoundProfile {
  readonly name: string;
  readonly profile: Profile;
}

/** Everything on this machine: an embedded warehouse, a directory, processes. Own electricity costs nothing here. */
const LOCAL = {
  version: 1,
  warehouse: { kind: 'duckdb', path: '.longhaul/warehouse' },
  storage: { kind: 'directory', path: '.longhaul/store' },
  compute: { kind: 'process', path: '.longhaul/jobs' },
  pools: [{ name: 'local', spot: false, pricePerHour: 0 }],
} as const;

const BUILT_IN = 'local';
const EXTENSIONS = ['.yaml', '.yml', '.json', '.ts'];

/** null: there is none, or it is wrong, which is told. @param wanted a name, or a path relative to `cwd` @param folder the pipeline's */
export async function findProfile(wanted: string, folder: string, cwd: string, problems: Problems): Promise<FoundProfile | null> {
  const isPath = wanted.includes('/') || wanted.includes('\\') || EXTENSIONS.some((extension) => wanted.endsWith(extension));
  const file = isPath ? resolve(cwd, wanted) : candidates(folder, wanted).find((each) => existsSync(each));
  const at: Place = { file: `--profile ${wanted}`, folder: cwd };
  if (file === undefined && wanted === BUILT_IN) return checked(BUILT_IN, fromPlain(LOCAL as never, at) as MapNode, null, cwd, problems);
  if (file === undefined) {
    const known = [...new Set([...(await profilesIn(folder)), BUILT_IN])];
    const near = nearestName(wanted, known);
    problems.add(at, '', `there is no profile "${wanted}"`, {
      expected: `profiles/${wanted}.yaml or ${wanted}.profile.yaml beside the pipeline, or a path`,
      hint: near === undefined ? `there are ${known.join(', ')}` : `did you mean ${near}?`,
    });
    return null;
  }
  // The profile is named by whoever runs the command, so it may lie anywhere.
  const files = new Files('/', cwd, problems);
  const source = await files.read(file, at, '');
  const node = source && (await loadFile(source, 'profile', { files, problems }));
  if (!node) return null;
  const resolved = withEnvironment(node, '', problems) as MapNode;
  return checked(nameOf(file), resolved, await readPrices(resolved, files, problems), cwd, problems);
}

const candidates = (folder: string, name: string): string[] =>
  EXTENSIONS.flatMap((extension) => [joinPath(folder, 'profiles', `${name}${extension}`), joinPath(folder, `${name}.profile${extension}`)]);

const nameOf = (file: string): string => basename(file).replace(/(?:\.profile)?\.[a-z]+$/, '');

async function profilesIn(folder: string): Promise<string[]> {
  const list = (at: string): Promise<string[]> => readdir(at).catch(() => []);
  const inFolder = (await list(joinPath(folder, 'profiles'))).filter((file) => EXTENSIONS.some((extension) => file.endsWith(extension)));
  const beside = (await list(folder)).filter((file) => /\.profile\.[a-z]+$/.test(file));
  return [...inFolder, ...beside].map(nameOf);
}

function checked(name: string, written: MapNode, prices: Prices | null, cwd: string, problems: Problems): FoundProfile | null {
  const node = withPresentNames(written, PROFILE_RENAMES, '', problems);
  const file = applySchema(ProfileInFile, node, '', problems);
  if (!file) return null;
  if (tellClusterProblems(file, node, problems)) return null;
  const profile = profileOfFile(file);
  if (profile === null) return null;
  const names = profile.pools.map((pool) => pool.name);
  const tell = (path: readonly PropertyKey[], message: string, found: string, known: readonly string[] = []): void =>
    problems.add(nearest(node, path).node.at, join('', ...path), message, { found, ...suggestion(found, known) });
  for (const [i, pool] of names.entries()) if (names.indexOf(pool) < i) tell(['pools', i, 'name'], 'two pools have this name', pool);
  for (const [i, pool] of profile.placement.order.entries())
    if (!names.includes(pool)) tell(['placement', 'order', i], 'there is no such pool', pool, names);
  for (const [i, { webhookEnv, command }] of profile.notifications.entries())
    if ((webhookEnv === undefined) === (command === undefined))
      tell(['notifications', i], 'a notification has `webhookEnv` or `command`', webhookEnv === undefined ? 'neither' : 'both');
  const inClusters = Object.keys(profile.clusters ?? {}).flatMap((name) => [
    ['clusters', name, 'path'],
    ['clusters', name, 'kubeconfig'],
  ]);
  for (const place of [...PLACES, ...inClusters]) {
    const { node: at, found } = nearest(node, place);
    if (found && at.kind === 'scalar' && typeof at.value === 'string' && FOR_SHELLS.test(at.value))
      problems.add(at.at, join('', ...place), 'no shell reads this path', {
        expected: 'a path; ~/ at its beginning is the home directory',
        found: JSON.stringify(at.value),
        hint: 'variables of the environment are written in braces: ${HOME}/data',
      });
  }
  return { name, profile: absolute(prices === null ? profile : withPrices(profile, prices), cwd) };
}

const PLACES = [
  ['warehouse', 'path'],
  ['storage', 'path'],
  ['compute', 'path'],
  ['compute', 'kubeconfig'],
] as const;
/** `~somebody/x`, `$HOME/x`: taken as they are, they would be folders of such names. */
const FOR_SHELLS = /^~[^/]|(?:^|\/)\$[A-Za-z_]/;

const placeOf = (cwd: string, path: string): string =>
  path === '~' || path.startsWith('~/') ? resolve(homedir(), path.slice(2)) : resolve(cwd, path);

/** A worker of another directory reads the same places. */
function absolute(profile: Profile, cwd: string): Profile {
  const { warehouse, storage, compute, clusters } = profile;
  const placed = <C extends Compute>(config: C): C =>
    config.kind === 'process'
      ? { ...config, path: placeOf(cwd, config.path) }
      : config.kubeconfig === undefined
        ? config
        : { ...config, kubeconfig: placeOf(cwd, config.kubeconfig) };
  return {
    ...profile,
    warehouse: warehouse.kind === 'duckdb' ? { ...warehouse, path: placeOf(cwd, warehouse.path) } : warehouse,
    storage: storage.kind === 'directory' ? { ...storage, path: placeOf(cwd, storage.path) } : storage,
    compute: placed(compute),
    ...(clusters === undefined
      ? {}
      : { clusters: Object.fromEntries(Object.entries(clusters).map(([name, config]) => [name, placed(config)])) }),
  };
}

const VARIABLE = /\$?\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;
const SECRET = /SECRET|TOKEN|PASSW|API_?KEY|PRIVATE_?KEY|CREDENTIAL/i;

/** `${NAME}` of the environment of whoever compiles; `$${NAME}` is left as `${NAME}`. */
function withEnvironment(node: Node, path: string, problems: Problems): Node {
  if (node.kind === 'list') return { ...node, items: node.items.map((item, i) => withEnvironment(item, join(path, i), problems)) };
  if (node.kind === 'map')
    return {
      ...node,
      entries: new Map(
        [...node.entries].map(([key, { key: at, value }]) => [key, { key: at, value: withEnvironment(value, join(path, key), problems) }]),
      ),
    };
  if (typeof node.value !== 'string') return node;
  const before = problems.count;
  const text = node.value.replace(VARIABLE, (whole: string, name: string) => {
    if (whole.startsWith('$$')) return whole.slice(1);
    const value = process.env[name];
    const isSecret = SECRET.test(name);
    if (value !== undefined && value !== '' && !isSecret) return value;
    problems.add(
      node.at,
      path,
      isSecret ? `\${${name}} looks like a secret` : `the environment variable ${name} is not set`,
      isSecret
        ? {
            hint: 'a profile becomes part of run documents and histories, which are no place for secrets: let pods and workers get them from a Secret',
          }
        : { expected: `export ${name}=…` },
    );
    return whole;
  });
  return problems.count > before ? broken(node.at) : { ...node, ...scalar(text, node.at) };
}

/** Root of the object store, without a slash at its end. */
export function storageRoot({ storage }: Profile): string {
  if (storage.kind === 'directory') return fileUriOf(storage.path);
  const prefix = storage.prefix.replace(/^\/+|\/+$/g, '');
  return prefix === '' ? `gs://${storage.bucket}` : `gs://${storage.bucket}/${prefix}`;
}

/** Data set of tables that name none. */
export const datasetOf = ({ warehouse }: Profile): string => (warehouse.kind === 'bigquery' ? warehouse.dataset : 'longhaul');
