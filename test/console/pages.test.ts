import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeRun } from '../support/run-data.ts';
import { FixtureSource, movedToNow } from './fixture-source.ts';
import { startHarness, type Harness } from './harness.ts';
import type { ConsolePage } from './pages.ts';

const RUNNING = 'grocery-ranking-20261120-080000-live';
const DONE = 'grocery-ranking-20261119-080000-done';
const FAILED = 'grocery-ranking-20261118-080000-fail';

const PAGES: Readonly<Record<string, string>> = {
  runs: '/',
  overview: '/overview',
  run: `/runs/${RUNNING}`,
  'failed run': `/runs/${FAILED}`,
  search: `/runs/${RUNNING}/search/search`,
  trial: `/runs/${RUNNING}/search/search/trial/3`,
  cost: `/runs/${RUNNING}/cost`,
  models: `/runs/${DONE}/models`,
  config: `/runs/${DONE}/config`,
  compare: `/compare?run=${RUNNING}&run=${DONE}`,
};
const MISSING_RUN = '/runs/nobody-knows';

/** How many colours the chart of a card shows; it runs in the browser. */
const COLOURS = `(title) => {
  const card = [...document.querySelectorAll('section.card')].find((one) => one.querySelector('h2').textContent === title);
  const canvas = card.querySelector('canvas');
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  const seen = new Set();
  for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 0) seen.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
  return seen.size;
}`;

/** Frames that come seldom, as on a busy machine: answers arrive before the page has drawn anything. It runs in the browser. */
const SELDOM_FRAMES = `
  const waiting = [];
  const later = window.setTimeout.bind(window);
  setInterval(() => { for (const draw of waiting.splice(0)) draw(performance.now()); }, 1200);
  window.requestAnimationFrame = (draw) => waiting.push(draw);
  window.setTimeout = (run, ms, ...rest) => later(run, ms > 20 && ms < 120 ? 5000 : ms, ...rest);
`;

describe('pages of the console', () => {
  let source: FixtureSource;
  let harness: Harness;
  beforeAll(async () => {
    source = new FixtureSource(
      [
        movedToNow(makeRun({ stage: 'running', trials: 20, run: RUNNING })),
        makeRun({ stage: 'succeeded', seed: 2, run: DONE }),
        makeRun({ stage: 'failed', seed: 3, run: FAILED }),
      ],
      [
        {
          pipeline: 'grocery-ranking',
          run: DONE,
          time: '2026-11-20T14:00:00Z',
          model: 'grocery-ranking@7',
          stage: 'champion',
          trial: 8,
          metrics: '{"ndcg_at_10":0.5731}',
          promoted_by: 'ada',
          why: 'better in every segment',
        },
      ],
    );
    source.schedules_ = [
      {
        ...{ name: 'nightly', pipeline: 'grocery-ranking', cron: '0 3 * * *', timezone: 'Europe/Berlin', overlap: 'skip' },
        ...{ paused: false, note: null, next: [Date.UTC(2027, 0, 2, 2)], recent: [FAILED, DONE] },
      },
      {
        ...{ name: 'weekly-with-a-rather-long-name', pipeline: 'churn', cron: '0 4 * * 1', timezone: 'UTC', overlap: 'skip' },
        ...{ paused: true, note: 'the warehouse moves', next: [], recent: [] },
      },
    ];
    source.clusters_ = [{ cluster: null, kind: 'kubernetes', isServed: false, lastAskedAt: Date.UTC(2026, 10, 20) }];
    source.jobs_ = source.placed(RUNNING, 'search').map(({ trial }) => ({
      name: `t${trial}`,
      phase: 'running',
      labels: { run: RUNNING, step: 'search', trial: String(trial), attempt: '1' },
    }));
    harness = await startHarness(source);
  });
  afterAll(() => harness.close());

  describe.each([
    { dark: false, width: 1280 },
    { dark: true, width: 320 },
  ])('$width pixels wide, dark: $dark', (look) => {
    const problemsOf = async (page: ConsolePage, path: string): Promise<readonly unknown[]> => {
      await page.open(path);
      await page.page.locator('.loading').first().waitFor({ state: 'detached' });
      const overflow = await page.overflow();
      return [...(await page.violations()), ...(overflow === 0 ? [] : [`${overflow} pixels stick out`])];
    };

    it('axe finds nothing on any page, and nothing sticks out', async () => {
      await harness.onPage(
        'axe',
        async (page) => {
          const found: Record<string, readonly unknown[]> = {};
          for (const [name, path] of Object.entries(PAGES)) found[name] = await problemsOf(page, path);
          expect(found).toEqual(Object.fromEntries(Object.keys(PAGES).map((name) => [name, []])));
        },
        look,
      );
    });

    it('nor on the page of a run that nobody knows', async () => {
      await harness.onPage('axe of no run', async (page) => expect(await problemsOf(page, MISSING_RUN)).toEqual([]), {
        ...look,
        expected: /404/,
      });
    });
  });

  it('shows pools, clusters, schedules, models and money of all runs', async () => {
    await harness.onPage('overview', async (page) => {
      await page.runs();
      await page.page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Overview' }).click();
      await page.heading('Pools').waitFor();
      const running = source.placed(RUNNING, 'search').length;
      expect(running).toBeGreaterThan(0);
      expect(await page.figure('Attempts running').innerText()).toContain(String(running));
      expect(await page.row('Clusters', 'kubernetes').innerText()).toContain('none');
      expect(await page.row('Schedules', 'nightly').innerText()).toMatch(/2027-01-02 03:00:00 Europe\/Berlin/);
      expect(await page.row('Schedules', 'weekly').innerText()).toMatch(/paused.*the warehouse moves/);
      expect(await page.row('Stages', 'grocery-ranking').innerText()).toContain('1 of 1 run');
      expect(await page.row('Models', 'grocery-ranking@7').innerText()).toMatch(/champion[\s\S]*ada/);
      await page.chart('Money');
      const spent = await page.table('Money by month').locator('tbody tr').allInnerTexts();
      expect(spent.join()).toMatch(/2026-11\s+grocery-ranking\s+\d+\s+\$\d+/);
      await page.page.getByLabel('In layers of').selectOption('team');
      await page.row('Money by month', 'no team').first().waitFor();
      await page.row('Schedules', 'nightly').getByRole('link', { name: DONE }).click();
      await page.heading(DONE).waitFor();
    });
  });

  it('draws what was read before the first frame', async () => {
    await harness.onPage('seldom frames', async (page) => {
      await page.page.addInitScript(SELDOM_FRAMES);
      await page.run(DONE);
      expect(await page.step('search').innerText()).toContain('succeeded');
    });
  });

  it('uses the room of a screen of 2560 pixels', async () => {
    await harness.onPage(
      'wide',
      async (page) => {
        await page.search(RUNNING);
        expect(await page.overflow()).toBe(0);
        const tops = await Promise.all(
          ['Parallel coordinates', 'Parameter importance', 'Pareto front'].map(async (title) => (await page.card(title).boundingBox())?.y),
        );
        expect(new Set(tops).size).toBe(1);
      },
      { width: 2560, height: 1200 },
    );
  });

  it('filters, searches and compares runs', async () => {
    await harness.onPage('filter', async (page) => {
      await page.runs();
      await expect.poll(() => page.table('Runs').locator('tbody tr').count()).toBe(3);
      await page.page.getByLabel('Status').selectOption('failed');
      await expect.poll(() => page.table('Runs').locator('tbody tr').allInnerTexts()).toEqual([expect.stringContaining(FAILED)]);
      await page.page.getByLabel('Status').selectOption('');
      await page.page.getByRole('searchbox').fill('20261119 grocery');
      await expect.poll(() => page.table('Runs').locator('tbody tr').allInnerTexts()).toEqual([expect.stringContaining(DONE)]);
      await page.page.getByRole('searchbox').fill('no such words');
      await page.page.getByRole('button', { name: 'Show all runs' }).click();
      for (const run of [RUNNING, DONE]) await page.page.getByLabel(`Choose ${run} for comparison`).check();
      await page.page.getByRole('button', { name: 'Compare 2' }).click();
      await page.row('Differences', 'params.trials').waitFor();
      expect(await page.row('Differences', 'params.trials').innerText()).toMatch(/20\s+24/);
    });
  });

  it('shows each step with state, time, cache hit and what to look at', async () => {
    await harness.onPage('steps', async (page) => {
      await page.run(RUNNING);
      expect(await page.step('candidates').innerText()).toMatch(/query[\s\S]*cached[\s\S]*from cache[\s\S]*18,604,212 rows/);
      await page.step('candidates').getByRole('link', { name: 'SQL' }).click();
      await page.heading('SQL').waitFor();
      expect(await page.page.getByLabel('SQL of candidates').isVisible()).toBe(true);
    });
  });

  it('leads from the graph to the search by keyboard alone', async () => {
    await harness.onPage('keyboard', async (page) => {
      await page.run(RUNNING);
      const box = page.page.locator('.dag a').filter({ hasText: 'search' }).first();
      await box.focus();
      await page.page.keyboard.press('Enter');
      await page.heading('Learning curves').waitFor();
      // Sorting, too.
      await page.table('Trials').getByRole('button', { name: 'Cost' }).focus();
      await page.page.keyboard.press('Enter');
      await expect.poll(() => page.table('Trials').locator('th[aria-sort]').innerText()).toContain('Cost');
    });
  });

  it('sorts trials by a parameter, and what has no value comes last', async () => {
    await harness.onPage('sort', async (page) => {
      await page.search(RUNNING);
      const learningRates = async (): Promise<number[]> => {
        const column = (await page.table('Trials').locator('thead th').allInnerTexts()).findIndex((title) =>
          title.startsWith('learning_rate'),
        );
        const cells = await page
          .table('Trials')
          .locator(`tbody tr td:nth-child(${column + 1})`)
          .allInnerTexts();
        return cells.map(Number);
      };
      await page.table('Trials').getByRole('button', { name: 'learning_rate' }).click();
      await page.table('Trials').locator('th[aria-sort=ascending]').waitFor();
      const ascending = await learningRates();
      expect(ascending).toEqual([...ascending].sort((a, b) => a - b));
      expect(ascending.length).toBeGreaterThan(5);
    });
  });

  it('draws every chart of a search', async () => {
    await harness.onPage('charts', async (page) => {
      await page.search(RUNNING);
      for (const title of [
        'Learning curves',
        'Parallel coordinates',
        'Parameter importance',
        'Pareto front',
        'Offline quality while training',
      ]) {
        const chart = await page.chart(title);
        expect(await chart.getAttribute('aria-label'), title).toMatch(/\S/);
        // Not an empty canvas.
        const colours = await page.page.evaluate<number>(`(${COLOURS})(${JSON.stringify(title)})`);
        expect(colours, title).toBeGreaterThan(10);
      }
    });
  });

  it('has the best trials in colour whatever metric of them is shown', async () => {
    await harness.onPage('metric', async (page) => {
      await page.search(RUNNING);
      const inColour = async (): Promise<string> =>
        /in colour (.*?)\./.exec((await (await page.chart('Learning curves')).getAttribute('aria-label')) ?? '')?.[1] ?? '';
      const best = await inColour();
      expect(best).toMatch(/trial \d+, trial \d+/);
      const choice = page.card('Learning curves').getByLabel('Metric');
      const others = (await choice.locator('option').allInnerTexts()).filter((name) => /loss|rank/.test(name));
      expect(others).not.toEqual([]);
      for (const other of others) {
        await choice.selectOption(other);
        await expect.poll(async () => (await page.chart('Learning curves')).getAttribute('aria-label')).toContain(`${other} of`);
        expect(await inColour(), other).toBe(best);
      }
    });
  });

  it('shows champion, intervals and segments', async () => {
    await harness.onPage('models', async (page) => {
      await page.run(DONE, '/models');
      await expect.poll(() => page.figure('Champion').innerText()).toContain('grocery-ranking@7');
      await page.chart('By basket_size');
      expect(
        await page
          .row('All metrics', /ndcg_at_10[\s\S]*model[\s\S]*all/)
          .first()
          .innerText(),
      ).toContain('0.5731');
    });
  });

  it('opens the report in a world of its own', async () => {
    await harness.onPage('report', async (page) => {
      await page.run(RUNNING);
      const [report] = await Promise.all([page.page.waitForEvent('popup'), page.page.getByRole('link', { name: /^Report/ }).click()]);
      await report.waitForLoadState();
      expect(await report.locator('body').innerText()).toMatch(
        /(What changed since|Nothing in the run document differs from) grocery-ranking-\d+-080000-(done|fail)/,
      );
      // Sandboxed: no cookie, no storage, no request to the console.
      expect(await report.evaluate('window.origin')).toBe('null');
    });
  });
});
