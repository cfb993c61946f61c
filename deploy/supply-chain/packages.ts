/** What Longhaul is made of beside its own code: names, versions and licences, from the lock file and the installed Python packages. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { normalise } from './licence-names.ts';

export const ROOT = join(import.meta.dirname, '..', '..');
export const REQUIREMENTS = join(ROOT, 'python', 'requirements.txt');

export interface Package {
  readonly name: string;
  readonly version: string;
  /** SPDX expression; null when the package says none that is known. */
  readonly licence: string | null;
  /** Needed to build and test only. */
  readonly development: boolean;
}

interface Locked {
  readonly version?: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
}

/** For all platforms, since the lock file is. */
export function npmPackages(): Package[] {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as { packages: Record<string, Locked> };
  const found = Object.entries(packages)
    .filter(([path]) => path !== '')
    .map(([path, { version = '', license, dev, devOptional }]) => {
      const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
      return { name, version, licence: normalise(name, license), development: dev === true || devOptional === true };
    });
  return distinct(found);
}

const READ_METADATA = `
import importlib.metadata, json, re, sys
found = []
for line in open(sys.argv[1], encoding="utf-8"):
    pin = re.match(r"([A-Za-z0-9_.-]+)==([^ ;\\\\]+)", line)
    if not pin:
        continue
    try:
        metadata = importlib.metadata.metadata(pin[1])
    except importlib.metadata.PackageNotFoundError:
        continue  # for another platform
    classifiers = [c for c in metadata.get_all("Classifier") or [] if c.startswith("License :: OSI Approved :: ")]
    texts = [metadata.get("License-Expression"), *[c.rsplit(" :: ", 1)[1] for c in classifiers], metadata.get("License")]
    found.append({"name": pin[1], "version": pin[2], "licences": [t for t in texts if t and len(t) < 80]})
json.dump(found, sys.stdout)
`;

/** Of the trainer's environment, as installed on this platform. */
export async function pythonPackages(): Promise<Package[]> {
  const python = process.env.LONGHAUL_PYTHON ?? 'python3';
  const { stdout } = await promisify(execFile)(python, ['-c', READ_METADATA, REQUIREMENTS], { maxBuffer: 16 * 1024 * 1024 });
  const found = JSON.parse(stdout) as { name: string; version: string; licences: string[] }[];
  return found.map(({ name, version, licences }) => ({ name, version, licence: normalise(name, licences[0]), development: false }));
}

/** A package that npm nests at several places is one; one that is needed at run time anywhere is no development package. */
function distinct(found: readonly Package[]): Package[] {
  const byKey = new Map<string, Package>();
  for (const one of found) {
    const key = `${one.name}@${one.version}`;
    byKey.set(key, { ...one, development: one.development && (byKey.get(key)?.development ?? true) });
  }
  return [...byKey.values()].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.version < b.version ? -1 : 1));
}
