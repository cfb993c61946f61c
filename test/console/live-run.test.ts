import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startHarness, type Harness } from './harness.ts';
import { startLiveRun, type LiveRun } from './live-run.ts';
import type { ConsolePage } from './pages.ts';

/** Temporal server, workers, sampler, trainers, console, browser: all real. One story, in its order. */
describe('a person at the console of a real run', () => {
  let live: LiveRun;
  let harness: Harness;
  beforeAll(async () => {
    live = await startLiveRun();
    harness = await startHarness(live.source);
  });
  afterAll(async () => {
    await harness.close();
    await live.close();
  });

  const SLOWLY = { interval: 200 };

  const trialRow = (page: ConsolePage, trial: number) =>
    page
      .table('Trials')
      .locator('tbody tr')
      .filter({ has: page.page.getByRole('link', { name: String(trial), exact: true }) });
  const samples = async (page: ConsolePage): Promise<number> =>
    Number((await page.figure('Samples').locator('strong').innerText()).replace(/\D/g, ''));
  const firstTrial = async (page: ConsolePage): Promise<void> => {
    await expect.poll(() => page.step('search').innerText(), SLOWLY).toContain('running');
    await page.tab('Search').click();
    await expect.poll(() => trialRow(page, 0).innerText(), SLOWLY).toContain('running');
    await trialRow(page, 0).getByRole('link', { name: '0', exact: true }).click();
  };
  const stop = async (page: ConsolePage, trial: number): Promise<void> => {
    await trialRow(page, trial)
      .getByRole('link', { name: String(trial), exact: true })
      .click();
    expect(await page.press(`Controls of trial ${trial}`, 'Stop', 'Stop trial', { Why: 'good enough' })).toContain('stop');
    await page.tab('Search').click();
    await expect.poll(() => trialRow(page, trial).innerText(), SLOWLY).toContain('stopped');
  };

  it('watches a trial, pauses, resumes, adds, sees a preemption, stops, approves and opens the report', async () => {
    await harness.onPage('live run', async (page) => {
      await page.runs();
      await page.page.getByRole('link', { name: live.run }).click();

      // A trial while it trains.
      await firstTrial(page);
      await page.chart('Learning curve');
      const before = await samples(page);
      await expect.poll(() => samples(page), SLOWLY).toBeGreaterThan(before);
      await page.page
        .getByRole('log')
        .getByText(/epoch \d+: .*ndcg/)
        .first()
        .waitFor();

      // Pause and resume the search.
      await page.tab('Search').click();
      const group = 'Controls of the search';
      expect(await page.press(group, 'Pause', 'Pause', { Why: 'lunch' })).toContain('paused');
      await expect.poll(() => trialRow(page, 0).innerText(), SLOWLY).toContain('paused');
      expect(await page.press(group, 'Resume', 'Resume')).toContain('goes on');
      await expect.poll(() => trialRow(page, 0).innerText(), SLOWLY).toContain('running');
      await page.page.getByText('lunch').first().waitFor();

      // A machine is taken away; the trial goes on by itself.
      expect(await page.figure('Trials ended').innerText()).toContain('0 of 2');
      await trialRow(page, 0).getByRole('link', { name: '0', exact: true }).click();
      const rested = await samples(page);
      await expect.poll(() => samples(page), SLOWLY).toBeGreaterThan(rested);
      const trainer = await live.trainerOf(0);
      await live.preempt(0);
      await expect.poll(() => page.table('Attempts').innerText(), SLOWLY).toMatch(/preempted[\s\S]*SIGTERM[\s\S]*running/);
      await expect.poll(() => live.trainerOf(0), SLOWLY).not.toBe(trainer);
      await page.tab('Overview').click();
      await expect.poll(() => page.figure('Attempts').innerText(), SLOWLY).toContain('1 preemption');

      // A trial by hand, and one less.
      await page.tab('Search').click();
      expect(await page.press(group, 'Add trial', 'Add trial', { Parameters: '{"alpha": 0.05}' })).toMatch(/trial 2/);
      await trialRow(page, 2).waitFor();
      await stop(page, 1);

      // When all have ended, a person decides.
      await expect.poll(() => trialRow(page, 2).innerText(), SLOWLY).toMatch(/0\.\d+/);
      await stop(page, 2);
      await stop(page, 0);
      await page.tab('Overview').click();
      await page.page.getByText('waits for a decision').waitFor();
      await page.page.getByRole('button', { name: 'Approve' }).click();
      expect(await page.confirm('Approve', { Why: 'good enough' })).toContain('approved');
      await expect.poll(() => page.page.locator('.title-row .badge').innerText(), SLOWLY).toContain('succeeded');
      expect(await page.step('release').innerText()).toContain('approved by console');

      const [report] = await Promise.all([page.page.waitForEvent('popup'), page.page.getByRole('link', { name: /^Report/ }).click()]);
      await report.waitForLoadState();
      expect(await report.locator('body').innerText()).toContain('console-test');
    });
  });

  it('refuses what makes no sense any more, in the words of the workflow', async () => {
    const session = (await (await fetch(`${harness.server.url}/api/session`)).json()) as { csrf: string };
    const answer = await fetch(`${harness.server.url}/api/runs/${live.run}/controls/pause`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-csrf-token': session.csrf },
      body: '{}',
    });
    expect([answer.status, await answer.json()]).toEqual([
      409,
      { error: expect.objectContaining({ type: 'Refused', message: `${live.run} has already ended` }) as unknown },
    ]);
  });

  it('stops a whole run after its trials have committed', async () => {
    const run = await live.another();
    await harness.onPage('stop run', async (page) => {
      await page.run(run);
      await firstTrial(page);
      await expect.poll(() => samples(page), SLOWLY).toBeGreaterThan(0);
      expect(await page.press('Controls of the run', 'Stop run', 'Stop the run', { Why: 'wrong data' })).toContain('was stopped');
      await expect.poll(() => page.page.locator('.title-row .badge').innerText(), SLOWLY).toContain('cancelled');
      await expect.poll(() => page.table('Checkpoints').innerText(), SLOWLY).toMatch(/\(latest\)[\s\S]*sigterm/);
    });
  });
});
