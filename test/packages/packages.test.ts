/** The packages, tried by somebody who has nothing of the clone: an empty home, another folder, the Node of the system. */
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { globSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cacheDirectory, root } from '../../bin/setup-tools.mjs';
import { copiedBy } from '../support/dockerfile.ts';
import { DIST, hadolint, outsider, PREFIX, resolveRequirements, versionOf } from './built.ts';

const run = promisify(execFile);
const scratch = mkdtempSync(join(tmpdir(), 'longhaul-packages-'));
/** Blanks, umlauts and what URLs and globs take for their own. */
const project = join(scratch, 'my übung #1 %20 [x]?');
let version: string;

/** Of a person who never saw the clone; the cache of Python packages is this machine's, as it is 2 GB. */
function environment(): NodeJS.ProcessEnv {
  mkdirSync(join(scratch, 'home'), { recursive: true });
  return {
    ...outsider(),
    npm_config_cache: process.env.npm_config_cache ?? join(process.env.HOME ?? '', '.npm'),
    PYENV_ROOT: process.env.PYENV_ROOT ?? join(process.env.HOME ?? '', '.pyenv'),
    HOME: join(scratch, 'home'),
    LONGHAUL_CACHE: cacheDirectory(),
    NO_COLOR: '1',
  };
}

async function command(program: string, args: readonly string[], cwd = project): Promise<string> {
  return (await run(program, args, { cwd, env: environment(), maxBuffer: 64 * 1024 * 1024 })).stdout;
}
const longhaul = async <T>(...args: string[]): Promise<T> => JSON.parse(await command('longhaul', [...args, '--output', 'json'])) as T;

beforeAll(async () => {
  version = await versionOf();
  mkdirSync(project, { recursive: true });
});
afterAll(() => {
  rmSync(scratch, { recursive: true, force: true });
});

describe('what is built', () => {
  it('has one version, and a checksum each', () => {
    const sums = readFileSync(join(DIST, 'SHA256SUMS'), 'utf8').trimEnd().split('\n');
    for (const line of sums) {
      const [sum, file = ''] = line.split('  ');
      expect(createHash('sha256').update(readFileSync(join(DIST, file))).digest('hex'), file).toBe(sum); // prettier-ignore
    }
    const archives = sums.map((line) => line.split('  ')[1] ?? '').filter((file) => /\.(tgz|whl)$/.test(file));
    expect(archives.sort()).toEqual([
      `chart/longhaul-${version}.tgz`,
      `longhaul-${version}.tgz`,
      `python/longhaul_sdk-${version}-py3-none-any.whl`,
      `python/longhaul_trainer-${version}-py3-none-any.whl`,
    ]);
  });

  it('has an SBOM that names what the package brings', () => {
    const { components } = JSON.parse(readFileSync(join(DIST, 'sbom.cdx.json'), 'utf8')) as {
      components: { name: string; scope: string }[];
    };
    const needed = new Set(components.filter(({ scope }) => scope === 'required').map(({ name }) => name));
    for (const name of ['@temporalio/worker', '@duckdb/node-api', 'pyarrow', 'optuna']) expect(needed).toContain(name);
  });

  it('needs no TypeScript and nothing of the clone', () => {
    const installed = join(PREFIX, 'lib', 'node_modules', 'longhaul');
    const files = readdirSync(installed, { recursive: true, encoding: 'utf8' }).filter((file) => !file.startsWith('node_modules'));
    expect(files.filter((file) => /(?<!\.d|\.d\.m|\.d\.c)\.m?tsx?$/.test(file))).toEqual([]);
    const texts = files.filter((file) => /\.(m?js|json|py|cjs)$/.test(file)).filter((file) => readFileSync(join(installed, file), 'utf8').includes(`${root}/`)); // prettier-ignore
    expect(texts).toEqual([]);
  });
});

describe('recipes of images', () => {
  const folders = [join(root, 'deploy/docker'), join(DIST, 'images')];
  const recipes = folders.flatMap((folder) => readdirSync(folder).filter((file) => file.endsWith('.Dockerfile')).map((file) => join(folder, file))); // prettier-ignore

  it('have nothing that hadolint would do otherwise', async () => {
    expect(recipes).toHaveLength(5);
    expect(await run(hadolint.path, recipes)).toMatchObject({ stdout: '' });
  });

  it('copy what is in dist/', () => {
    for (const recipe of recipes.filter((file) => file.startsWith(DIST)))
      for (const source of copiedBy(readFileSync(recipe, 'utf8'))) expect(globSync(source, { cwd: DIST }), source).not.toEqual([]);
  });

  it('install requirements that are to be had for their Python, each by its hash', async () => {
    await resolveRequirements();
  });
});

describe('installed in an empty home', () => {
  it('says the versions of all parts', async () => {
    const parts = await longhaul<Record<string, string>>('--version');
    for (const part of ['longhaul', 'longhaul-sdk', 'longhaul-trainer', 'chart']) expect(parts[part]).toBe(version);
    expect(parts.node).toMatch(/^24\./);
  });

  it('makes a project, runs it in a folder of an odd name, and reports', async () => {
    await command('longhaul', ['init']);
    expect(readFileSync(join(project, 'pipeline.yaml'), 'utf8')).toMatch(/^# yaml-language-server: \$schema=\.\/schemas\//);
    expect(readdirSync(project)).toContain('.gitignore');
    const first = await longhaul<{ run: string; status: string; report: string }>('run', 'pipeline.yaml');
    expect(first.status).toBe('succeeded');
    expect(readFileSync(new URL(first.report), 'utf8')).toContain('<html');
    const again = await longhaul<{ steps: { status: string }[] }>('run', 'pipeline.yaml');
    expect(new Set(again.steps.map(({ status }) => status))).toEqual(new Set(['cached']));
    expect((await longhaul<{ run: string }[]>('list')).map((each) => each.run)).toContain(first.run);
  });

  it('serves a program that imports longhaul/client and longhaul/pipeline', async () => {
    const program = join(scratch, 'program');
    mkdirSync(program);
    writeFileSync(join(program, 'package.json'), '{ "name": "program", "private": true, "type": "module" }');
    writeFileSync(join(program, 'start.ts'), PROGRAM);
    writeFileSync(join(program, 'tsconfig.json'), TSCONFIG);
    await command('npm', ['install', '--no-audit', '--no-fund', join(DIST, `longhaul-${version}.tgz`)], program);
    await run(join(root, 'node_modules', '.bin', 'tsc'), ['-p', program]);
    const dev = spawn('longhaul', ['dev', '--output', 'json'], { cwd: project, env: environment(), stdio: ['ignore', 'pipe', 'ignore'] });
    try {
      // It says where the servers are once they serve.
      await Promise.race([once(dev.stdout, 'data'), once(dev, 'exit')]);
      expect(dev.exitCode).toBe(null);
      const node = join(program, 'node_modules', '.bin', 'node');
      expect(JSON.parse(await command(node, [join(program, 'start.ts'), project]))).toBe('succeeded');
    } finally {
      const ended = once(dev, 'exit');
      if (dev.kill('SIGTERM')) await ended;
    }
  });

  it('has a wheel whose longhaul.trial() runs in an environment of nothing else', async () => {
    const venv = join(scratch, 'venv');
    await command('python3', ['-m', 'venv', venv]);
    const wheel = join(DIST, 'python', `longhaul_sdk-${version}-py3-none-any.whl`);
    await command(join(venv, 'bin', 'pip'), ['install', '--quiet', '--no-index', wheel]);
    writeFileSync(join(project, 'train.py'), TRAINER);
    expect(await command(join(venv, 'bin', 'python'), ['train.py', '--set', 'rate=0.5'])).toContain('is done after 3 steps');
  });
});

const PROGRAM = `
import { connect } from 'longhaul/client';
import { compile, type Pipeline } from 'longhaul/pipeline';

const name: Pipeline['name'] = 'typed';
const document = await compile('pipeline.yaml', { profile: 'local', cwd: process.argv[2] ?? name });
await using longhaul = await connect({ directory: process.argv[2] });
const run = await longhaul.start(document);
process.stdout.write(JSON.stringify((await run.result()).status));
`;
const TSCONFIG = `{
  "compilerOptions": {
    "target": "ES2024", "lib": ["ES2024", "ESNext.Disposable"], "module": "nodenext", "strict": true, "noEmit": true, "skipLibCheck": true,
    "types": ["node"], "typeRoots": [${JSON.stringify(join(root, 'node_modules', '@types'))}]
  },
  "files": ["start.ts"]
}`;
const TRAINER = `
import longhaul

with longhaul.trial(defaults={"rate": 0.1}) as trial:
    model = trial.keep(model={"weight": 0.0})
    for _ in trial.epochs():
        for x in trial.batches([1.0, 2.0, 3.0]):
            model["weight"] += trial.parameters["rate"] * x
            trial.step(samples=1)
        trial.validation({"score": model["weight"]})
`;
