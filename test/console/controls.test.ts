import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { makeRun } from '../support/run-data.ts';
import { FixtureSource, movedToNow } from './fixture-source.ts';
import { startHarness, type Harness } from './harness.ts';
import type { ConsolePage } from './pages.ts';

const RUN = 'grocery-ranking-20261120-080000-live';

describe('buttons', () => {
  let source: FixtureSource;
  let harness: Harness;
  let running: number;
  beforeAll(async () => {
    const made = movedToNow(makeRun({ stage: 'running', trials: 12, run: RUN }));
    running = made.searches.search!.trials.find((trial) => trial.status === 'running')!.trial;
    made.run.approvals.push({ step: 'release', message: 'Put it in front of customers?', since: Date.now(), until: Date.now() + 3.6e6 });
    source = new FixtureSource([made]);
    harness = await startHarness(source);
  });
  afterAll(() => harness.close());
  beforeEach(() => {
    source.sent.length = 0;
    source.refusal = null;
  });

  const onRun = (name: string, test: (page: ConsolePage) => Promise<void>): Promise<void> =>
    harness.onPage(name, async (page) => {
      await page.run(RUN);
      await test(page);
    });
  const onSearch = (name: string, test: (page: ConsolePage) => Promise<void>): Promise<void> =>
    harness.onPage(name, async (page) => {
      await page.search(RUN);
      await test(page);
    });
  const onTrial = (name: string, test: (page: ConsolePage) => Promise<void>): Promise<void> =>
    harness.onPage(name, async (page) => {
      await page.trial(RUN, running);
      await test(page);
    });

  it('of a run: pause, resume, stop and cancel, with the reason kept', async () => {
    await onRun('run controls', async (page) => {
      expect(await page.press('Controls of the run', 'Pause run', 'Pause', { Why: 'the data is late' })).toContain('pause was done');
      expect(await page.press('Controls of the run', 'Resume run', 'Resume')).toContain('resume was done');
      expect(await page.press('Controls of the run', 'Stop run', 'Stop the run', { Why: 'wrong data' })).toContain('stop was done');
      expect(await page.press('Controls of the run', 'Cancel run', 'Cancel the run')).toContain('cancel was done');
    });
    expect(source.sent).toEqual([
      { run: RUN, name: 'pause', payload: { by: 'console', why: 'the data is late' } },
      { run: RUN, name: 'resume', payload: { by: 'console' } },
      { run: RUN, name: 'stop', payload: { by: 'console', why: 'wrong data' } },
      { run: RUN, name: 'cancel', payload: { by: 'console' } },
    ]);
  });

  it('of an approval: approve and reject', async () => {
    await onRun('approve', async (page) => {
      await page.page.getByRole('button', { name: 'Approve' }).click();
      await page.confirm('Approve', { Why: 'metrics checked' });
      await page.page.getByRole('button', { name: 'Reject' }).click();
      await page.confirm('Reject');
    });
    expect(source.sent.map(({ name, payload }) => [name, payload])).toEqual([
      ['approve', { step: 'release', by: 'console', why: 'metrics checked' }],
      ['reject', { step: 'release', by: 'console' }],
    ]);
  });

  it('of a search: every setting, and a trial by hand', async () => {
    await onSearch('search controls', async (page) => {
      const group = 'Controls of the search';
      await page.press(group, 'Parallelism', 'Set', { 'Trials at once': '7' });
      await page.press(group, 'Budget', 'Set budget', { Cost: '12.5', Hours: 'none' });
      await page.press(group, 'Space', 'Change', {
        'Search space (JSON)': '{"learning_rate":{"type":"float","low":0.001,"high":0.01,"log":true}}',
      });
      await page.press(group, 'Stopping rules', 'Change', { 'Rules (JSON)': '[{"kind":"median"}]' });
      await page.press(group, 'Add trial', 'Add trial', { Parameters: '{"learning_rate":0.002}' });
      await page.press(group, 'Pause', 'Pause');
      await page.press(group, 'Resume', 'Resume');
    });
    const by = 'console';
    expect(source.sent.map(({ step, name, payload }) => [step, name, payload])).toEqual([
      ['search', 'set-parallelism', { parallel: 7, by }],
      ['search', 'set-budget', { cost: 12.5, hours: null, by }],
      ['search', 'set-space', { space: { learning_rate: { type: 'float', low: 0.001, high: 0.01, log: true } }, by }],
      ['search', 'set-stopping', { stopping: [expect.objectContaining({ kind: 'median' })], by }],
      ['search', 'add-trial', { parameters: { learning_rate: 0.002 }, by }],
      ['search', 'pause', { by }],
      ['search', 'resume', { by }],
    ]);
  });

  it('of a search show what is in force now, not what the document said', async () => {
    source.change(RUN, ({ searches }) => {
      const search = searches.search;
      if (search?.settings) search.settings = { ...search.settings, budget: { cost: 77.5 } };
    });
    await onSearch('budget in force', async ({ page }) => {
      const shown = async (): Promise<string> => {
        await page.getByRole('group', { name: 'Controls of the search' }).getByRole('button', { name: 'Budget', exact: true }).click();
        const cost = await page.getByRole('dialog').getByLabel('Cost', { exact: true }).inputValue();
        await page.keyboard.press('Escape');
        return cost;
      };
      // The console looks at a run every second or so: the page may still be told of the state before.
      await expect.poll(shown).toBe('77.5');
    });
  });

  it('of a trial: pause, stop, keep, priority, fork', async () => {
    await onTrial('trial controls', async (page) => {
      const group = `Controls of trial ${running}`;
      await page.press(group, 'Pause', 'Pause');
      await page.press(group, 'Keep', 'Keep');
      await page.press(group, 'Priority', 'Set', { Priority: '3' });
      await page.press(group, 'Fork', 'Fork', { Checkpoint: '400-1', Parameters: '{"learning_rate":0.0005}' });
      await page.press(group, 'Stop', 'Stop trial', { Why: 'diverges' });
    });
    const of = { trial: running, by: 'console' };
    expect(source.sent.map(({ name, payload }) => [name, payload])).toEqual([
      ['pause', of],
      ['keep-trial', of],
      ['prioritise', { ...of, priority: 3 }],
      ['fork-trial', { ...of, checkpoint: '400-1', parameters: { learning_rate: 0.0005 } }],
      ['stop-trial', { ...of, why: 'diverges' }],
    ]);
  });

  it('show why they were refused, and let the person try again', async () => {
    source.refusal = 'the search is paused: pressed twice';
    await harness.onPage(
      'refused',
      async (page) => {
        await page.search(RUN);
        expect(await page.press('Controls of the search', 'Pause', 'Pause')).toMatch(/Refused:.*pressed twice/);
      },
      { expected: /409/ },
    );
  });

  it('do nothing when the person changes their mind', async () => {
    await onRun('changed mind', async (page) => {
      await page.page.getByRole('button', { name: 'Cancel run' }).click();
      await page.page.getByRole('button', { name: 'Keep as it is' }).click();
      await page.page.getByRole('dialog').waitFor({ state: 'detached' });
    });
    expect(source.sent).toEqual([]);
  });

  it('refuse what cannot be meant before it is sent', async () => {
    await onSearch('bad number', async (page) => {
      await page.page.getByRole('button', { name: 'Add trial' }).click();
      expect(await page.confirm('Add trial', { Parameters: '{"learning_rate": ' })).toContain('Parameters: this is no JSON');
    });
    expect(source.sent).toEqual([]);
  });
});
