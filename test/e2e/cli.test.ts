import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import type { Estimated } from '../../src/cli/estimates.ts';
import { startStack, type Stack } from '../../src/stack/stack.ts';
import {
  CompareOutput,
  CurvesOutput,
  ListOutput,
  OpenOutput,
  ReplaySearchOutput,
  ReportOutput,
  StatusOutput,
  TrialsOutput,
} from '../../src/cli/output-schemas.ts';
import { findDevelopmentStack } from '../../src/client/address.ts';
import { connect, type Longhaul } from '../../src/client/index.ts';
import type { RunDocument } from '../../src/contract/run-document.ts';
import { tinyProfile, tinySearch } from '../support/tiny-search.ts';
import { documentOf } from '../workflow/documents.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const MAIN = join(ROOT, 'src', 'cli', 'main.ts');
const TRIALS = 6;
const COLOR = '\u001b[';

/** Two points of a curve, and a score that is best at x = 0.3; y says nothing. */
const TRAINER = `
import json, os, pathlib, time
output = pathlib.Path(os.environ["LONGHAUL_OUTPUT"].removeprefix("file://"))
x = json.loads(pathlib.Path(os.environ["LONGHAUL_TRIAL"].removeprefix("file://")).read_text())["parameters"]["x"]
def put(name, value):
    (output / name).parent.mkdir(parents=True, exist_ok=True)
    (output / name).write_text(json.dumps(value))
score = 1 - (x - 0.3) ** 2
for n, share in ((1, 0.5), (2, 1.0)):
    put(f"progress/{n}.json", {"n": n, "time": time.time(), "attempt": 1, "kind": "validation", "epoch": 0, "part": n, "step": n, "samples": 100 * n, "metrics": {"score": score * share}})
put("result.json", {"metrics": {"score": score}, "objective": score, "bestStep": 2, "steps": 2, "samples": 200, "epochs": 1, "bestExport": None, "weightsSha256": "0"})
`;

describe('the command line on a development stack', () => {
  const folder = mkdtempSync(join(tmpdir(), 'longhaul-commands-'));
  let stack: Stack;
  let longhaul: Longhaul;
  let stopped = false;

  const stopServers = async (): Promise<void> => {
    stopped = true;
    await longhaul.close();
    await stack.stop();
  };

  beforeAll(async () => {
    stack = await startStack({ directory: folder });
    await stack.ready;
    longhaul = await connect({ directory: folder });
    const first = await longhaul.start(document(0), { runId: 'first' });
    await first.result();
    const second = await longhaul.start(document(1), { runId: 'second' });
    await second.result();
  });
  afterAll(async () => {
    if (!stopped) await stopServers();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Another seed is another search. */
  function document(seed: number): RunDocument {
    const search = tinySearch(folder, { trials: TRIALS });
    const space = { x: { type: 'float', low: 0, high: 1 }, y: { type: 'float', low: 0, high: 1 } };
    const spec = { ...search.spec, command: ['python', '-c', TRAINER], parallel: 2, seed, space };
    return documentOf([{ ...search, spec } as typeof search], { profile: tinyProfile(folder), description: `seed ${seed}` });
  }

  const run = (program: string, args: readonly string[], more: NodeJS.ProcessEnv = {}) => {
    const { TEMPORAL_ADDRESS: _address, NO_COLOR: _plain, CI: _ci, ...rest } = process.env;
    return promisify(execFile)(program, args, { cwd: folder, env: { ...rest, TERM: 'xterm-256color', ...more }, maxBuffer: 2 ** 26 });
  };
  const longhaulSays = async (...args: string[]): Promise<string> => (await run(process.execPath, [MAIN, ...args])).stdout;
  const json = async <T extends z.ZodType>(schema: T, ...args: string[]): Promise<z.infer<T>> =>
    schema.parse(JSON.parse(await longhaulSays(...args, '--output', 'json')));

  it('writes the documented JSON', async () => {
    const status = await json(StatusOutput, 'status', 'second');
    expect(status.searches.search?.trials).toHaveLength(TRIALS);
    expect((await json(ListOutput, 'list')).map(({ run: name }) => name)).toEqual(['second', 'first']);
    const trials = await json(TrialsOutput, 'trials', 'second', '--sort', 'score');
    expect(trials.map((trial) => trial.objective)).toEqual(
      [...trials.map((trial) => trial.objective)].sort((a, b) => Number(b) - Number(a)),
    );
    const curves = await json(CurvesOutput, 'curves', 'second', '--trial', '0');
    expect(curves.series.map(({ name, points }) => [name, points.map(([samples]) => samples)])).toEqual([['trial 0', [100, 200]]]);
    expect((await json(CompareOutput, 'compare', 'first', 'second')).map(({ status: end }) => end)).toEqual(['succeeded', 'succeeded']);
    expect(await json(OpenOutput, 'open', 'second')).toMatchObject({
      temporal: expect.stringContaining('/namespaces/default/workflows/second') as string,
      tensorboard: expect.stringMatching(/^tensorboard --logdir \/.*store\/search\/[0-9a-f]+\/second$/) as string,
    });
  });

  it('refuses what comes too late, with exit code 3 and a reason, and does not know strangers', async () => {
    const failing = async (...args: string[]): Promise<unknown> => {
      const { code, stdout, stderr } = (await longhaulSays(...args).catch((error: unknown) => error)) as Record<string, unknown>;
      return { code, stdout, stderr };
    };
    for (const command of ['pause', 'stop', 'approve'])
      expect(await failing(command, 'second')).toEqual({
        code: 3,
        stdout: '',
        stderr: expect.stringMatching(/second has already ended/) as unknown,
      });
    expect(await failing('stop-trial', 'second', '0', '--step', 'search')).toMatchObject({ code: 3 });
    expect(await failing('status', 'third')).toMatchObject({ code: 2, stderr: expect.stringMatching(/no run "third"/) as unknown });
  });

  it('reports a run with importances and with what changed since the run before', async () => {
    const report = await json(ReportOutput, 'report', 'second', '--format', 'json');
    expect(report.importance.search).toMatchObject({ evaluator: 'fanova', trials: TRIALS, parameters: [{ name: 'x' }, { name: 'y' }] });
    expect(report.changes).toMatchObject({
      run: 'first',
      changes: expect.arrayContaining([{ path: 'description', before: 'seed 0', after: 'seed 1' }]) as unknown,
    });
    const url = (await longhaulSays('report', 'second', 'first', '--file', 'both.html')).trim();
    expect(url).toMatch(/^file:\/\/.*both\.html$/);
    expect(readFileSync(join(folder, 'both.html'), 'utf8')).toContain('2 runs side by side');
    expect(await longhaulSays('report', 'second', '--format', 'md')).toMatch(/^# Best trial of search: trial \d/);
  });

  it('replays a recorded search under other rules and in the order of another sampler', async () => {
    const { recorded, replays } = await json(ReplaySearchOutput, 'replay-search', 'second', '--pruner', 'none', '--stopping', 'asha');
    const [none, asha] = replays;
    expect(none).toMatchObject({ trials: TRIALS, stopped: 0, regret: 0, best: { trial: recorded.best?.trial } });
    expect(asha?.stopped).toBeGreaterThan(0);
    expect(asha?.seconds).toBeLessThan(recorded.seconds);
    expect(asha?.ended.find(({ status }) => status === 'stopped')?.reason).toMatch(
      /^asha: value 0\.\d+ at rung 0 \(point 1\) is not among/,
    );
    const sampled = await json(ReplaySearchOutput, 'replay-search', 'second', '--sampler', 'random', '--trials', '3');
    expect(sampled.replays[0]).toMatchObject({ sampler: 'random', trials: 3, distance: expect.any(Number) as number });
    expect((await json(ReplaySearchOutput, 'replay-search', 'second', '--sampler', 'random', '--trials', '3')).replays).toEqual(
      sampled.replays,
    );
    expect(await longhaulSays('replay-search', 'second', '--stopping', 'median')).toMatch(/^as recorded .*\n *median /m);
    const refused = async (...args: string[]): Promise<unknown> => longhaulSays('replay-search', ...args).catch((error: unknown) => error);
    expect(await refused('nowhere', '--stopping', 'asha')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('no run "nowhere"') as string,
    });
    expect(await refused('second', '--sampler', 'grid')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('grid needs a finite space') as string,
    });
    expect(await refused('second', '--stopping', 'ahsa')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('no rule "ahsa"') as string,
    });
  });

  it('estimates what a search will cost from earlier runs, with an interval', async () => {
    const file = join(folder, 'planned.json');
    writeFileSync(file, JSON.stringify(document(2)));
    const { estimates } = JSON.parse(await longhaulSays('plan', file, '--output', 'json')) as { estimates: Estimated[] };
    expect(estimates).toMatchObject([{ step: 'search', estimate: { trials: TRIALS, earlierRuns: 2, earlierTrials: 2 * TRIALS } }]);
    const { low, expected, high } = estimates[0]!.estimate!.machineSeconds;
    expect(0 < low && low <= expected && expected <= high).toBe(true);
    expect(await longhaulSays('plan', file)).toMatch(/search: 6 trials will cost about .* from 12 trials of 2 earlier runs on /);
    writeFileSync(file, JSON.stringify({ ...document(2), pipeline: 'unheard-of' }));
    expect(await longhaulSays('plan', file)).toContain('search: no earlier runs of unheard-of on ');
  });

  it('paints a tree on a terminal and plain lines elsewhere, and ends as the run did', async () => {
    const piped = await run(process.execPath, [MAIN, 'status', 'second', '--watch']);
    expect(piped.stderr).toMatch(/Z search succeeded in .*: best 0\.\d+ \(trial \d of 6\)/);
    expect(piped.stderr).not.toContain(COLOR);
    const terminal = await run('script', ['-qec', `stty rows 40 cols 160; ${process.execPath} ${MAIN} status second --watch`, '/dev/null']);
    expect(terminal.stdout).toContain(COLOR);
    expect(terminal.stdout).toContain('✔');
    const curves = await run('script', ['-qec', `stty rows 40 cols 160; ${process.execPath} ${MAIN} curves second`, '/dev/null'], {
      NO_COLOR: '1',
    });
    expect(curves.stdout).toMatch(/[\u2801-\u28ff]/);
    expect(curves.stdout).not.toContain(`${COLOR}3`);
    await expect(longhaulSays('status', 'nowhere')).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringContaining('no run "nowhere"') as string,
    });
  });

  it('starts the servers of a project again to answer for runs that were made there', async () => {
    await stopServers();
    const launcher = join(ROOT, 'bin', 'longhaul.mjs');
    const { stdout, stderr } = await run(process.execPath, [launcher, 'list', '--output', 'json']);
    expect(ListOutput.parse(JSON.parse(stdout)).map(({ run: name }) => name)).toEqual(['second', 'first']);
    expect(stderr).toBe('');
    expect(findDevelopmentStack(folder)).toBeNull();
    await expect(run(process.execPath, [launcher, 'schedule', 'list'])).rejects.toMatchObject({ code: 4 });
  });

  describe('answers for ended runs from what was noted when the servers stopped', () => {
    const database = join(folder, '.longhaul', 'temporal.db');
    /** A server that is started leaves a new time on its database or the log beside it. */
    const written = (): number[] => ['', '-wal'].map((suffix) => statSync(`${database}${suffix}`, { throwIfNoEntry: false })?.mtimeMs ?? 0);

    it('without a server', async () => {
      const before = written();
      const { run: state, searches } = await json(StatusOutput, 'status', 'second');
      expect(state).toMatchObject({ run: 'second', status: 'succeeded', endedAt: expect.any(Number) as number });
      expect(searches['search']?.trials).toHaveLength(TRIALS);
      expect(await json(ListOutput, 'list', '--status', 'succeeded', '--limit', '1')).toMatchObject([{ run: 'second' }]);
      expect(await json(ListOutput, 'list', '--pipeline', 'another')).toEqual([]);
      expect(await json(ReportOutput, 'report', 'second', '--format', 'json')).toMatchObject({ run: { run: 'second' } });
      expect(written()).toEqual(before);
    });

    it.each([
      ['trials'],
      ['curves'],
      ['compare', 'first', 'second'],
      ['diff', 'first', 'second'],
      ['decisions'],
      ['checkpoints', 'list'],
      ['models', 'list'],
      ['costs'],
      ['logs', '--trial', '0', '--tail', '1'],
    ])('without a server, as `longhaul %s` does', async (...words) => {
      const before = written();
      const asked = await run(process.execPath, [MAIN, ...words]);
      expect(asked.stderr).not.toContain('servers');
      expect(written()).toEqual(before);
    });

    it('and asks one where another server has written since', async () => {
      utimesSync(database, new Date(), new Date());
      const before = written();
      expect((await json(StatusOutput, 'status', 'first')).run.status).toBe('succeeded');
      expect(written()).not.toEqual(before);
    });
  });
});
