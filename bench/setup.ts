/**
 * `npm run bench -- setup [--json] [--before COMMIT]`: seconds of the first `npm start` on a machine with empty caches, beside that of an earlier
 * commit in the same run, and what short commands take afterwards. Both are set up from a clone in a folder of their own.
 */
import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { commandLine, JSON_OPTION } from '../tools/command-line.ts';

/** Release 0.1.0. */
const BEFORE = '0760a5b';
const ROUNDS = 5;
const ROOT = join(import.meta.dirname, '..');

const run = promisify(execFile);
const say = (line: string): void => void process.stderr.write(`${line}\n`);
const round = (value: number): number => Number(value.toFixed(2));
const { values } = commandLine({
  call: 'npm run bench -- setup',
  about: 'A cold start with empty caches, beside that of an earlier commit.',
  options: {
    json: JSON_OPTION,
    before: { type: 'string', default: BEFORE, value: 'COMMIT', about: 'what it is compared with' },
  },
});

const folder = await mkdtemp(join(tmpdir(), 'longhaul-setup-'));
try {
  const [before, now] = [join(folder, 'before'), join(folder, 'now')];
  await run('git', ['clone', '--quiet', ROOT, before]);
  await run('git', ['-C', before, 'checkout', '--quiet', values.before]);
  await run('git', ['clone', '--quiet', ROOT, now]);
  await takeUncommitted(now);
  const beforeSeconds = await coldStart(before);
  const seconds = await coldStart(now);
  const helpSeconds = await median(['--help'], now);
  const listSeconds = await median(['list', '--output', 'json'], join(now, 'examples', 'grocery-ranking'), now);
  const result = {
    cold_start_s: round(seconds),
    before_s: round(beforeSeconds),
    ratio: round(seconds / beforeSeconds),
    help_s: round(helpSeconds),
    list_s: round(listSeconds),
  };
  process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : `${JSON.stringify(result, null, 2)}\n`);
} finally {
  await rm(folder, { recursive: true, force: true });
}

/** The clone has what is committed; a change that is being measured may not be. */
async function takeUncommitted(clone: string): Promise<void> {
  const { stdout } = await run('git', ['-C', ROOT, 'diff', '--name-only', '--diff-filter=AM', 'HEAD']);
  for (const file of stdout.split('\n').filter((line) => line !== '')) await cp(join(ROOT, file), join(clone, file));
}

/** Of a machine on which nobody installed anything: each package manager's cache is an empty folder. */
function emptyCaches(clone: string): NodeJS.ProcessEnv {
  const cache = `${clone}-caches`;
  // Nor the Python packages of this clone: another commit has its own.
  const {
    LONGHAUL_PYTHON: _python,
    LONGHAUL_TEMPORAL: _temporal,
    LONGHAUL_TEMPORAL_TEST_SERVER: _server,
    PYTHONPATH: _path,
    ...rest
  } = process.env;
  return {
    ...rest,
    LONGHAUL_CACHE: join(cache, 'longhaul'),
    npm_config_cache: join(cache, 'npm'),
    PIP_CACHE_DIR: join(cache, 'pip'),
    UV_CACHE_DIR: join(cache, 'uv'),
    // The Node of this clone is not yet there for the next one.
    PATH: (process.env.PATH ?? '')
      .split(':')
      .filter((part) => !part.includes('node_modules'))
      .join(':'),
  };
}

async function coldStart(clone: string): Promise<number> {
  say(`npm start in ${clone}, with empty caches …`);
  const started = performance.now();
  await run('npm', ['start'], { cwd: clone, env: emptyCaches(clone), maxBuffer: 64 * 1024 * 1024 });
  const seconds = (performance.now() - started) / 1000;
  say(`  ${seconds.toFixed(1)} s`);
  return seconds;
}

/** The first round fills caches, as every command of a person but the first finds them. */
async function median(args: readonly string[], cwd: string, clone = cwd): Promise<number> {
  const seconds: number[] = [];
  for (let i = 0; i <= ROUNDS; i++) {
    const started = performance.now();
    await run('node', [join(clone, 'bin', 'longhaul.mjs'), ...args], { cwd, env: emptyCaches(clone) });
    if (i > 0) seconds.push((performance.now() - started) / 1000);
  }
  return seconds.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? Number.NaN;
}
