/**
 * `npm run build [-- PART…]`: everything that is installed, in dist/. The npm package `longhaul`, wheels in dist/python, the chart in dist/chart,
 * recipes of images that are made of these in dist/images, an SBOM, and SHA256SUMS of them all.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { root, say } from '../../bin/setup-tools.mjs';
import { sbom } from '../../deploy/supply-chain/sbom.ts';
import { commandLine } from '../command-line.ts';
import { buildChart } from './chart.ts';
import { writeImageRecipes } from './images.ts';
import { buildPackage } from './package.ts';
import { buildWheels } from './wheels.ts';

const DIST = join(root, 'dist');

const PARTS: Readonly<Record<string, () => Promise<unknown>>> = {
  package: () => buildPackage(DIST),
  wheels: () => buildWheels(join(DIST, 'python')),
  chart: () => buildChart(join(DIST, 'chart')),
  images: () => writeImageRecipes(join(DIST, 'images')),
  sbom: async () => writeFile(join(DIST, 'sbom.cdx.json'), `${JSON.stringify(await sbom(), null, 2)}\n`),
};

const { words: wanted, refuse } = commandLine({
  call: 'npm run build --',
  words: '[PART…]',
  about: `Makes what is installed, in dist/: all, or some of ${Object.keys(PARTS).join(', ')}.`,
  options: {},
});
const unknown = wanted.filter((part) => !(part in PARTS));
if (unknown.length > 0) refuse(`no such part: ${unknown.join(', ')}; there are: ${Object.keys(PARTS).join(', ')}`);
if (wanted.length === 0) await rm(DIST, { recursive: true, force: true });
await mkdir(DIST, { recursive: true });
for (const part of wanted.length === 0 ? Object.keys(PARTS) : wanted) {
  try {
    await PARTS[part]?.();
  } catch (error) {
    say(`building ${part}: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  }
}
const sums = await checksums();
await writeFile(join(DIST, 'SHA256SUMS'), sums);
process.stdout.write(sums);

/** In the format of sha256sum(1). The unpacked package is what its archive is made of. */
async function checksums(): Promise<string> {
  const entries = await readdir(DIST, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(DIST, join(entry.parentPath, entry.name)))
    .filter((file) => !file.startsWith('package/') && file !== 'SHA256SUMS')
    .sort();
  const lines = await Promise.all(
    files.map(async (file) => `${createHash('sha256').update(await readFile(join(DIST, file))).digest('hex')}  ${file}\n`), // prettier-ignore
  );
  return lines.join('');
}
