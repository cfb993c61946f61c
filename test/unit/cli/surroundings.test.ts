/** What surrounds a command must not change what it does: variables, files of the project, processes and ports of others. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rename, rm, stat, symlink, unlink, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { homedir, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { isOwn, locked, loopbackWithoutProxy, makeFolder, projectWithRuns } from '../../../bin/setup-tools.mjs';
import { pythonCommand, pythonPath } from '../../../src/adapters/python.ts';
import { cannotListen, portNumber } from '../../../src/cli/context.ts';
import { exitCodeOf } from '../../../src/cli/exit.ts';
import { findDevelopmentStack, withoutProxy } from '../../../src/client/address.ts';
import { isProcess, startOf } from '../../../src/client/process-start.ts';
import { gitState } from '../../../src/compile/git.ts';
import { startConsole } from '../../../src/console/index.ts';
import type { ConsoleSource } from '../../../src/console/source.ts';
import { startStack } from '../../../src/stack/stack.ts';
import { inlineQuery, pipeline, project } from '../compile/project.ts';

const run = promisify(execFile);
let scratch: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'longhaul-around-'));
});
afterAll(() => rm(scratch, { recursive: true }));
afterEach(() => vi.unstubAllEnvs());

describe('variables of git', () => {
  it('of another repository, as a hook has them, do not lead there', async () => {
    const commits = await Promise.all(
      ['own', 'other'].map(async (name) => {
        const folder = join(scratch, name);
        await mkdir(folder, { recursive: true });
        const git = (...args: string[]): Promise<{ stdout: string }> =>
          run('git', ['-C', folder, '-c', 'user.name=x', '-c', 'user.email=x@example.com', ...args]);
        await git('init', '-q');
        await git('commit', '-q', '--allow-empty', '-m', name);
        return (await git('rev-parse', 'HEAD')).stdout.trim();
      }),
    );
    vi.stubEnv('GIT_DIR', join(scratch, 'other', '.git'));
    vi.stubEnv('GIT_WORK_TREE', join(scratch, 'other'));
    vi.stubEnv('GIT_INDEX_FILE', join(scratch, 'other', '.git', 'index'));
    expect(await gitState(join(scratch, 'own'))).toMatchObject({ root: join(scratch, 'own'), commit: commits[0], dirty: false });
    expect(await gitState(scratch)).toEqual({ root: null, commit: null, dirty: false });
  });
});

describe('modules of the project', () => {
  it.each(['sqlglot', 'token', 'types', 'json', 'numpy', 'optuna', 'longhaul_sql'])('%s.py takes no place of a library', async (name) => {
    const folder = join(scratch, 'shadow', name);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, `${name}.py`), 'raise SystemExit("a file of the project was run")\n');
    const { command, args, env } = pythonCommand('longhaul_sql', []);
    const child = spawn(command, args, { env, cwd: folder, stdio: ['pipe', 'pipe', 'pipe'] });
    let [told, complaints] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (told += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (complaints += chunk.toString()));
    child.stdin.end(`${JSON.stringify({ id: 7, op: 'translate', sql: 'SELECT 1 AS x', file: 'q.sql' })}\n`);
    await once(child, 'close');
    expect(complaints).toBe('');
    expect(JSON.parse(told)).toMatchObject({ id: 7, ok: true });
  });

  it('are not found by an empty entry of PYTHONPATH either', () => {
    expect(pythonPath(':/named::', undefined, '').split(':')).not.toContain('');
    expect(pythonPath(':/named::')).toMatch(/^\/named:/);
  });
});

describe('a proxy in the environment', () => {
  it.each(['http_proxy', 'https_proxy', 'HTTPS_PROXY', 'ALL_PROXY', 'grpc_proxy'])('%s is not asked for this machine', (name) => {
    const added = loopbackWithoutProxy({ [name]: 'http://proxy.example:3128', no_proxy: 'intra.example, 127.0.0.1' });
    for (const variable of ['no_proxy', 'NO_PROXY'])
      expect(added[variable]?.split(',')).toEqual(['intra.example', '127.0.0.1', 'localhost', '::1']);
  });

  it('is asked for all else, and nothing is set without one', () => {
    expect(loopbackWithoutProxy({ https_proxy: '', PATH: '/bin' })).toEqual({});
    expect(loopbackWithoutProxy({ https_proxy: 'http://p', NO_PROXY: '*' })).toEqual({ no_proxy: '*', NO_PROXY: '*' });
    expect(withoutProxy('temporal.example.com:7233')).toEqual({});
    expect(withoutProxy('127.0.0.1.example.com:7233')).toEqual({});
    for (const address of ['127.0.0.1:7233', 'localhost:7233', '[::1]:7233', '127.8.0.1:1']) expect(withoutProxy(address)).not.toEqual({});
  });
});

describe('a stack that was killed', () => {
  const left = async (stack: object): Promise<ReturnType<typeof findDevelopmentStack>> => {
    const folder = await mkdtemp(join(scratch, 'stack-'));
    await mkdir(join(folder, '.longhaul'));
    const file = { address: '127.0.0.1:9', namespace: 'default', ui: null, ports: { temporal: 9, ui: 10 }, ...stack };
    await writeFile(join(folder, '.longhaul', 'stack.json'), JSON.stringify(file));
    return findDevelopmentStack(folder);
  };

  it('is not found when its number belongs to another process', async () => {
    const sleeper = spawn('sleep', ['600'], { stdio: 'ignore' });
    await once(sleeper, 'spawn');
    try {
      expect(await left({ pid: sleeper.pid })).toBeNull();
      expect(await left({ pid: sleeper.pid, started: startOf(process.pid) })).toBeNull();
      // Another process of Node, too.
      expect(await left({ pid: process.pid, started: startOf(sleeper.pid ?? 0) })).toBeNull();
      expect(isProcess(sleeper.pid ?? 0, startOf(process.pid))).toBe(false);
    } finally {
      sleeper.kill('SIGKILL');
    }
  });

  it('is found while it runs, also that of an earlier release', async () => {
    expect(await left({ pid: process.pid, started: startOf(process.pid) })).toMatchObject({ address: '127.0.0.1:9' });
    expect(await left({ pid: process.pid })).toMatchObject({ address: '127.0.0.1:9' });
  });
});

describe('a stack that another user of the machine may have written', () => {
  const written = async (mode: number): Promise<string> => {
    const folder = await mkdtemp(join(scratch, 'foreign-'));
    await mkdir(join(folder, '.longhaul', 'below'), { recursive: true });
    const file = join(folder, '.longhaul', 'stack.json');
    await writeFile(
      file,
      JSON.stringify({ pid: process.pid, started: startOf(process.pid), address: '127.0.0.1:9', namespace: 'default', ui: null }),
    );
    await chmod(file, mode);
    return join(folder, '.longhaul', 'below');
  };
  const asAnother = (): void => void vi.spyOn(process, 'geteuid').mockReturnValue((process.geteuid?.() ?? 0) + 1);
  afterEach(() => vi.restoreAllMocks());

  it('counts only as the own word of whoever asks', async () => {
    expect(findDevelopmentStack(await written(0o644))).not.toBeNull();
    expect(findDevelopmentStack(await written(0o646))).toBeNull();
    const own = await written(0o600);
    asAnother();
    expect(findDevelopmentStack(own)).toBeNull();
  });

  it.each([
    ['is nobody else’s', 'NAME:x:GID:', 'NAME:x:1:GID::/:', true],
    ['has the user as its one member, too', 'NAME:x:GID:NAME', 'NAME:x:1:GID::/:', true],
    ['has another member', 'NAME:x:GID:NAME,eve', 'NAME:x:1:GID::/:', false],
    ['is the first one of another user', 'NAME:x:GID:', 'NAME:x:1:GID::/:\neve:x:2:GID::/:', false],
    ['is of many, though none is told', 'users:x:GID:', 'NAME:x:1:GID::/:', false],
    ['is another one’s', 'eve:x:GID:', 'NAME:x:1:GID::/:', false],
    ['is known by a directory server alone', 'root:x:99999:', 'NAME:x:1:GID::/:', false],
    ['has a number that another one only begins with', 'NAME:x:GID7:', '', false],
  ])('counts, written by a group, only where that %s', async (_, group, passwd, expected) => {
    const accounts = await mkdtemp(join(scratch, 'accounts-'));
    const [uid, gid] = [process.geteuid?.() ?? 0, 4242];
    const filled = (text: string): string => text.replaceAll('NAME', userInfo().username).replaceAll('GID', String(gid));
    await writeFile(join(accounts, 'group'), filled(group));
    await writeFile(join(accounts, 'passwd'), filled(passwd));
    expect(isOwn({ uid, gid, mode: 0o664 }, accounts)).toBe(expected);
    expect(isOwn({ uid, gid, mode: 0o644 }, accounts)).toBe(true);
    expect(isOwn({ uid, gid, mode: 0o666 }, accounts)).toBe(false);
    expect(isOwn({ uid: uid + 1, gid, mode: 0o600 }, accounts)).toBe(false);
  });

  it('does not count where no group is known', () => {
    expect(isOwn({ uid: process.geteuid?.() ?? 0, gid: 4242, mode: 0o664 }, join(scratch, 'nowhere'))).toBe(false);
  });

  it('is in no folder that a group may write, whatever the umask', async () => {
    const before = process.umask(0o002);
    try {
      const folder = join(await mkdtemp(join(scratch, 'made-')), 'a', 'b');
      await makeFolder(folder);
      expect((await stat(folder)).mode & 0o022).toBe(0);
    } finally {
      process.umask(before);
    }
  });

  it('is a file, and no link to one or a pipe, on which a command would wait', async () => {
    const linked = await written(0o600);
    const file = join(linked, '..', 'stack.json');
    await rename(file, `${file}.elsewhere`);
    await symlink(`${file}.elsewhere`, file);
    expect(findDevelopmentStack(linked)).toBeNull();
    await unlink(file);
    await run('mkfifo', [file]);
    expect(findDevelopmentStack(linked)).toBeNull();
  });

  it.each(['', '{ "pid": 1', 'null', '[]', '7', '{ "address": 5 }'])('is as if it were not there when it says %j', async (text) => {
    const folder = await written(0o600);
    await writeFile(join(folder, '..', 'stack.json'), text);
    expect(findDevelopmentStack(folder)).toBeNull();
  });

  it('is written for the user alone, and so are runs that are served again', async () => {
    const folder = await mkdtemp(join(scratch, 'runs-'));
    await mkdir(join(folder, '.longhaul'));
    await writeFile(join(folder, '.longhaul', 'temporal.db'), '');
    expect(projectWithRuns(folder)).toBe(folder);
    await chmod(join(folder, '.longhaul', 'temporal.db'), 0o666);
    expect(projectWithRuns(folder)).toBeNull();
    await chmod(join(folder, '.longhaul', 'temporal.db'), 0o600);
    asAnother();
    expect(projectWithRuns(folder)).toBeNull();
    // What a stranger's database has would be worked on as whoever starts workers for it.
    const error: unknown = await startStack({ directory: folder }).catch((thrown: unknown) => thrown);
    expect([exitCodeOf(error), (error as Error).message]).toEqual([2, expect.stringContaining("is not the user's own")]);
  });
});

describe('a port', () => {
  const SOURCE = { runs: () => Promise.resolve([]), workflowLink: () => null } as unknown as ConsoleSource;

  it('that others use is told with what to do', async () => {
    const other = createServer();
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const options = { host: '127.0.0.1', port, readOnly: true, tokens: [], proxy: null, hostNames: [], https: false };
    const error: unknown = await startConsole(SOURCE, options).catch((thrown: unknown) => cannotListen(thrown, options.host, port));
    other.close();
    expect((error as Error).message).toBe(`port ${port} of 127.0.0.1 is taken, by another one of these perhaps; --port 0 takes a free one`);
    expect(exitCodeOf(error)).toBe(2);
  });

  it.each(['65536', '99999', '-1', 'abc', '80.5', '1e3', '', ' 80'])('%j is none', (text) => {
    expect(() => portNumber(text)).toThrow('0 to 65535');
  });
});

describe('paths of a profile', () => {
  const profile = (path: string): string =>
    `warehouse: { kind: duckdb, path: w }\nstorage: { kind: directory, path: "${path}" }\ncompute: { kind: process, path: j }\n`;
  const compiled = async (path: string): Promise<unknown> => {
    await using made = await project({ 'pipeline.yaml': pipeline(inlineQuery('d')), 'profiles/mine.yaml': profile(path) });
    return (await made.compile({ profile: 'mine' })).profile.storage;
  };

  it('~ is the home directory', async () => {
    expect(await compiled('~/data/store')).toMatchObject({ path: join(homedir(), 'data/store') });
    expect(JSON.stringify(await compiled('data/~x'))).toContain('/data/~x"');
  });

  it.each(['~ada/store', '$HOME/store', 'data/$USER/store'])('%s is refused: no shell reads it', async (path) => {
    await expect(compiled(path)).rejects.toThrow('${HOME}/data');
  });
});

describe('what sources were compiled to', () => {
  it('is kept for the processes that a command starts, too: workers, and commands of scripts', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'longhaul-compiled-'));
    const program = join(folder, 'program.mjs');
    await writeFile(program, 'process.stdout.write(String(process.env.NODE_COMPILE_CACHE));');
    const launcher = pathToFileURL(join(import.meta.dirname, '..', '..', '..', 'bin', 'launch.mjs')).href;
    const call = `await (await import(${JSON.stringify(launcher)})).launch(${JSON.stringify(program)}, [], { python: false, tools: false })`;
    const { NODE_COMPILE_CACHE: _kept, ...rest } = process.env;
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', call], { env: { ...rest, LONGHAUL_CACHE: folder } });
    expect(stdout).toBe(join(folder, 'compiled'));
    await rm(folder, { recursive: true });
  });
});

describe('a folder that cannot be made', () => {
  it.each(['/dev/null/.cache/longhaul', '/proc/.cache/longhaul'])('%s is told in a sentence, with exit code 2', async (folder) => {
    vi.stubEnv('LONGHAUL_CACHE', folder);
    const work = vi.fn(() => Promise.resolve());
    const error: unknown = await locked(join(folder, 'set-up.lock'), work).catch((thrown: unknown) => thrown);
    expect((error as Error).message).toMatch(new RegExp(`^${folder} cannot be written \\(E[A-Z]+\\); set LONGHAUL_CACHE to a folder`));
    expect(exitCodeOf(error)).toBe(2);
    expect(work).not.toHaveBeenCalled();
  });

  it.each(['/dev/null/.cache/longhaul', '/proc/.cache/longhaul'])('%s keeps no command waiting that needs nothing kept', async (folder) => {
    const { NODE_COMPILE_CACHE: _kept, ...rest } = process.env;
    const command = join(import.meta.dirname, '..', '..', '..', 'bin', 'longhaul.mjs');
    // The limit only ends a process that would go on for ever.
    const answered = run(process.execPath, [command, 'completion', 'bash'], { env: { ...rest, LONGHAUL_CACHE: folder }, timeout: 300_000 });
    expect((await answered).stdout).toContain('longhaul');
  });

  it('is another one than the cache, and says so', async () => {
    await expect(makeFolder('/dev/null/project/.longhaul')).rejects.toThrow('a folder that can be written is needed here');
  });
});
