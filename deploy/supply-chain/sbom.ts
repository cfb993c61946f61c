/** `npm run sbom [-- --output FILE]`: one CycloneDX document of all that Longhaul is made of; standard output unless told otherwise. */
import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { commandLine } from '../../tools/command-line.ts';
import { npmPackages, pythonPackages, ROOT } from './packages.ts';
import type { Package } from './packages.ts';

export async function sbom(): Promise<object> {
  const { name, version, license } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Record<string, string>;
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${randomUUID()}`,
    version: 1,
    metadata: {
      timestamp: new Date().toISOString(),
      component: { type: 'application', 'bom-ref': `${name}@${version}`, name, version, licenses: [{ expression: license }] },
    },
    components: [
      ...npmPackages().map((one) => component(one, `pkg:npm/${one.name.replace('@', '%40')}@${one.version}`)),
      ...(await pythonPackages()).map((one) => component(one, `pkg:pypi/${one.name}@${one.version}`)),
    ],
  };
}

function component({ name, version, licence, development }: Package, purl: string): object {
  return {
    type: 'library',
    'bom-ref': purl,
    name,
    version,
    scope: development ? 'excluded' : 'required',
    ...(licence === null ? {} : { licenses: [{ expression: licence }] }),
    purl,
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = commandLine({
    call: 'npm run sbom --',
    about: 'The packages that are shipped, as CycloneDX.',
    options: { output: { type: 'string', value: 'FILE', about: 'where it is written; stdout if left out' } },
  });
  const text = `${JSON.stringify(await sbom(), null, 2)}\n`;
  if (values.output === undefined) process.stdout.write(text);
  else writeFileSync(values.output, text);
}
