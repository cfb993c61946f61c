import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { isAllowed } from '../../../deploy/supply-chain/licence-names.ts';
import { LICENCES_FILE, licencesPage, refusedPackages } from '../../../deploy/supply-chain/licences.ts';
import { sbom } from '../../../deploy/supply-chain/sbom.ts';

describe('what Longhaul is made of', () => {
  it('has only licences that are allowed', async () => {
    expect(await refusedPackages()).toEqual([]);
  });

  it('is listed in docs/licences.md as it is now (`npm run licences`)', async () => {
    expect(readFileSync(LICENCES_FILE, 'utf8')).toBe(await licencesPage());
  });

  it('is in the SBOM, each package with its version, licence and URL', async () => {
    const { components } = (await sbom()) as { components: { purl: string; version: string; licenses?: unknown[] }[] };
    expect(components.filter(({ version, licenses }) => version === '' || licenses === undefined)).toEqual([]);
    const urls = components.map(({ purl }) => purl.replace(/@[^@]*$/, ''));
    expect(urls).toEqual(expect.arrayContaining(['pkg:npm/%40temporalio/worker', 'pkg:npm/zod', 'pkg:pypi/tensorflow-cpu']));
    expect(new Set(components.map(({ purl }) => purl)).size).toBe(components.length);
  });

  it('takes one of a choice of licences, and all of a sum', () => {
    expect(['MIT', 'GPL-3.0 OR MIT', 'Apache-2.0 AND (MIT OR GPL-2.0)'].map(isAllowed)).toEqual([true, true, true]);
    expect(['GPL-3.0', 'GPL-3.0 AND (MIT OR ISC)', 'SSPL-1.0', ''].map(isAllowed)).toEqual([false, false, false, false]);
  });
});
