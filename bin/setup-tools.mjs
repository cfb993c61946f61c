/** Small helpers of the set-up. Plain JavaScript: this runs before anything is installed, on Node 18 or newer. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { mkdir, open, readFile, rename, unlink, writeFile } from 'node:fs/promises';
import { homedir, userInfo } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** Thrown with one line that says what is missing and what to do about it. */
export class SetupError extends Error {
  name = 'SetupError';
  /** As of docs/cli.md. */
  exitCode;
  constructor(message, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Of the clone, or of the installed package: the same folders, compiled. */
export const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** A package has no lock file of npm's: who installed it has its packages, too. */
export const isInstalled = !existsSync(join(root, 'package-lock.json'));

/** One of our programs by its path below the root, without its ending. */
export function programFile(...path) {
  const file = join(root, ...path);
  return existsSync(`${file}.ts`) ? `${file}.ts` : `${file}.js`;
}

/** What the package has ready-made, or null: a bundle that a clone makes when it is wanted. */
export function builtAhead(name) {
  const path = join(root, 'bundles', name);
  return existsSync(path) ? path : null;
}

export const cacheDirectory = () => process.env.LONGHAUL_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'longhaul');

const LOOPBACK = ['127.0.0.1', 'localhost', '::1'];

/** Where a proxy is set: the variables by which no part of ours, of whatever language, asks it for this machine. */
export function loopbackWithoutProxy(env) {
  if (!Object.keys(env).some((name) => /^(?:https?|all|grpc)_proxy$/i.test(name) && env[name])) return {};
  const names = ['no_proxy', 'NO_PROXY', ...(env.no_grpc_proxy ? ['no_grpc_proxy'] : [])];
  const known = (env.no_proxy || env.NO_PROXY || '')
    .split(',')
    .map((entry) => entry.trim())
    .filter(Boolean);
  return Object.fromEntries(
    names.map((name) => {
      const entries = name === 'no_grpc_proxy' ? env.no_grpc_proxy.split(',') : known;
      return [name, entries.includes('*') ? '*' : [...new Set([...entries, ...LOOPBACK])].join(',')];
    }),
  );
}

export const say = (line) => process.stderr.write(`longhaul: ${line}\n`);

export const sha256 = (...texts) => texts.reduce((hash, text) => hash.update(text), createHash('sha256')).digest('hex');

export function projectWithRuns(from) {
  for (let at = resolve(from); ; at = dirname(at)) {
    const home = join(at, '.longhaul');
    if ([home, join(home, 'temporal.db')].every((path) => existsSync(path) && isOwn(statSync(path)))) return at;
    if (at === dirname(at)) return null;
  }
}

/** Whether the user alone can have written it: what others of the machine put into a folder like `/tmp` is not to be served, or believed. */
export function isOwn({ uid, gid, mode }, accounts = '/etc') {
  const user = process.geteuid?.();
  if (user === undefined) return true;
  return uid === user && (mode & 0o002) === 0 && ((mode & 0o020) === 0 || isOwnGroup(gid, accounts));
}

/**
 * Many systems make a group for each user, of the same name. One that has another member, or is another user's first one, is shared, and so
 * is whatever these files do not tell of.
 */
function isOwnGroup(gid, accounts) {
  try {
    const { username } = userInfo();
    const ofGroup = (file, field) =>
      readFileSync(join(accounts, file), 'utf8')
        .split('\n')
        .map((line) => line.split(':'))
        .filter((fields) => fields[field] === String(gid));
    const groups = ofGroup('group', 2);
    const members = groups.flatMap(([, , , names = '']) => names.split(',').filter(Boolean));
    const all = [...groups.map(([name]) => name), ...members, ...ofGroup('passwd', 3).map(([name]) => name)];
    return groups.length > 0 && all.every((name) => name === username);
  } catch {
    return false;
  }
}

export const readIfThere = async (file) => (existsSync(file) ? await readFile(file, 'utf8') : null);

/** Runs a command and collects what it prints. Never throws on a non-zero exit. */
export function capture(command, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    child.on('error', (error) => resolve({ code: 127, output: String(error) }));
    child.on('close', (code) => resolve({ code: code ?? 1, output }));
  });
}

const OFFLINE =
  /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|name resolution|NewConnectionError|Network is unreachable|Read timed out|ConnectTimeout/;

/** Runs one slow step of the set-up, tells how long it took, and turns its failure into one line; the whole output goes to a log. */
export async function step(title, command, args, options = {}) {
  const started = Date.now();
  say(`${title} …`);
  const { code, output } = await capture(command, args, options);
  if (code === 0) {
    say(`${title}: done in ${((Date.now() - started) / 1000).toFixed(0)} s`);
    return output;
  }
  const log = join(cacheDirectory(), 'setup.log');
  await makeFolder(dirname(log));
  await writeFile(log, `$ ${command} ${args.join(' ')}\n${output}`);
  if (OFFLINE.test(output)) throw new SetupError(`${title} needs the network, and the package registry cannot be reached (log: ${log})`);
  const last =
    output
      .trim()
      .split('\n')
      .filter((line) => /error/i.test(line))
      .at(-1) ??
    output.trim().split('\n').at(-1) ??
    '';
  throw new SetupError(`${title} failed: ${last.trim()} (log: ${log})`);
}

function alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Removes the lock of a holder that is dead. The rename lets one of several waiters win. */
async function breakLock(file, holder) {
  const aside = `${file}.${process.pid}`;
  try {
    await rename(file, aside);
    if ((await readFile(aside, 'utf8')) === holder) await unlink(aside);
    else await rename(aside, file);
  } catch {
    // Another waiter was quicker.
  }
}

function cannotWrite(folder, error) {
  const cache = cacheDirectory();
  const isCache = folder === cache || folder.startsWith(join(cache, '/'));
  const advice = isCache ? 'set LONGHAUL_CACHE to a folder that can be written' : 'a folder that can be written is needed here';
  return new SetupError(`${folder} cannot be written (${error.code ?? error.message}); ${advice}`, 2);
}

/** One by one: told to make all at once, Node tries without an end where a file system holds no folders of ours, as /proc. */
export async function makeFolder(folder) {
  const missing = [];
  for (let at = resolve(folder); !existsSync(at) && at !== dirname(at); at = dirname(at)) missing.unshift(at);
  for (const each of missing) {
    try {
      // Whatever the umask: what a shared group may write is not served.
      await mkdir(each, 0o755);
    } catch (error) {
      if (error.code !== 'EEXIST') throw cannotWrite(folder, error);
    }
  }
}

/** Runs `work` while holding a lock file, so that two set-ups at once do the work once. */
export async function locked(file, work) {
  await makeFolder(dirname(file));
  for (let waited = 0; ; waited++) {
    try {
      const handle = await open(file, 'wx');
      await handle.writeFile(String(process.pid));
      await handle.close();
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw cannotWrite(dirname(file), error);
      const holder = (await readIfThere(file).catch(() => null)) ?? '';
      if (waited === 5) say(`waiting for another set-up (process ${holder}) …`);
      // An empty file is a lock whose holder is just writing its number; after five seconds it is a dead one's.
      if ((holder === '' && waited > 25) || (holder !== '' && !alive(Number(holder)))) await breakLock(file, holder);
      await sleep(200);
    }
  }
  try {
    return await work();
  } finally {
    await unlink(file).catch(() => undefined);
  }
}
