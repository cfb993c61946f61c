/** One Chromium for all files of the suite: each test has a context of its own in it, as private windows are. */
import { serveBrowser } from './browser.ts';

export async function setup(): Promise<() => Promise<void>> {
  return serveBrowser();
}
