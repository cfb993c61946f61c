/** Every command of docs/control.md that steers a search, run as it stands there: ours on one search, Temporal's on another. */
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Search } from '../../src/client/index.ts';
import { UPDATES } from '../../src/contract/names.ts';
import type { SearchState } from '../../src/contract/state.ts';
import { cliWithin, MAIN, run as execute, type Spoken } from './cli.ts';
import { documentOf } from './documents.ts';
import { temporalBinary, until, variablesOf } from './environment.ts';
import { profileOf, specOf } from './search-harness.ts';
import { sharedSearchHarness } from './shared-search-harness.ts';

const DOCUMENT = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'control.md'), 'utf8');
const COMMANDS = [...DOCUMENT.matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(([, block]) => (block ?? '').trimEnd().split('\n'));
const LONGHAUL = COMMANDS.filter((line) => /^longhaul (?!schedule|status|retry)\S+ "\$RUN"/.test(line));
const TEMPORAL = COMMANDS.filter((line) => line.startsWith('temporal workflow update'));
const RUNNING = 4;

describe('docs/control.md', () => {
  it.each(Object.entries(UPDATES))('shows %s as a command, a method and for temporal', (method, name) => {
    // Its update has the name of before.
    const command = name === UPDATES.setStopping ? 'set-pruner' : name;
    expect(LONGHAUL.some((line) => line.startsWith(`longhaul ${command} `))).toBe(true);
    expect(TEMPORAL.some((line) => line.includes(`--name ${name} `))).toBe(true);
    expect(DOCUMENT).toContain(`search.${method}(`);
    expect(new Search(undefined as never, '', 'run', 'search')).toHaveProperty(method, expect.any(Function));
  });
});

describe('a search listens to', () => {
  const bin = mkdtempSync(join(tmpdir(), 'longhaul-control-'));
  const harness = sharedSearchHarness();
  let begun = 0;
  beforeAll(() => {
    writeFileSync(join(bin, 'longhaul'), `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`, { mode: 0o755 });
    symlinkSync(temporalBinary('temporal'), join(bin, 'temporal'));
  });
  afterAll(() => {
    rmSync(bin, { recursive: true });
  });
  beforeEach(() => {
    // Trains until it is told to stop, and then commits a checkpoint.
    harness.world.attempt = async () => ({ verdict: await harness.stopAsked(), lastProgress: 3 });
    harness.world.ask = async ({ count, trials }) => {
      const suggestions = Array.from({ length: count }, (_, i) => ({ learning_rate: 0.001 * (trials.length + i + 1) }));
      return Promise.resolve({ suggestions, exhausted: false, sampler: 'fake' });
    };
  });

  /** A run whose search has as many trials running as it may. */
  async function begin(name: string): Promise<Search> {
    const spec = specOf({
      space: { learning_rate: { type: 'float', low: 1e-5, high: 1, log: true } },
      trials: 6,
      parallel: RUNNING,
      budget: { cost: 100 },
      // Another search than that of the other runs, which would wait for its result.
      seed: ++begun,
      output: 'file:///out/{key}',
    });
    const profile = profileOf({ pools: [{ name: 'spot', spot: true, pricePerHour: 1 }] });
    await harness.start({ ...documentOf([{ id: 'search', spec }]), profile }, name);
    const search = new Search(harness.client, harness.environment.address, name, 'search');
    await settled(search, 'running');
    await until(async () => (await running(search)) === RUNNING, 'the first trials');
    return search;
  }

  const stateOf = (search: Search): Promise<SearchState | null> => search.state().catch(() => null);
  const settled = (search: Search, status: string): Promise<SearchState> =>
    until(async () => ((await stateOf(search))?.status === status ? stateOf(search) : null), `the search to be ${status}`);
  const running = async (search: Search): Promise<number> =>
    (await stateOf(search))?.trials.filter((trial) => trial.status === 'running').length ?? 0;

  const shell = (line: string, name: string): Promise<Spoken> =>
    execute('bash', ['-c', line], {
      PATH: `${bin}:${process.env.PATH ?? ''}`,
      RUN: name,
      ...variablesOf(harness.environment),
    });

  /** Read by a shell, run within this process. */
  const longhaul = async (line: string, name: string): Promise<Spoken> => {
    const { stdout } = await shell(`longhaul() { printf '%s\\0' "$@"; }; ${line}`, name);
    return cliWithin(harness.environment)(...stdout.split('\0').slice(0, -1));
  };

  /** What has to be true before a command of the page makes sense. */
  async function prepare(search: Search, line: string): Promise<void> {
    if (/resume(?!.*trial)/.test(line)) await settled(search, 'paused');
    else if (/approve|reject/.test(line)) {
      await settled(search, 'running');
      await until(async () => (await running(search)) > 0, 'a trial that costs');
      // A trial costs more than this in a moment.
      await search.setBudget({ cost: 1e-9 });
      await settled(search, 'waiting');
    } else await settled(search, 'running');
  }

  it.each([
    ['longhaul', LONGHAUL],
    ['temporal', TEMPORAL],
  ] as const)('all that %s can say', async (tool, lines) => {
    const name = `${tool}-run`;
    const search = await begin(name);
    for (const line of lines) {
      await prepare(search, line);
      const spoken = await (tool === 'longhaul' ? longhaul : shell)(line, name);
      expect(spoken.code, `${line}: ${spoken.stderr}`).toBe(0);
      expect(spoken.stdout, line).not.toBe('');
    }
    const handle = harness.client.workflow.getHandle(search.workflowId);
    // No trial trained to its end.
    await expect(handle.result()).rejects.toThrow();
    const state = await search.state();
    expect(state.trials[3]).toMatchObject({ status: 'stopped' });
    expect(state.trials[2]).toMatchObject({ kept: true });
    expect(state.trials[4]).toMatchObject({ origin: 'added by hand', priority: 10, parameters: { learning_rate: 0.001 } });
    expect(state.trials[5]).toMatchObject({ origin: 'forked', parent: 2, parameters: { learning_rate: 0.0001 } });
    expect(state).toMatchObject({ parallel: 8 });
    const texts = state.decisions.map(({ text }) => text).join('\n');
    for (const text of ['worth another 200', 'good enough', 'stopping by median, divergence', 'another space'])
      expect(texts).toContain(text);
  });

  it('no message that makes no sense', async () => {
    const search = await begin('refusals');
    await search.stopTrial({ trial: 0 });
    await until(async () => (await stateOf(search))?.trials[0]?.status === 'stopped', 'the end of trial 0');
    const refusals: [() => Promise<unknown>, string][] = [
      [() => search.stopTrial({ trial: 0 }), 'trial 0 is over: stopped'],
      [() => search.keepTrial({ trial: 99 }), 'trial 99: there is no such trial; the search has 0 to'],
      [() => search.prioritise({ trial: 1, priority: 1 }), 'trial 1 runs already'],
      [() => search.resume(), 'the search is running, not paused'],
      [() => search.resume({ trial: 1 }), 'trial 1 is running; only paused and stopped trials can go on'],
      [() => search.approve(), 'the search does not wait for an answer'],
      [() => search.reject({ trial: 1 }), 'trial 1 does not wait for an answer'],
      [() => search.addTrial({ parameters: { rate: 1 } }), 'parameters.rate: there is no such parameter; expected learning_rate'],
      [() => search.addTrial({ parameters: {} }), 'parameters.learning_rate: expected a value, found nothing'],
      [() => search.forkTrial({ trial: 1, parameters: { learning_rate: 'high' } }), 'expected a number, found "high"'],
      [() => search.setParallelism({ parallel: 0 }), 'parallel: expected a whole number at least 1, at most 400, found 0'],
      [() => search.setBudget({ cost: -1 }), 'cost: expected a number above 0, found -1'],
      [() => search.setBudget({}), 'expected at least one of cost, hours, trials'],
      [() => search.setSpace({ space: {} }), 'space: expected parameters by name'],
      [() => search.setStopping({ stopping: [{ kind: 'whim' } as never] }), 'stopping[0].kind: expected one of median'],
    ];
    for (const [say, message] of refusals)
      await expect(say(), message).rejects.toThrow(
        expect.objectContaining({ name: 'RefusedError', message: expect.stringContaining(message) as string }),
      );
    const spoken = await shell('longhaul stop-trial "$RUN" 0', 'refusals');
    expect(spoken).toMatchObject({ code: 3, stderr: expect.stringContaining('trial 0 is over: stopped') as string });
    await harness.client.workflow.getHandle('refusals').cancel();
    await harness.client.workflow
      .getHandle('refusals')
      .result()
      .catch(() => undefined);
  });
});
