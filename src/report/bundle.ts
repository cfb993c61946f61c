/** The report's script as one text: bundled once for each content and kept in the cache directory. `node src/report/bundle.ts` makes it ahead. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { builtAhead, cacheDirectory } from '../../bin/setup-tools.mjs';

const REPORT = fileURLToPath(new URL('.', import.meta.url));
/** What the script is made of. */
const FOLDERS = ['.', 'page', '../present', '../present/page', '../present/charts'];

export async function pageScript(): Promise<string> {
  const ahead = builtAhead('report.js');
  if (ahead !== null) return readFile(ahead, 'utf8');
  const file = join(cacheDirectory(), 'bundles', `report-${await contentHash()}.js`);
  if (existsSync(file)) return readFile(file, 'utf8');
  // Loaded here: where the bundle is in the cache, no compiler is needed.
  const { build } = await import('esbuild');
  const { outputFiles } = await build({
    entryPoints: [join(REPORT, 'page', 'main.ts')],
    bundle: true,
    format: 'iife',
    target: 'es2022',
    minify: true,
    legalComments: 'none',
    define: { 'process.env.NODE_ENV': '"production"' },
    logLevel: 'error',
    write: false,
  });
  const script = outputFiles.map(({ text }) => text).join('\n');
  await mkdir(dirname(file), { recursive: true });
  const unfinished = `${file}.${process.pid}`;
  await writeFile(unfinished, script);
  await rename(unfinished, file);
  return script;
}

async function contentHash(): Promise<string> {
  const require = createRequire(import.meta.url);
  const hash = createHash('sha256');
  for (const name of ['echarts', 'esbuild']) hash.update(`${name} ${(require(`${name}/package.json`) as { version: string }).version}\n`);
  for (const folder of FOLDERS) {
    const names = (await readdir(join(REPORT, folder))).filter((name) => name.endsWith('.ts')).sort();
    for (const name of names) hash.update(`\n${folder}/${name}\n`).update(await readFile(join(REPORT, folder, name)));
  }
  return hash.digest('hex').slice(0, 16);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const script = await pageScript();
  process.stderr.write(`the report's script: ${Math.round(script.length / 1000)} kB\n`);
}
