/** `npm run licences`: writes docs/licences.md anew. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { isAllowed } from './licence-names.ts';
import { npmPackages, pythonPackages, ROOT } from './packages.ts';
import type { Package } from './packages.ts';

export const LICENCES_FILE = join(ROOT, 'docs', 'licences.md');

export async function licencesPage(): Promise<string> {
  const npm = npmPackages();
  const parts = [
    '# Licences',
    'Longhaul is under Apache-2.0 (`LICENSE`). It is made of the packages below; none has a licence outside of the list in',
    '`deploy/supply-chain/licence-names.ts`, and a test says so. Written by `npm run licences`; `npm run sbom` writes the same as CycloneDX.',
    '',
    ...section(
      'At run time, from npm',
      npm.filter(({ development }) => !development),
    ),
    ...section('In the trainer and the sampler, from PyPI', await pythonPackages()),
    ...section(
      'To build and test only, from npm',
      npm.filter(({ development }) => development),
    ),
  ];
  return format(parts.join('\n'), { ...(await resolveConfig(LICENCES_FILE)), filepath: LICENCES_FILE });
}

function section(title: string, packages: readonly Package[]): string[] {
  const byLicence = new Map<string, string[]>();
  for (const { name, version, licence } of packages) {
    const key = licence ?? 'unknown';
    byLicence.set(key, [...(byLicence.get(key) ?? []), `${name} ${version}`]);
  }
  const rows = [...byLicence].sort(([a], [b]) => (a < b ? -1 : 1)).map(([licence, names]) => `- ${licence}: ${names.join(', ')}`);
  return [`## ${title}`, '', ...rows, ''];
}

/** Packages that must not be there. */
export async function refusedPackages(): Promise<readonly Package[]> {
  return [...npmPackages(), ...(await pythonPackages())].filter(({ licence }) => licence === null || !isAllowed(licence));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(LICENCES_FILE, await licencesPage());
  const refused = await refusedPackages();
  for (const { name, version, licence } of refused) process.stderr.write(`${name} ${version}: ${licence ?? 'no licence named'}\n`);
  process.exitCode = refused.length > 0 ? 1 : 0;
}
