import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CurvesView } from '../../src/console/wire.ts';
import { loadPage } from '../../src/console/bundle.ts';
import { makeRun } from '../support/run-data.ts';
import { FixtureSource } from './fixture-source.ts';
import { startHarness, type Harness } from './harness.ts';

const RUN = 'grocery-ranking-20261119-080000-load';

describe('a run of 100 steps and a search of 200 trials with 10,000 points', () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness(new FixtureSource([makeRun({ run: RUN, trials: 200, parallel: 8, pointsPerTrial: 56, moreSteps: 90 })]));
  });
  afterAll(() => harness.close());

  it('sends curves thinned out, and says how many points there are', async () => {
    const answer = await fetch(`${harness.server.url}/api/runs/${RUN}/steps/search/curves`);
    const curves = (await answer.json()) as CurvesView;
    const sent = curves.series.reduce((sum, { points }) => sum + points.length, 0);
    expect(curves.total).toBeGreaterThan(9_500);
    expect(sent).toBeLessThan(3500);
    expect(curves.series.length).toBeGreaterThan(150);
  });

  it('shows the whole graph in a window of its own, and every trial', async () => {
    await harness.onPage('load', async (page) => {
      await page.run(RUN);
      expect(await page.page.locator('.dag a').count()).toBeGreaterThanOrEqual(100);
      expect(await page.overflow()).toBe(0);
      await page.tab('Search').click();
      await page.chart('Learning curves');
      expect(await page.table('Trials').locator('tbody tr').count()).toBe(200);
      expect(await page.violations()).toEqual([]);
    });
  });

  it('is a page of less than 600 kB', async () => {
    expect((await loadPage()).gzipBytes).toBeLessThan(600_000);
  });
});
