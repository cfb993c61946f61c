/** Runs in the offline files of W&B's own package: each once, whatever ends the telling; and a run whose tracker nobody can install. Its service is never asked. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { openWandb } from '../../src/adapters/wandb/index.ts';
import type { TrackedRun } from '../../src/contract/trackers.ts';
import { startStack } from '../../src/stack/stack.ts';
import { wandbPython } from '../support/wandb.ts';
import { runCli } from '../support/run-cli.ts';
import { writeTrackedProject } from '../support/tracked-project.ts';
import { until } from '../workflow/environment.ts';

interface Shown {
  readonly display_name: string;
  readonly project: string;
  readonly run_group: string;
  readonly job_type: string;
  readonly host: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly history: readonly Readonly<Record<string, number>>[];
  readonly summary: Readonly<Record<string, unknown>>;
  readonly exit: number | null;
}

const run = promisify(execFile);
const AT = Date.UTC(2026, 10, 1);
const never = new AbortController().signal;
/** What has `wandb`: the environment that the tracker itself makes. */
let python: string;
let folder: string;

beforeAll(async () => void (python = await wandbPython()));
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'longhaul-wandb-'))));
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

async function shown(place = folder): Promise<Shown[]> {
  if (!existsSync(join(place, 'wandb'))) return [];
  const reader = fileURLToPath(new URL('../support/wandb_files.py', import.meta.url));
  const { stdout } = await run(python, [reader, join(place, 'wandb')], { maxBuffer: 64 * 1024 * 1024 });
  return (JSON.parse(stdout) as Shown[]).sort((a, b) => a.display_name.localeCompare(b.display_name));
}

const trial = (points: number, over: boolean, fields: Partial<TrackedRun> = {}): TrackedRun => ({
  key: 'run-1/search/0',
  parent: 'run-1',
  name: 'search 0',
  startedAt: AT,
  endedAt: over ? AT + 10_000 : null,
  status: over ? 'finished' : 'running',
  parameters: over ? { lr: '0.5', optimizer: 'adam' } : {},
  tags: { model: 'file:///models/0' },
  whole: true,
  points: Array.from({ length: points }, (_, n) => ({
    n: n + 1,
    step: (n + 1) * 10,
    at: AT + n,
    metrics: [
      { name: 'auc', value: n / points },
      { name: '_loss@1', value: 1 - n / points },
    ],
  })),
  results: over ? [{ name: 'objective', value: 0.75, at: AT + 10_000, step: points * 10 }] : [],
  ...fields,
});
const entries = (points: number, over: boolean, fields: Partial<TrackedRun> = {}): TrackedRun[] => [
  { ...trial(0, over), key: 'run-1', parent: null, name: 'run-1', parameters: {}, results: [], ...fields },
  trial(points, over, fields),
];
const tell = (given: readonly TrackedRun[], signal = never): Promise<boolean> =>
  openWandb({ kind: 'wandb', uri: 'https://api.wandb.ai' }, 'pipeline', null, { WANDB_DIR: folder }).tell('run-1', given, signal);

describe("Weights & Biases' offline files", () => {
  it('have each run, point and parameter once when they have ended, and nothing of the machine', async () => {
    expect(await tell(entries(700, false))).toBe(true);
    expect(await shown(), 'what runs is told with its end').toEqual([]);
    await tell(entries(1200, true));
    await tell(entries(1200, true));
    const [parent, child] = (await shown()) as [Shown, Shown];
    expect(await shown()).toHaveLength(2);
    expect(parent).toMatchObject({ display_name: 'run-1', project: 'pipeline', run_group: 'run-1', job_type: 'run', exit: 0, history: [] });
    expect(child).toMatchObject({ display_name: 'search 0', run_group: 'run-1', job_type: 'trial', exit: 0, host: 'longhaul' });
    expect(child.config).toMatchObject({ lr: 0.5, optimizer: 'adam', longhaul: { key: 'run-1/search/0', model: 'file:///models/0' } });
    expect(child.summary).toMatchObject({ objective: 0.75 });
    expect(
      child.history.map(({ _step, training_step, auc, 'loss@1': loss, _timestamp }) => [_step, training_step, auc, loss, _timestamp]),
    ).toEqual(Array.from({ length: 1200 }, (_, n) => [n + 1, (n + 1) * 10, n / 1200, 1 - n / 1200, (AT + n) / 1000]));
  });

  it('are made anew where a run was run again, and stay where nothing is new', async () => {
    await tell(entries(3, true, { status: 'failed' }));
    expect((await shown()).map(({ exit }) => exit)).toEqual([1, 1]);
    const before = await readdir(join(folder, 'wandb'));
    await tell(entries(3, true, { status: 'failed' }));
    expect(await readdir(join(folder, 'wandb'))).toEqual(before);
    await tell(entries(5, false));
    expect(
      (await shown()).map(({ exit }) => exit),
      'until it has ended again',
    ).toEqual([1, 1]);
    await tell(entries(5, true));
    expect((await shown()).map(({ exit, history }) => [exit, history.length])).toEqual([
      [0, 0],
      [0, 5],
    ]);
  });

  it('are whole however often the telling is stopped', async () => {
    const given = [...entries(400, true), ...[1, 2, 3].map((n) => trial(400, true, { key: `run-1/search/${n}`, name: `search ${n}` }))];
    for (let told = 0; told < given.length; told++) {
      const stop = new AbortController();
      const stopped = tell(given, stop.signal).catch((error: unknown) => expect(stop.signal.aborted, String(error)).toBe(true));
      // As soon as one more has begun to be written.
      await until(async () => existsSync(join(folder, 'wandb', '.unfinished', 'wandb')), 'an entry to be written');
      stop.abort();
      await stopped;
      for (const { history, exit, display_name: name } of (await shown()).filter(({ exit: end }) => end !== null))
        expect([history.length, exit, name]).toEqual([name === 'run-1' ? 0 : 400, 0, name]);
    }
    await tell(given);
    expect((await shown()).map(({ display_name, history, exit }) => [display_name, history.length, exit])).toEqual([
      ['run-1', 0, 0],
      ...[0, 1, 2, 3].map((n) => [`search ${n}`, 400, 0]),
    ]);
  });
});

it('says what to do where the package cannot be had', async () => {
  for (const [name, value] of Object.entries({
    HOME: folder,
    XDG_CACHE_HOME: folder,
    LONGHAUL_CACHE: folder,
    PIP_NO_INDEX: '1',
    UV_OFFLINE: '1',
    UV_NO_INDEX: '1',
    UV_CACHE_DIR: folder,
  }))
    // prettier-ignore
    vi.stubEnv(name, value);
  await expect(tell(entries(1, true))).rejects.toMatchObject({
    type: 'InvalidInput',
    message: expect.stringMatching(
      /needs the Python package wandb==.*cannot be installed.*Put it into the worker's image \(pip install wandb==/s,
    ) as string,
  });
});

it('says so where there is no Python', async () => {
  vi.stubEnv('LONGHAUL_PYTHON', join(folder, 'nowhere', 'python'));
  await expect(tell(entries(1, true))).rejects.toMatchObject({
    type: 'InvalidInput',
    message: expect.stringMatching(/needs Python/) as string,
  });
});

it('waits for a service that does not answer, and does not tell the key', async () => {
  const tracker = openWandb({ kind: 'wandb', uri: 'http://127.0.0.1:9' }, 'pipeline', 'a'.repeat(40), {});
  const error: unknown = await tracker.tell('run-1', entries(1, true), never).catch((caught: unknown) => caught);
  expect(error).toMatchObject({ type: 'Unavailable', message: expect.stringMatching(/^Weights & Biases: /) as string });
  expect(String(error)).not.toContain('aaaa');
});

describe('a profile with the tracker', () => {
  const project = mkdtemp(join(tmpdir(), 'longhaul-wandb-project-'));
  afterAll(async () => rm(await project, { recursive: true, force: true }));

  it('has the files of a run of a trainer that knows nothing of it', async () => {
    const at = await project;
    await writeTrackedProject(at, '{ kind: wandb, project: grocery }');
    await chmod(at, 0o700);
    const stack = await startStack({ directory: at });
    try {
      await stack.ready;
      const ran = await runCli(['run', 'pipeline.yaml', '--profile', 'tracked', '--run-id', 'one', '--output', 'json'], { cwd: at });
      expect(ran.code, ran.stderr).toBe(0);
      const files = (): Promise<Shown[]> => shown(join(at, '.longhaul'));
      await until(async () => (await files()).filter(({ exit }) => exit === 0).length === 3, 'the run and its trials');
      const [own, ...trials] = await files();
      expect(own).toMatchObject({ display_name: 'one', project: 'grocery', job_type: 'run' });
      for (const { config, history, summary } of trials) {
        expect(config['lr']).toBeTypeOf('number');
        // Records of models that were exported have their metrics, too.
        const scores = history.filter(({ score }) => score !== undefined).map(({ training_step: step, score }) => [step, score]);
        expect([...new Map(scores as [number, number][])].sort(([a], [b]) => a - b)).toEqual([[2, 1], [4, 2], [6, 3]]); // prettier-ignore
        expect(summary).toMatchObject({ objective: 3 });
      }
    } finally {
      await stack.stop();
    }
  });
});
