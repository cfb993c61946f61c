/** A console over a made-up source, and pages of a real browser that leave a picture behind when a test fails. */
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { startConsole, type ConsoleOptions, type ConsoleServer, type ConsoleSource } from '../../src/console/index.ts';
import { launchBrowser } from './browser.ts';
import { ConsolePage } from './pages.ts';

export const OPTIONS: ConsoleOptions = {
  host: '127.0.0.1',
  port: 0,
  readOnly: false,
  tokens: [],
  proxy: null,
  hostNames: [],
  https: false,
};

export interface Harness {
  readonly server: ConsoleServer;
  /** Runs a test on a page of its own; fails too when the page logged an error, e.g. a violation of the content security policy. */
  readonly onPage: (name: string, test: (page: ConsolePage) => Promise<void>, options?: PageOptions) => Promise<void>;
  readonly close: () => Promise<void>;
}

interface PageOptions {
  readonly width?: number;
  readonly height?: number;
  readonly dark?: boolean;
  /** Errors in the browser's console that the test provokes. */
  readonly expected?: RegExp;
}

/** Against hanging for ever, and a little less than the runner's own limit, so that it is told what did not come. */
const PATIENCE_MS = 570_000;
const PICTURES = resolve('.longhaul', 'test', 'console');

export async function startHarness(source: ConsoleSource, options: Partial<ConsoleOptions> = {}, shared?: Browser): Promise<Harness> {
  const unexpected: unknown[] = [];
  const server = await startConsole(source, { ...OPTIONS, ...options }, (error) => unexpected.push(error));
  const browser = shared ?? (await launchBrowser());
  return {
    server,
    onPage: async (name, test, pageOptions = {}) => {
      const { width = 1280, height = 900, dark = false, expected } = pageOptions;
      const context = await browser.newContext({ viewport: { width, height }, colorScheme: dark ? 'dark' : 'light' });
      context.setDefaultTimeout(PATIENCE_MS);
      const page = await context.newPage();
      const problems: string[] = [];
      page.on('console', (message) => {
        if (message.type() === 'error' && expected?.test(message.text()) !== true) problems.push(message.text());
      });
      page.on('pageerror', (error) => problems.push(error.message));
      try {
        await test(new ConsolePage(page, server.url));
        if (problems.length > 0) throw new Error(`the page complains: ${problems.join('; ')}`);
        if (unexpected.length > 0) throw new Error(`the server complains: ${unexpected.map(String).join('; ')}`);
      } catch (error) {
        await picture(page, name);
        throw error;
      } finally {
        await context.close();
      }
    },
    close: async () => {
      if (!shared) await browser.close();
      await server.close();
    },
  };
}

async function picture(page: Page, name: string): Promise<void> {
  await mkdir(PICTURES, { recursive: true });
  const path = join(PICTURES, `${name.replace(/[^a-z0-9]+/gi, '-')}.png`);
  await page.screenshot({ path, fullPage: true }).catch(() => undefined);
  process.stderr.write(`a picture of the page: ${path}\n`);
}
