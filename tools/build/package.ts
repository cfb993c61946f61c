/** The npm package: the same folders as the clone, compiled, with what is bundled ahead, and the locked versions of what it needs. */
import { cp, mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { pageScript } from '../../src/report/bundle.ts';
import { pageFolder } from '../../src/console/bundle.ts';
import { workflowBundle } from '../../workers/workflow-bundle.ts';
import { root, step } from '../../bin/setup-tools.mjs';

const COMPILED = ['src', 'workflows', 'activities', 'workers'];
/** Copied as they are. */
const COPIED = ['bin', 'python', 'examples', 'deploy/helm', 'deploy/docker', 'LICENSE', 'README.md', 'CHANGELOG.md'];
const LEFT_OUT =
  /(^|\/)(__pycache__|\.longhaul|tests|build|[^/]*\.egg-info|\.(mypy|ruff|pytest)_cache)(\/|$)|^deploy\/helm\/[^/]*\.ts$|^examples\/client\.ts$/;
/** What a program that uses the package imports. */
const EXPORTS = { './client': 'src/client/index', './pipeline': 'src/compile/pipeline' };

interface PackageFile {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly license: string;
  readonly type: string;
  readonly bin: Readonly<Record<string, string>>;
  readonly engines: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
}

interface LockFile {
  packages: Record<string, { dev?: boolean; devOptional?: boolean }>;
}

/** Makes `{dist}/package` and its archive `{dist}/longhaul-VERSION.tgz`. */
export async function buildPackage(dist: string): Promise<void> {
  const target = join(dist, 'package');
  await rm(target, { recursive: true, force: true });
  for (const project of ['tsconfig.json', 'tsconfig.types.json'])
    await step(`compiling by ${project}`, 'tsc', ['-p', join('tools/build', project), '--outDir', target], { cwd: root });
  for (const path of COPIED) await copy(path, target);
  for (const folder of COMPILED) await copyAssets(folder, target);
  await bundleAhead(join(target, 'bundles'));
  // npm leaves files of this name out of archives.
  await rename(join(target, 'src/cli/template/.gitignore'), join(target, 'src/cli/template/gitignore'));
  await writePackageFiles(target);
  await step('packing', 'npm', ['pack', '--silent', '--pack-destination', dist], { cwd: target });
}

async function copy(path: string, target: string): Promise<void> {
  await cp(join(root, path), join(target, path), {
    recursive: true,
    filter: (from) => !LEFT_OUT.test(relative(root, from)),
  });
}

/** What is no TypeScript: schemas, templates, scripts. Pages are bundled. */
async function copyAssets(folder: string, target: string): Promise<void> {
  for (const entry of await readdir(join(root, folder), { recursive: true, withFileTypes: true })) {
    const path = relative(root, join(entry.parentPath, entry.name));
    if (!entry.isFile() || /\.tsx?$/.test(path) || path.includes('/page/') || LEFT_OUT.test(path)) continue;
    await mkdir(join(target, dirname(path)), { recursive: true });
    await cp(join(root, path), join(target, path));
  }
}

async function bundleAhead(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const traced of [false, true])
    for (const sealed of [false, true]) {
      const { codePath } = await workflowBundle({ traced, sealed });
      await cp(codePath, join(folder, `workflows${traced ? '-traced' : ''}${sealed ? '-sealed' : ''}.cjs`));
    }
  await writeFile(join(folder, 'report.js'), await pageScript());
  await cp(await pageFolder(), join(folder, 'console'), { recursive: true });
}

async function writePackageFiles(target: string): Promise<void> {
  const { name, version, description, license, type, bin, engines, dependencies, optionalDependencies } = JSON.parse(
    await readFile(join(root, 'package.json'), 'utf8'),
  ) as PackageFile;
  const exported = Object.entries(EXPORTS).map(([path, file]) => [path, { types: `./${file}.d.ts`, default: `./${file}.js` }] as const);
  const made = {
    ...{ name, version, description, license, type, bin, engines },
    exports: { ...Object.fromEntries(exported), './package.json': './package.json' },
    dependencies,
    optionalDependencies,
  };
  await writeFile(join(target, 'package.json'), `${JSON.stringify(made, null, 2)}\n`);
  const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as LockFile;
  lock.packages = Object.fromEntries(Object.entries(lock.packages).filter(([, { dev }]) => dev !== true));
  lock.packages[''] = { ...made } as LockFile['packages'][string];
  // Whoever installs the package gets the versions that it was tested with.
  await writeFile(join(target, 'npm-shrinkwrap.json'), `${JSON.stringify(lock, null, 2)}\n`);
}
