/** Real Chromium, Debian's package. */
import { existsSync } from 'node:fs';
import { chromium, type Browser } from 'playwright-core';

const CANDIDATES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
/** Where processes that are started from now on find the browser that serves them all. */
const ENDPOINT = 'LONGHAUL_TEST_BROWSER';

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--force-color-profile=srgb',
];

const executable = (): string | undefined => process.env.LONGHAUL_CHROMIUM ?? CANDIDATES.find((path) => existsSync(path));
const optionsOf = (executablePath: string) => ({ executablePath, headless: true, args: FLAGS });

/** The one that is served, or one of its own. Closing it ends the contexts that were made with it. */
export async function launchBrowser(): Promise<Browser> {
  const endpoint = process.env[ENDPOINT];
  if (endpoint !== undefined) return chromium.connect(endpoint);
  const path = executable();
  if (path === undefined) throw new Error('no Chromium: apt-get install chromium, or set LONGHAUL_CHROMIUM');
  return chromium.launch(optionsOf(path));
}

/** For this process and those that it starts; none where there is no Chromium. @returns what ends it */
export async function serveBrowser(): Promise<() => Promise<void>> {
  const path = executable();
  if (path === undefined) return () => Promise.resolve();
  const server = await chromium.launchServer(optionsOf(path));
  process.env[ENDPOINT] = server.wsEndpoint();
  return () => server.close();
}
