/** Python for the set-up: which interpreter, uv, and environments made with it. Plain JavaScript on Node 18 or newer. */
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SetupError, cacheDirectory, capture, locked, makeFolder, sha256, step } from './setup-tools.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const UV_REQUIREMENTS = join(HERE, 'uv-requirements.txt');
const QUIET_PIP = [
  '-m',
  'pip',
  'install',
  '--quiet',
  '--disable-pip-version-check',
  '--no-deps',
  '--require-hashes',
  '--only-binary',
  ':all:',
];

/** Candidates by name, and pyenv's own, since its shims exist for versions that are switched off. Minors in the order of preference. */
export async function findPython(minors = [11, 12, 13]) {
  const pyenv = join(process.env.PYENV_ROOT ?? join(homedir(), '.pyenv'), 'versions');
  const kept = existsSync(pyenv) ? await readdir(pyenv) : [];
  const candidates = minors.flatMap((minor) => [
    `python3.${minor}`,
    ...kept.filter((name) => name.startsWith(`3.${minor}.`)).map((name) => join(pyenv, name, 'bin', 'python3')),
  ]);
  for (const candidate of [...candidates, 'python3']) {
    const { code, output } = await capture(candidate, [
      '-c',
      'import sys, venv, ensurepip; print(sys.executable, "3.%d" % sys.version_info[1])',
    ]);
    const [executable, version] = output.trim().split(' ');
    if (code === 0 && executable && minors.some((minor) => version === `3.${minor}`)) return { executable, version };
  }
  const named = minors
    .map((minor) => `3.${minor}`)
    .join(', ')
    .replace(/, ([^,]*)$/, ' or $1');
  throw new SetupError(
    `Python ${named} with the module venv is missing; install it (Debian: apt install python3 python3-venv) and run this again`,
  );
}

/** The path of uv, out of its wheel on PyPI: it fills an environment in a fifth of pip's time. */
async function ensureUv(python) {
  if (process.env.LONGHAUL_UV) return process.env.LONGHAUL_UV;
  const version = /^uv==(\S+)/m.exec(await readFile(UV_REQUIREMENTS, 'utf8'))?.[1];
  const target = join(cacheDirectory(), `uv-${version}`);
  const uv = join(target, 'bin', 'uv');
  if (existsSync(uv)) return uv;
  await locked(`${target}.lock`, async () => {
    if (existsSync(uv)) return;
    await rm(target, { recursive: true, force: true });
    const temporary = await mkdtemp(`${target}.new-`);
    try {
      const pip = await withPip(python, join(temporary, 'pip'));
      await step('installing uv', pip, [...QUIET_PIP, '--target', join(temporary, 'uv'), '-r', UV_REQUIREMENTS]);
      await rename(join(temporary, 'uv'), target);
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  });
  return uv;
}

/** An interpreter with pip: outside of an environment it may be missing (Debian's python3 has none), so one is made for it. */
async function withPip(python, environment) {
  if ((await capture(python, ['-m', 'pip', '--version'])).code === 0) return python;
  await step('preparing pip', python, ['-m', 'venv', environment]);
  return join(environment, 'bin', 'python');
}

/** uv does not read pip's configuration: a company's mirror stands there. */
async function indexSettings(python) {
  const { output } = await capture(python, ['-m', 'pip', 'config', 'list']);
  const configured = (name) =>
    process.env[`PIP_${name.toUpperCase().replace('-', '_')}`] ?? new RegExp(`\\.${name}='([^']*)'`).exec(output)?.[1];
  const index = configured('index-url');
  const more = configured('extra-index-url');
  return {
    ...(index && !process.env.UV_DEFAULT_INDEX && !process.env.UV_INDEX_URL ? { UV_DEFAULT_INDEX: index } : {}),
    ...(more && !process.env.UV_INDEX && !process.env.UV_EXTRA_INDEX_URL ? { UV_INDEX: more } : {}),
  };
}

/** Whatever a person's shell says: here it is what the process is for. */
const compiling = ({ PYTHONDONTWRITEBYTECODE: _not, ...env }) => env;

async function uvSettings(python) {
  // Beside the environments: files are linked from there, which works within one file system only.
  const cache = { UV_CACHE_DIR: process.env.UV_CACHE_DIR ?? join(cacheDirectory(), 'uv') };
  return { env: { ...process.env, ...cache, ...(await indexSettings(python)), UV_NO_PROGRESS: '1' } };
}

/**
 * The interpreter of an environment with the pinned requirements, made once for each content of the file.
 *
 * @param what for people: "Python packages"
 * @param loads modules: only what their import reads is compiled ahead, which is a quarter of a large environment; without it, all is
 * @param finish runs once in a new environment: `(python, directory) => …`
 */
export async function ensureEnvironment({ what, name, requirements, minors, loads, finish }) {
  const text = await readFile(requirements, 'utf8');
  // Comments of the file say how it was made; they change nothing.
  const pins = text.replace(/^\s*#.*\n/gm, '');
  const prefix = `${name}-${sha256(pins).slice(0, 12)}-`;
  const cache = cacheDirectory();
  const ready = async () => {
    const names = existsSync(cache) ? await readdir(cache) : [];
    const found = names.find((entry) => entry.startsWith(prefix) && existsSync(join(cache, entry, 'longhaul-stamp')));
    return found && join(cache, found, 'bin', 'python');
  };
  const there = await ready();
  if (there) return there;
  return await locked(join(cache, `${prefix}lock`), async () => {
    const made = await ready();
    if (made) return made;
    const python = await findPython(minors);
    const uv = await ensureUv(python.executable);
    const settings = await uvSettings(python.executable);
    const target = join(cache, `${prefix}${python.version}`);
    const inside = join(target, 'bin', 'python');
    await makeFolder(cache);
    await rm(target, { recursive: true, force: true });
    const fill = ['pip', 'install', ...(loads ? [] : ['--compile-bytecode']), '--require-hashes', '--python', inside, '-r', requirements];
    // With pip in it (--seed): scripts and tests fetch packages with it.
    await step(`creating an environment for ${what}`, uv, ['venv', '--seed', '--python', python.executable, target], settings);
    await step(`installing ${what}`, uv, fill, settings);
    if (loads)
      await step(`loading ${what} for the first time`, inside, ['-c', `import ${loads.join(', ')}`], { env: compiling(process.env) });
    await finish?.(inside, target);
    await writeFile(join(target, 'longhaul-stamp'), python.version);
    return inside;
  });
}

/** A folder with programs out of wheels, which need no environment. */
export async function ensurePrograms({ what, target, requirements, shows }) {
  if (existsSync(shows)) return;
  await locked(`${target}.lock`, async () => {
    if (existsSync(shows)) return;
    const { executable } = await findPython();
    const uv = await ensureUv(executable);
    await makeFolder(dirname(target));
    const temporary = await mkdtemp(`${target}.new-`);
    try {
      const fill = [
        'pip',
        'install',
        '--no-deps',
        '--require-hashes',
        '--only-binary',
        ':all:',
        '--python',
        executable,
        '--target',
        temporary,
      ];
      await step(`installing ${what}`, uv, [...fill, '-r', requirements], await uvSettings(executable));
      await rm(target, { recursive: true, force: true });
      await rename(temporary, target);
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  });
}
