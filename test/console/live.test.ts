import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeRun } from '../support/run-data.ts';
import { FixtureSource, movedToNow } from './fixture-source.ts';
import { startHarness, type Harness } from './harness.ts';

const RUN = 'grocery-ranking-20261120-080000-live';
/** The promise of the pages: what happens is seen in under two seconds. */
const SEEN_WITHIN = { interval: 50 };

describe('a page of a run that goes on', () => {
  let source: FixtureSource;
  let harness: Harness;
  let running: { trial: number; output: string; points: number };
  beforeEach(async () => {
    const made = movedToNow(makeRun({ stage: 'running', trials: 12, run: RUN }));
    const trial = made.searches.search!.trials.find((one) => one.status === 'running')!;
    running = { trial: trial.trial, output: trial.output, points: made.progress.filter((row) => row.trial === trial.trial).length };
    source = new FixtureSource([made]);
    harness = await startHarness(source);
  });
  afterEach(() => harness.close());

  const record = (by: number, value: number): void =>
    source.report(running.output, {
      n: running.points + by,
      step: 5000 + by,
      samples: 90_000 + by * 1000,
      metrics: { validation_ndcg_at_10: value, loss: 1.1 },
    });

  it('shows a new point of a curve in under 2 s', async () => {
    await harness.onPage('new point', async (page) => {
      await page.trial(RUN, running.trial);
      await page.chart('Learning curve');
      record(1, 0.9);
      await expect.poll(() => page.figure('Samples').innerText(), SEEN_WITHIN).toContain('91,000');
    });
  });

  it('shows changes of a step, a trial and its preemption in under 2 s', async () => {
    await harness.onPage('changes', async (page) => {
      await page.search(RUN);
      const row = page
        .table('Trials')
        .locator('tbody tr')
        .filter({ has: page.page.getByRole('link', { name: String(running.trial), exact: true }) });
      source.changeTrial(RUN, 'search', running.trial, (trial) => {
        trial.status = 'stopped';
        trial.reason = 'median: worse than half of the others';
        trial.preemptions = 7;
      });
      await expect.poll(() => row.innerText(), SEEN_WITHIN).toMatch(/stopped[\s\S]*7[\s\S]*median: worse/);
      await page.tab('Overview').click();
      source.change(RUN, ({ run }) => {
        Object.assign(
          run.steps.find((step) => step.id === 'evaluate')!,
          { status: 'running', startedAt: Date.now() },
        );
      });
      await expect.poll(() => page.step('evaluate').innerText(), SEEN_WITHIN).toContain('running');
    });
  });

  it('says that the server is away, keeps what it knows, and goes on when it is back', async () => {
    await harness.onPage('away', async (page) => {
      await page.run(RUN);
      source.away = true;
      await page.page.getByText('does not answer').waitFor();
      expect(await page.step('search').innerText()).toContain('running');
      source.away = false;
      await page.page.getByText('does not answer').waitFor({ state: 'detached' });
    });
  });

  it('appears in the list of runs by itself', async () => {
    await harness.onPage('list', async (page) => {
      await page.runs();
      source.change(RUN, ({ run }) => (run.status = 'paused'));
      await expect.poll(() => page.row('Runs', RUN).innerText(), SEEN_WITHIN).toContain('paused');
    });
  });

  it('continues after a lost connection where it was, and reads anew what is too old', async () => {
    const events = `${harness.server.url}/api/runs/${RUN}/events`;
    const view = (await (await fetch(`${harness.server.url}/api/runs/${RUN}`)).json()) as { cursor: string };
    const first = await read(`${events}?after=${view.cursor}`, 'points', () => record(1, 0.91));
    record(2, 0.92);
    const next = await read(events, 'points', () => undefined, { 'last-event-id': first.id });
    expect(first.data).toMatchObject({ trial: running.trial, points: [{ n: running.points + 1 }] });
    expect(next.data).toMatchObject({ trial: running.trial, points: [{ n: running.points + 2 }] });
    const foreign = await read(events, 'reset', () => undefined, { 'last-event-id': 'of-another-process-9' });
    expect(foreign.id).not.toBe('');
  });

  it('asks the ledger once, however many look', async () => {
    const ask = (): Promise<unknown> => fetch(`${harness.server.url}/api/runs/${RUN}/steps/search/curves`).then((answer) => answer.json());
    await ask();
    const before = source.ledgerReads;
    await Promise.all(Array.from({ length: 20 }, ask));
    expect(source.ledgerReads).toBe(before);
  });
});

/** The first event of a name. */
async function read(
  url: string,
  name: string,
  then: () => void,
  headers: Record<string, string> = {},
): Promise<{ id: string; data: Record<string, unknown> }> {
  const answer = await fetch(url, { headers });
  then();
  const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
  const decoder = new TextDecoder();
  let text = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`no ${name} in ${text}`);
    text += decoder.decode(value, { stream: true });
    const event = text
      .split('\n\n')
      .slice(0, -1)
      .find((one) => one.includes(`event: ${name}`));
    if (!event) continue;
    await reader.cancel();
    const field = (key: string): string => new RegExp(`^${key}: ?(.*)$`, 'm').exec(event)?.[1] ?? '';
    return { id: field('id'), data: JSON.parse(field('data')) as Record<string, unknown> };
  }
}
