/**
 * The page as files that a browser loads: bundled once for each content, kept in the cache directory beside other bundles, compressed ahead.
 * `node src/console/bundle.ts` makes it when an image is built.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync, constants } from 'node:zlib';
import { builtAhead, cacheDirectory } from '../../bin/setup-tools.mjs';

const SRC = fileURLToPath(new URL('..', import.meta.url));
const PAGE = join(SRC, 'console', 'page');
/** Whatever the page imports of ours. */
const FOLDERS = [join('console', 'page'), 'report', 'contract'];
const PACKAGES = ['echarts', 'preact', 'esbuild'];

interface Asset {
  /** Path in the URL: `/assets/page-3F2A.js`; its content never changes. */
  readonly path: string;
  readonly type: string;
  readonly body: Uint8Array<ArrayBuffer>;
  readonly gzip: Uint8Array<ArrayBuffer>;
}

export interface Page {
  /** The document that loads the others. */
  readonly html: string;
  readonly assets: ReadonlyMap<string, Asset>;
  /** All that a browser loads the first time, compressed; bytes. */
  readonly gzipBytes: number;
}

const TYPES: Readonly<Record<string, string>> = {
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
};

export async function loadPage(): Promise<Page> {
  const directory = await pageFolder();
  const assets = new Map<string, Asset>();
  for (const name of (await readdir(directory)).sort()) {
    const body = new Uint8Array(await readFile(join(directory, name)));
    const type = TYPES[name.slice(name.lastIndexOf('.') + 1)];
    if (type === undefined) continue;
    const path = `/assets/${name}`;
    assets.set(path, { path, type, body, gzip: new Uint8Array(gzipSync(body, { level: constants.Z_BEST_COMPRESSION })) });
  }
  const html = htmlOf([...assets.keys()]);
  const gzipBytes = [...assets.values()].reduce((sum, { gzip }) => sum + gzip.byteLength, gzipSync(html).byteLength);
  return { html, assets, gzipBytes };
}

function htmlOf(paths: readonly string[]): string {
  const path = (start: string, end: string): string => paths.find((one) => one.startsWith(`/assets/${start}`) && one.endsWith(end)) ?? '';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Longhaul</title>
<link rel="icon" href="${path('icon', '.svg')}" type="image/svg+xml">
<link rel="stylesheet" href="${path('page', '.css')}">
<script type="module" src="${path('page', '.js')}"></script>
</head>
<body>
<div id="page"><p class="boot">Loading the console …</p></div>
<noscript><p class="boot">The console needs JavaScript. <code>longhaul status</code> shows the same in a terminal.</p></noscript>
</body>
</html>
`;
}

/** The folder of the files, made if they are not there yet. */
export async function pageFolder(): Promise<string> {
  const ahead = builtAhead('console');
  if (ahead !== null) return ahead;
  const directory = join(cacheDirectory(), 'bundles', `console-${await contentHash()}`);
  if (existsSync(directory)) return directory;
  const unfinished = `${directory}.${process.pid}`;
  await mkdir(unfinished, { recursive: true });
  // Loaded here: where the bundle is in the cache, no compiler is needed.
  const { build } = await import('esbuild');
  await build({
    entryPoints: { page: join(PAGE, 'main.tsx') },
    outdir: unfinished,
    bundle: true,
    splitting: true,
    format: 'esm',
    target: 'es2022',
    minify: true,
    legalComments: 'none',
    entryNames: '[name]-[hash]',
    chunkNames: 'chunk-[hash]',
    assetNames: '[name]-[hash]',
    loader: { '.svg': 'file' },
    jsx: 'automatic',
    jsxImportSource: 'preact',
    define: { 'process.env.NODE_ENV': '"production"' },
    logLevel: 'error',
  });
  await rename(unfinished, directory).catch(async (error: unknown) => {
    // Another process was faster.
    await rm(unfinished, { recursive: true, force: true });
    if (!existsSync(directory)) throw error;
  });
  return directory;
}

async function contentHash(): Promise<string> {
  const require = createRequire(import.meta.url);
  const hash = createHash('sha256');
  for (const name of PACKAGES) hash.update(`${name} ${(require(`${name}/package.json`) as { version: string }).version}\n`);
  for (const folder of FOLDERS) {
    const names = existsSync(join(SRC, folder)) ? await readdir(join(SRC, folder), { recursive: true }) : [];
    for (const name of names.filter((one) => /\.(tsx?|css|svg)$/.test(one)).sort())
      hash.update(`\n${folder}/${name}\n`).update(await readFile(join(SRC, folder, name)));
  }
  return hash.digest('hex').slice(0, 16);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { gzipBytes } = await loadPage();
  process.stderr.write(`the console's page: ${Math.round(gzipBytes / 1000)} kB compressed\n`);
}
