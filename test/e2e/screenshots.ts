/** `npm run screenshots`: pictures of every page of the console in both themes, docs/images/console-*.png. */
import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { startConsole } from '../../src/console/index.ts';
import { launchBrowser } from '../console/browser.ts';
import { FixtureSource, movedToNow } from '../console/fixture-source.ts';
import { OPTIONS } from '../console/harness.ts';
import { makeRun } from '../support/run-data.ts';

const IMAGES = resolve(import.meta.dirname, '..', '..', 'docs', 'images');
const RUNNING = 'grocery-ranking-20261120-080000-k3f9';
const DONE = 'grocery-ranking-20261119-081500-x2p1';
const FAILED = 'grocery-ranking-20261118-173000-b7q4';
const WIDTH = 1360;
/** Longer pages are cut: a picture in a document has to be readable. */
const MAX_PIXELS_HIGH = 1500;
/** Down to the last card, and some air. */
const CONTENT_HIGH = `Math.ceil(Math.max(...[...document.querySelectorAll('section.card')].map((card) => card.getBoundingClientRect().bottom))) + 24`;

/** The trial that was preempted tells most. */
const PAGES: Readonly<Record<string, string>> = {
  runs: '/',
  run: `/runs/${RUNNING}`,
  search: `/runs/${RUNNING}/search/search`,
  trial: `/runs/${RUNNING}/search/search/trial/14`,
  cost: `/runs/${RUNNING}/cost`,
  models: `/runs/${DONE}/models`,
  config: `/runs/${DONE}/config`,
  compare: `/compare?run=${DONE}&run=${FAILED}`,
};

function madeUp(): FixtureSource {
  const running = movedToNow(makeRun({ stage: 'running', trials: 40, run: RUNNING }));
  const runs = [
    running,
    makeRun({ stage: 'succeeded', seed: 2, run: DONE }),
    makeRun({ stage: 'failed', seed: 3, trials: 16, run: FAILED }),
  ];
  const source = new FixtureSource(runs, [
    {
      pipeline: 'grocery-ranking',
      run: DONE,
      time: '2026-11-19T14:05:00Z',
      model: 'grocery-ranking@7',
      stage: 'champion',
      trial: 8,
      metrics: '{"ndcg_at_10":0.5731,"mrr":0.5034,"average_rank":24.31}',
      promoted_by: 'ada',
      why: 'better in every segment',
    },
    {
      pipeline: 'grocery-ranking',
      run: DONE,
      time: '2026-11-12T09:20:00Z',
      model: 'grocery-ranking@6',
      stage: 'retired',
      trial: 3,
      metrics: '{"ndcg_at_10":0.5653,"mrr":0.4962,"average_rank":25.87}',
      promoted_by: 'grace',
    },
  ]);
  const output = running.searches.search?.trials.find((trial) => trial.trial === 14)?.output ?? '';
  source.files_ = {
    checkpoints: [
      { name: '7040-2', step: 7040, samples: 81_812, reason: 'end', bytes: 48_210_331, latest: true },
      { name: '6600-2', step: 6600, samples: 76_200, reason: 'interval', bytes: 48_210_331, latest: false },
    ],
    exports: [
      {
        name: '16',
        uri: `${output}/exports/16`,
        step: 7040,
        samples: 81_812,
        bytes: 12_310_442,
        best: true,
        time: Date.now(),
        metrics: { validation_ndcg_at_10: 0.5551, validation_mrr: 0.4885 },
      },
      {
        name: '12',
        uri: `${output}/exports/12`,
        step: 5280,
        samples: 61_400,
        bytes: 12_310_442,
        best: false,
        time: Date.now(),
        metrics: { validation_ndcg_at_10: 0.5498, validation_mrr: 0.4821 },
      },
    ],
  };
  source.log('search', [
    'resuming from checkpoint 1320-1 (step 1320, 15,340 samples)',
    ...Array.from(
      { length: 13 },
      (_, i) => `step ${1760 + i * 440} validation_ndcg_at_10 ${(0.44 + 0.115 * (1 - Math.exp(-i / 4))).toFixed(4)} 1,690 samples/s`,
    ),
    'checkpoint 7040-2 committed (48.2 MB in 0.31 s)',
    'export 16: best so far',
    'done: 81,812 samples in 2 attempts, nothing trained twice',
  ]);
  return source;
}

async function takePictures(browser: Browser, url: string, theme: 'light' | 'dark'): Promise<void> {
  const context = await browser.newContext({
    viewport: { width: WIDTH, height: MAX_PIXELS_HIGH },
    colorScheme: theme,
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  for (const [name, path] of Object.entries(PAGES)) {
    await page.goto(`${url}${path}`);
    await settled(page);
    const high = await page.evaluate<number>(CONTENT_HIGH);
    const clip = { x: 0, y: 0, width: WIDTH, height: Math.min(high, MAX_PIXELS_HIGH) };
    const file = resolve(IMAGES, `console-${name}-${theme}.png`);
    await page.screenshot({ path: file, clip, animations: 'disabled' });
    process.stderr.write(`${file}\n`);
  }
  await context.close();
}

/** Nothing loads any more, and every chart in the window is drawn. */
async function settled(page: Page): Promise<void> {
  await page.locator('h1').first().waitFor();
  await page.locator('.loading').first().waitFor({ state: 'detached' });
  const charts = await page.locator('.canvas').all();
  for (const chart of charts) {
    const box = await chart.boundingBox();
    if (box && box.y < MAX_PIXELS_HIGH) await chart.locator('canvas').first().waitFor();
  }
}

await mkdir(IMAGES, { recursive: true });
const server = await startConsole(madeUp(), OPTIONS);
const browser = await launchBrowser();
try {
  for (const theme of ['light', 'dark'] as const) await takePictures(browser, server.url, theme);
} finally {
  await browser.close();
  await server.close();
}
