import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const PLUGIN = resolve('tools', 'dependency-rule.mjs');
const folder = mkdtempSync(join(tmpdir(), 'longhaul-lint-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
writeFileSync(join(folder, '.oxlintrc.json'), JSON.stringify({ jsPlugins: [PLUGIN], rules: { 'longhaul/durations': 'error' } }));

const TIMER = 'export const POLL_MS = 500;';
const PLACES = ['src/client', 'workflows', 'activities', 'workers'];

const DURATIONS: readonly (readonly [what: string, text: string])[] = [
  ['a constant', TIMER],
  ['arithmetic', 'export const KEEP_MS = 24 * 3600 * 1000;'],
  ['a default', 'export const wait = (patienceSeconds = 30): number => patienceSeconds;'],
  ['a field', 'export const options = { leadHours: 6 };'],
  ["another's option", "export const options = { timeout: 5000, host: 'x' };"],
  ["Temporal's text", "export const options = { startToCloseTimeout: '5 minutes' };"],
  ['a timer', 'export const later = (act: () => void): void => void setTimeout(act, 250);'],
  ['a signal', 'export const signal = AbortSignal.timeout(2000);'],
];
const OTHERS: readonly (readonly [what: string, text: string])[] = [
  ['what one is of another', 'export const MS_PER_HOUR = 3_600_000;\nexport const DAY_MS = 86_400_000;'],
  ['none at all', 'export const later = (act: () => void): void => void setTimeout(act, 0);'],
  ['other numbers', 'export const TRIES = 5;\nexport const all = { parallel: 3, cpu: "100m" };'],
  [
    'one with a name',
    "import { WAITS } from '../src/rules/durations.ts';\nexport const wait = (): number => WAITS.waitToldSeconds * 1000;",
  ],
];
const HOMES = ['test/unit/x.test.ts', 'src/rules/durations.ts', 'src/rules/durations/waits.ts'];

const fileOf = (place: string, what: string): string => `${place}/${what.replaceAll(/\W/g, '-')}.ts`;
const FILES = [
  ...DURATIONS.flatMap(([what, text]) => PLACES.map((place) => [fileOf(place, what), text] as const)),
  ...OTHERS.map(([what, text]) => [fileOf('workers', what), text] as const),
  ...HOMES.map((home) => [home, TIMER] as const),
];

/** How many numbers it took for durations, by file: all are read in one go. */
function lint(): ReadonlyMap<string, number> {
  for (const [file, text] of FILES) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  }
  const { stdout } = spawnSync('oxlint', ['--format', 'json'], { cwd: folder, encoding: 'utf8' });
  const { diagnostics } = JSON.parse(stdout) as { diagnostics: readonly { code: string; filename: string }[] };
  const names = diagnostics.filter(({ code }) => code === 'longhaul(durations)').map(({ filename }) => filename);
  return new Map(FILES.map(([file]) => [file, names.filter((name) => name === file).length]));
}

const found = lint();

describe('durations have one home', () => {
  it.each(DURATIONS)('and nowhere else: %s', (what) => {
    for (const place of PLACES) expect(found.get(fileOf(place, what))).toBe(1);
  });

  it.each(OTHERS)('which are not %s', (what) => {
    expect(found.get(fileOf('workers', what))).toBe(0);
  });

  it.each(HOMES)('and not in %s', (home) => {
    expect(found.get(home)).toBe(0);
  });
});
