import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { renderReport } from '../../src/report/index.ts';
import { LIGHT } from '../../src/present/charts/theme.ts';
import { audit, launchBrowser } from '../support/browser.ts';
import { hostileRun } from '../support/hostile.ts';
import { makeRun } from '../support/run-data.ts';

let browser: Browser;
let directory: string;
const files = new Map<string, string>();

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'longhaul-report-'));
  const [first, second] = [makeRun(), makeRun({ seed: 2, run: 'grocery-ranking-20261113-080000-p1x2', trials: 5 })];
  const pages = {
    one: await renderReport({ ...first, previous: { run: second.run.run, document: { ...second.document, params: {} } } }),
    several: await renderReport([makeRun({ trials: 5 }), second]),
    large: await renderReport(makeRun({ trials: 200, parallel: 16, moreSteps: 88, pointsPerTrial: 20, stage: 'running' })),
    hostile: await renderReport(hostileRun()),
  };
  for (const [name, page] of Object.entries(pages)) {
    const file = join(directory, `${name}.html`);
    await writeFile(file, page);
    files.set(name, pathToFileURL(file).href);
  }
  browser = await launchBrowser();
});

afterAll(async () => {
  await browser.close();
  await rm(directory, { recursive: true, force: true });
});

/** Opens a report; requests beyond the file and errors of scripts are collected. */
async function open(
  name: string,
  options: BrowserContextOptions = {},
): Promise<{ page: Page; troubles: string[]; [Symbol.asyncDispose](): Promise<void> }> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const troubles: string[] = [];
  page.on('pageerror', (error) => troubles.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') troubles.push(message.text());
  });
  page.on('request', (request) => {
    if (!request.url().startsWith('file:')) troubles.push(`asks for ${request.url()}`);
  });
  await page.goto(files.get(name)!);
  return { page, troubles, [Symbol.asyncDispose]: () => context.close() };
}

const drawings = (page: Page): Promise<number> => page.locator('.chart svg').count();

describe('the report in a browser', () => {
  it.each([
    ['one', 'light'],
    ['one', 'dark'],
    ['several', 'dark'],
    ['hostile', 'light'],
  ] as const)('(%s, %s) draws every chart, asks for nothing, is accessible, and fits 320 to 2560 pixels', async (name, colorScheme) => {
    await using opened = await open(name, { colorScheme, bypassCSP: true /* The audit is a script. */ });
    const { page, troubles } = opened;
    expect(await drawings(page)).toBe(await page.locator('.chart').count());
    expect(await drawings(page)).toBeGreaterThan(5);
    expect(await audit(page)).toEqual([]);
    for (const width of [320, 2560]) {
      await page.setViewportSize({ width, height: 800 });
      // Charts follow the new width a moment later.
      await expect.poll(() => page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
    }
    expect(troubles).toEqual([]);
  });

  it('draws 200 trials and 100 steps', async () => {
    await using opened = await open('large', { viewport: { width: 320, height: 800 } });
    expect(await drawings(opened.page)).toBe(await opened.page.locator('.chart').count());
    expect(await opened.page.locator('svg.dag .node').count()).toBe(99);
    await expect.poll(() => opened.page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(320);
  });

  it('never runs what names, reasons and parameters hold', async () => {
    await using opened = await open('hostile');
    await opened.page.locator('summary').first().click();
    for (const chart of await opened.page.locator('.chart').all()) await chart.hover({ position: { x: 200, y: 100 } });
    expect(await opened.page.evaluate(() => (globalThis as { hacked?: number }).hacked)).toBeUndefined();
    expect(await opened.page.locator('img').count()).toBe(0);
    expect(opened.troubles).toEqual([]);
  });

  it('is readable without scripts', async () => {
    await using opened = await open('one', { javaScriptEnabled: false });
    expect(await opened.page.locator('h1').innerText()).toContain('Better than the last champion');
    expect(await opened.page.locator('svg.dag .node').count()).toBe(11);
    expect(await opened.page.getByRole('group', { name: 'Trials' }).locator('tbody tr').count()).toBe(24);
    expect(await opened.page.locator('figcaption').first().innerText()).toContain('model');
  });

  it('sorts a table by the keyboard, and switches the theme', async () => {
    await using opened = await open('one');
    const trials = opened.page.getByRole('group', { name: 'Trials' });
    const heading = trials.getByRole('button', { name: 'validation_ndcg_at_10' });
    await heading.focus();
    await opened.page.keyboard.press('Enter');
    await opened.page.keyboard.press('Enter');
    expect(await heading.locator('..').getAttribute('aria-sort')).toBe('descending');
    const values = await trials.locator('tbody tr td:nth-child(3)').allInnerTexts();
    const numbers = values.filter((text) => text !== '').map(Number);
    expect(numbers).toEqual([...numbers].sort((a, b) => b - a));
    const background = (): Promise<unknown> => opened.page.evaluate('getComputedStyle(document.body).backgroundColor');
    const before = await background();
    await opened.page.getByRole('button', { name: 'Light or dark' }).click();
    expect(await background()).not.toBe(before);
  });

  it('prints everything that is folded, in the light theme', async () => {
    await using opened = await open('one', { colorScheme: 'dark' });
    await opened.page.emulateMedia({ media: 'print', colorScheme: 'dark' });
    await opened.page.evaluate("dispatchEvent(new Event('beforeprint'))");
    expect(await opened.page.locator('details:not([open])').count()).toBe(0);
    expect(await opened.page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe('rgb(255, 255, 255)');
    expect(await opened.page.locator('nav').isVisible()).toBe(false);
    expect(await opened.page.locator('.chart text').first().getAttribute('fill')).toBe(LIGHT.text);
  });
});
