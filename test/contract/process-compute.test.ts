import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openProcessCompute } from '../../src/adapters/process/index.ts';
import { archiveOf } from '../../src/compile/code/archive.ts';
import { pythonExecutable, TRAINER_DIRECTORY } from '../../src/adapters/python.ts';
import type { JobEnd, JobSpec } from '../../src/contract/jobs.ts';
import type { Compute } from '../../src/ports/compute.ts';
import { computeContract } from './compute.contract.ts';

const newRoot = (): Promise<string> => mkdtemp(join(tmpdir(), 'longhaul-process-'));

computeContract('process', async () => {
  const path = await newRoot();
  let pools = 0;
  return {
    connect: () => openProcessCompute({ kind: 'process', path }),
    job: {},
    async closedPool() {
      const name = `closed-${++pools}`;
      await mkdir(join(path, '.closed-pools'), { recursive: true });
      await writeFile(join(path, '.closed-pools', name), 'no spot machine to be had');
      return {
        pool: { name, spot: true, pricePerHour: 0, nodeSelector: {}, tolerations: [] },
        message: /no spot machine/,
        open: () => rm(join(path, '.closed-pools', name)),
      };
    },
    image: null,
    close: () => rm(path, { recursive: true, force: true }),
  };
});

describe('process compute', () => {
  let path: string;
  let compute: Compute;
  let count = 0;
  beforeAll(async () => {
    path = await newRoot();
    compute = await openProcessCompute({ kind: 'process', path });
  });
  afterAll(async () => {
    for (const each of await compute.list()) await compute.remove(each.name);
    await compute.close();
    await rm(path, { recursive: true, force: true });
  });

  const job = (script: string, changes: Partial<JobSpec> = {}): JobSpec => ({
    name: `job-${++count}`,
    labels: { pipeline: 'p', run: 'r', step: 's' },
    command: ['sh', '-c', script],
    env: {},
    resources: { cpu: 1, memoryMb: 64, gpu: 0 },
    pool: { name: 'local', spot: false, pricePerHour: 0, nodeSelector: {}, tolerations: [] },
    graceSeconds: 2,
    ...changes,
  });
  const watch = (name: string): Promise<JobEnd> => compute.watch(name, { signal: new AbortController().signal, noCapacitySeconds: 60 });
  const fileOf = async (name: string, file: string): Promise<{ pid: number }> =>
    JSON.parse(await readFile(join(path, name, file), 'utf8')) as { pid: number };
  const started = async (spec: JobSpec): Promise<number> => {
    await compute.create(spec);
    await expect.poll(() => existsSync(join(path, spec.name, 'started.json'))).toBe(true);
    return (await fileOf(spec.name, 'started.json')).pid;
  };
  const alive = (pid: number): boolean => existsSync(`/proc/${pid}`);

  it('gives a Job secrets of the worker, which no file and no log has, and which other Jobs do not see', async () => {
    const value = 'hf_very$ecret/7';
    process.env.OWN_TOKEN = value;
    try {
      const secrets = [{ name: 'HF_TOKEN', from: 'env:OWN_TOKEN' }];
      const spec = job('test "$HF_TOKEN" = "$(cat expected)" && echo same; echo "it is $HF_TOKEN"; echo "$HF_TOKEN" >&2; exit 9', {
        secrets,
      });
      const { name } = spec;
      // It knows the value from elsewhere.
      const expected = join(path, 'expected');
      await writeFile(expected, value);
      await compute.create({ ...spec, command: spec.command.map((word) => word.replace('cat expected', `cat ${expected}`)) });
      const end = await compute.watch(name, { signal: AbortSignal.timeout(600_000), noCapacitySeconds: 600 });
      await rm(expected);
      expect(end).toMatchObject({ state: 'failed', exitCode: 9 });
      expect(end.logTail).toContain('same\n');
      expect(end.logTail).toContain('it is ***');
      for (const file of await readdir(join(path, name), { recursive: true, withFileTypes: true })) {
        if (!file.isFile()) continue;
        expect(await readFile(join(file.parentPath, file.name), 'utf8'), file.name).not.toContain(value);
      }
      const other = job('env');
      await compute.create(other);
      const seen = await compute.watch(other.name, { signal: AbortSignal.timeout(600_000), noCapacitySeconds: 600 });
      expect(seen.logTail).not.toContain('TOKEN');
    } finally {
      delete process.env.OWN_TOKEN;
    }
  });

  it.each([
    ['env:NOBODY_HAS_THIS', 'a variable that the training worker was started with'],
    ['kubernetes:hf/token', 'env:NAME, a variable of the worker'],
  ])('refuses a Job that is to have %s', async (from, expected) => {
    const refused = compute.create(job('true', { secrets: [{ name: 'A', from }] }));
    await expect(refused).rejects.toThrow(`secret A: expected ${expected}, found ${from}`);
  });

  it('tells a kill -9 from outside by its signal', async () => {
    const spec = job('sleep 60');
    const pid = await started(spec);
    const watching = watch(spec.name);
    process.kill(pid, 'SIGKILL');
    expect(await watching).toMatchObject({ state: 'failed', exitCode: 137, signal: 'SIGKILL', message: 'killed by SIGKILL' });
  });

  it('has a temporary directory of its own, which goes with it however it ends', async () => {
    const spec = job('mktemp -d; exec sleep 60');
    const pid = await started(spec);
    const made = async (): Promise<string> => (await readFile(join(path, spec.name, 'log'), 'utf8')).trim();
    await expect.poll(made).toMatch(/^\//);
    expect(existsSync(await made())).toBe(true);
    const watching = watch(spec.name);
    process.kill(pid, 'SIGKILL');
    await watching;
    expect(existsSync(await made())).toBe(false);
  });

  it('takes the Job for lost when its supervisor is killed, and leaves nothing running', async () => {
    const spec = job('sleep 61 & echo $!; exec sleep 60');
    const pid = await started(spec);
    let background = 0;
    await expect.poll(async () => (background = Number(await readFile(join(path, spec.name, 'log'), 'utf8')))).toBeGreaterThan(0);
    process.kill((await fileOf(spec.name, 'supervisor.json')).pid, 'SIGKILL');
    expect(await watch(spec.name)).toMatchObject({
      state: 'lost',
      exitCode: null,
      message: expect.stringMatching(/supervisor of Job/) as string,
    });
    await expect.poll(() => alive(pid) || alive(background)).toBe(false);
    expect((await compute.list()).find((each) => each.name === spec.name)?.phase).toBe('ended');
  });

  it('ends what the Job left running in the background, also outside of its session', async () => {
    const spec = job('sleep 62 & echo $!; setsid sleep 63 & echo $!; sleep 0.3; exit 0');
    await compute.create(spec);
    expect(await watch(spec.name)).toMatchObject({ state: 'succeeded' });
    const pids = (await readFile(join(path, spec.name, 'log'), 'utf8')).trim().split('\n').map(Number);
    expect(pids).toHaveLength(2);
    expect(pids.filter(alive)).toEqual([]);
  });

  it('goes on when the worker that made it is killed, and the next worker adopts it', async () => {
    const spec = job('echo begun; sleep 1; exit 12');
    const worker = spawn(
      process.execPath,
      [fileURLToPath(new URL('./fixtures/create-job.ts', import.meta.url)), path, JSON.stringify(spec)],
      { stdio: 'inherit' },
    );
    await expect.poll(() => existsSync(join(path, spec.name, 'started.json'))).toBe(true);
    worker.kill('SIGKILL');
    await once(worker, 'exit');
    expect(await compute.create(spec)).toEqual({ adopted: true, name: spec.name });
    expect(await watch(spec.name)).toMatchObject({ state: 'failed', exitCode: 12 });
  });

  it('starts a Job whose creator died before it was started', async () => {
    const spec = job('exit 4');
    await compute.create(spec);
    await watch(spec.name);
    // As the creator leaves it between its two acts.
    for (const file of ['supervisor.json', 'started.json', 'exit.json']) await rm(join(path, spec.name, file));
    expect(await watch(spec.name)).toMatchObject({ state: 'failed', exitCode: 4 });
  });

  it('removes such a Job without running it', async () => {
    const spec = job('exit 4');
    await compute.create(spec);
    await watch(spec.name);
    for (const file of ['supervisor.json', 'started.json', 'exit.json']) await rm(join(path, spec.name, file));
    await compute.remove(spec.name);
    expect(existsSync(join(path, spec.name))).toBe(false);
  });

  it('is not taken in by a pid that came back', async () => {
    const spec = job('exit 4');
    await compute.create(spec);
    await watch(spec.name);
    await rm(join(path, spec.name, 'exit.json'));
    const supervisor = await fileOf(spec.name, 'supervisor.json');
    await writeFile(join(path, spec.name, 'supervisor.json'), JSON.stringify({ ...supervisor, pid: process.pid }));
    expect(await watch(spec.name)).toMatchObject({ state: 'lost' });
    await compute.remove(spec.name);
  });

  it('runs `python` as Longhaul’s interpreter, which finds its packages', async () => {
    const spec = job('', {
      command: ['python', '-c', 'import sys, os; print(sys.executable); print(os.environ["PYTHONPATH"]); print(os.getcwd())'],
      env: { PYTHONPATH: '/mine' },
    });
    await compute.create(spec);
    expect(await watch(spec.name)).toMatchObject({ state: 'succeeded' });
    const [executable, pythonPath, directory] = (await readFile(join(path, spec.name, 'log'), 'utf8')).trim().split('\n');
    if (pythonExecutable().startsWith('/')) expect(executable).toBe(pythonExecutable());
    expect(pythonPath).toBe(`/mine:${TRAINER_DIRECTORY}`);
    expect(directory).toBe(join(path, spec.name, 'work'));
  });

  it.each([undefined, '/usr/bin/python3'])('runs code that was shipped, by %s', async (python) => {
    const archive = archiveOf([
      { path: 'train.py', data: Buffer.from('import sys, longhaul; print(sys.executable); sys.exit(9)'), executable: false },
    ]);
    const uri = pathToFileURL(join(path, createHash('sha256').update(archive).digest('hex'))).href;
    await writeFile(fileURLToPath(uri), archive);
    const spec = job('', { command: ['python', 'train.py'], code: { archive: uri, ...(python === undefined ? {} : { python }) } });
    await compute.create(spec);
    expect(await watch(spec.name)).toMatchObject({ state: 'failed', exitCode: 9 });
    const log = await readFile(join(path, spec.name, 'log'), 'utf8');
    if (python !== undefined || pythonExecutable().startsWith('/')) expect(log.split('\n')).toContain(python ?? pythonExecutable());
    await rm(fileURLToPath(uri));
  });

  it('passes a request to end on to code that was shipped', async () => {
    const script =
      "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [15]); print('ready', flush=True); signal.sigwait([15]); raise SystemExit(143)";
    const archive = archiveOf([{ path: 'train.py', data: Buffer.from(script), executable: false }]);
    const uri = pathToFileURL(join(path, createHash('sha256').update(archive).digest('hex'))).href;
    await writeFile(fileURLToPath(uri), archive);
    const spec = job('', { command: ['python', 'train.py'], code: { archive: uri }, graceSeconds: 600 });
    await compute.create(spec);
    await expect.poll(() => readFile(join(path, spec.name, 'log'), 'utf8')).toContain('ready');
    await compute.terminate(spec.name);
    expect(await watch(spec.name)).toMatchObject({ state: 'failed', exitCode: 143, signal: null });
    await rm(fileURLToPath(uri));
  });

  it('says that a command cannot be started', async () => {
    const spec = job('', { command: ['no-such-program'] });
    await compute.create(spec);
    expect(await watch(spec.name)).toMatchObject({
      state: 'failed',
      exitCode: 127,
      logTail: expect.stringMatching(/cannot start no-such-program/) as string,
    });
  });

  it('says which Python it cannot run', async () => {
    const before = process.env['LONGHAUL_PYTHON'];
    process.env['LONGHAUL_PYTHON'] = '/no/such/python';
    try {
      await expect(compute.create(job('exit 0'))).rejects.toMatchObject({
        type: 'InvalidInput',
        message: expect.stringMatching(/cannot run \/no\/such\/python.*LONGHAUL_PYTHON/s) as string,
      });
    } finally {
      if (before === undefined) delete process.env['LONGHAUL_PYTHON'];
      else process.env['LONGHAUL_PYTHON'] = before;
    }
  });

  it('needs an absolute path', async () => {
    await expect(openProcessCompute({ kind: 'process', path: 'jobs' })).rejects.toThrow(/expected an absolute path, found "jobs"/);
  });
});
