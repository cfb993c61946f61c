/** `longhaul extend`, from the command line through the pipeline to the search. */
import { ApplicationFailure } from '@temporalio/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Longhaul } from '../../src/client/index.ts';
import type { RunDocument } from '../../src/contract/run-document.ts';
import { cliAt, cliWithin } from './cli.ts';
import { documentOf, script } from './documents.ts';
import { profileOf, specOf, startSearchHarness } from './search-harness.ts';
import type { SearchHarness } from './search-harness.ts';
import { longhaulOf } from './environment.ts';

describe('a run that is extended', () => {
  let harness: SearchHarness;
  let longhaul: Longhaul;
  beforeAll(async () => {
    harness = await startSearchHarness('real');
    longhaul = longhaulOf(harness.environment);
  });
  afterAll(() => harness.stop());

  const document = (more: object = {}): RunDocument => ({
    ...documentOf([{ id: 'search', spec: specOf({ trials: 3, parallel: 3, output: 'file:///out/{key}', ...more }) }]),
    profile: profileOf(),
  });

  it('goes on with the trials of the ended one, and trains what is new only', async () => {
    await (await harness.start(document(), 'short')).result();
    const trained = harness.world.attempts.length;
    const said = await cliAt(harness.environment)('extend', 'short', '--trials', '2', '--detach', '--output', 'json');
    expect(said).toMatchObject({ code: 0 });
    const { run } = JSON.parse(said.stdout) as { run: string };
    await longhaul.run(run).result();
    const { trials, decisions, plannedTrials } = await longhaul.run(run).search('search').state();
    expect(trials.map(({ trial, status }) => [trial, status])).toEqual([0, 1, 2, 3, 4].map((trial) => [trial, 'succeeded']));
    expect(plannedTrials).toBe(5);
    expect(decisions.map(({ text }) => text)).toContain('took over 3 trials of short; none can go on from their checkpoints');
    const begun = harness.world.attempts.slice(trained).map(({ trial }) => `${trial.run}/${trial.trial}`);
    expect(begun.sort()).toEqual([`${run}/3`, `${run}/4`]);
  });

  describe('takes over the trials of the ended one', () => {
    const begunOf = (run: string): string[] =>
      harness.world.attempts.flatMap(({ trial }) => (trial.run === run ? [`${trial.life ?? ''}/${trial.trial}`] : [])).sort();
    const extend = async (ended: string): Promise<string> => {
      const said = await cliAt(harness.environment)('extend', ended, '--trials', '1', '--detach', '--output', 'json');
      return (JSON.parse(said.stdout) as { readonly run: string }).run;
    };

    it('also when it failed before its search began, and is retried', async () => {
      const search = { id: 'search', dependsOn: ['prepare'], spec: specOf({ trials: 2, output: 'file:///out/{key}' }) };
      const prepared = { ...documentOf([script('prepare', { cache: false }), search]), profile: profileOf() };
      await (await harness.start(prepared, 'prepared')).result();
      const { score } = harness.world;
      harness.world.score = () => Promise.resolve({ verdict: 'bad-input', cause: 'no table' });
      const run = await extend('prepared');
      await expect(longhaul.run(run).result()).rejects.toThrow();
      harness.world.score = score;
      await (await longhaul.retry(run)).result();
      expect(begunOf(run)).toEqual(['/2']);
    });

    it('also when its search failed of what nobody foresaw, and its step is tried again', async () => {
      const spec = specOf({ trials: 2, seed: 7, output: 'file:///out/{key}' });
      const repeated = { ...documentOf([{ id: 'search', spec, retry: { attempts: 2, backoffSeconds: 0.01 } }]), profile: profileOf() };
      await (await harness.start(repeated, 'repeated')).result();
      const { ask } = harness.world;
      let asked = 0;
      harness.world.ask = (input) => {
        asked += 1;
        return asked === 1 ? Promise.reject(ApplicationFailure.nonRetryable('no module named torch', 'Unexpected')) : ask(input);
      };
      const run = await extend('repeated');
      await longhaul.run(run).result();
      harness.world.ask = ask;
      expect(begunOf(run)).toEqual(['retry-2/2']);
    });
  });

  it('is refused where the members of a population have trained to their end', async () => {
    await (await harness.start(document({ scheduler: { kind: 'pbt', population: 3, interval: 5 } }), 'grown')).result();
    const said = await cliWithin(harness.environment)('extend', 'grown', '--trials', '2');
    expect(said).toMatchObject({ code: 2, stderr: expect.stringContaining('--epochs, more than 1') as string });
  });

  it('is refused with what is wrong, and nothing begins', async () => {
    const before = (await longhaul.list()).length;
    const cli = cliWithin(harness.environment);
    const unsaid = await cli('extend', 'short');
    expect(unsaid).toMatchObject({ code: 2, stderr: expect.stringContaining('--trials or --epochs') as string });
    // The reference trainer's schedule depends on where training ends, where nothing else is said.
    const anew = await cli('extend', 'short', '--epochs', '3');
    expect(anew).toMatchObject({ code: 2, stderr: expect.stringContaining('learning_rate_schedule') as string });
    expect((await longhaul.list()).length).toBe(before);
  });
});
