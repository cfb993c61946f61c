/** `longhaul extend`, from the command line through the pipeline to the search. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Longhaul } from '../../src/client/index.ts';
import type { RunDocument } from '../../src/contract/run-document.ts';
import { cliAt, cliWithin } from './cli.ts';
import { documentOf } from './documents.ts';
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
