import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const PLUGIN = resolve('tools', 'dependency-rule.mjs');
const folder = mkdtempSync(join(tmpdir(), 'longhaul-lint-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
writeFileSync(join(folder, '.oxlintrc.json'), JSON.stringify({ jsPlugins: [PLUGIN], rules: { 'longhaul/durations': 'error' } }));

/** How many numbers it took for durations. */
function found(file: string, text: string): number {
  const path = join(folder, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  const { stdout } = spawnSync('oxlint', [file], { cwd: folder, encoding: 'utf8' });
  rmSync(path);
  return stdout.match(/longhaul\(durations\)/g)?.length ?? 0;
}

describe('durations have one home', () => {
  it.each([
    ['a constant', 'export const POLL_MS = 500;'],
    ['arithmetic', 'export const KEEP_MS = 24 * 3600 * 1000;'],
    ['a default', 'export const wait = (patienceSeconds = 30): number => patienceSeconds;'],
    ['a field', 'export const options = { leadHours: 6 };'],
    ["another's option", "export const options = { timeout: 5000, host: 'x' };"],
    ["Temporal's text", "export const options = { startToCloseTimeout: '5 minutes' };"],
    ['a timer', 'export const later = (act: () => void): void => void setTimeout(act, 250);'],
    ['a signal', 'export const signal = AbortSignal.timeout(2000);'],
  ])('and nowhere else: %s', (_what, text) => {
    for (const file of ['src/client/x.ts', 'workflows/x.ts', 'activities/x.ts', 'workers/x.ts']) expect(found(file, text)).toBe(1);
  });

  it.each([
    ['what one is of another', 'export const MS_PER_HOUR = 3_600_000;\nexport const DAY_MS = 86_400_000;'],
    ['none at all', 'export const later = (act: () => void): void => void setTimeout(act, 0);'],
    ['other numbers', 'export const TRIES = 5;\nexport const all = { parallel: 3, cpu: "100m" };'],
    [
      'one with a name',
      "import { WAITS } from '../src/rules/durations.ts';\nexport const wait = (): number => WAITS.waitToldSeconds * 1000;",
    ],
  ])('which are not %s', (_what, text) => {
    expect(found('workers/x.ts', text)).toBe(0);
  });

  it('and tests have their own', () => {
    expect(found('test/unit/x.test.ts', 'export const POLL_MS = 500;')).toBe(0);
    expect(found('src/rules/durations.ts', 'export const POLL_MS = 500;')).toBe(0);
    expect(found('src/rules/durations/waits.ts', 'export const POLL_MS = 500;')).toBe(0);
  });
});
