/** Which runs the console keeps current: those that somebody watches. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { RunList } from '../../../src/console/run-list.ts';
import { RunModels } from '../../../src/console/run-models.ts';
import { GRACES } from '../../../src/rules/durations.ts';
import { FixtureSource, movedToNow } from '../../console/fixture-source.ts';
import { makeRun } from '../../support/run-data.ts';

const names = Array.from({ length: 50 }, (_, index) => `grocery-ranking-20261120-080000-m${String(index).padStart(3, '0')}`);
let source: FixtureSource;
let list: RunList;
let models: RunModels;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date', 'performance'] });
  source = new FixtureSource(names.map((run) => movedToNow(makeRun({ stage: 'running', trials: 1, run }))));
  list = new RunList(source);
  models = new RunModels(source, list);
});
afterEach(() => {
  models.close();
  list.close();
  vi.useRealTimers();
});
const beat = (): Promise<unknown> => vi.advanceTimersByTimeAsync(GRACES.consoleModelLookMs);
/** Whether who watches the run hears of a change. */
const hears = async (run: string, told: readonly string[]): Promise<boolean> => {
  source.change(run, ({ run: state }) => (state.reason = `moved ${told.length}`));
  await beat();
  return told.some((data) => data.includes('moved'));
};

it('keeps all current that are watched, though more were opened at once than it remembers', async () => {
  const heard = await Promise.all(
    names.map(async (run) => {
      const told: string[] = [];
      (await models.get(run)).events.subscribe(({ data }) => void told.push(data));
      return told;
    }),
  );
  await beat();
  for (const [index, run] of names.entries()) expect(await hears(run, heard[index] ?? []), run).toBe(true);
});

it('forgets those that nobody watches, the oldest first', async () => {
  const opened = await Promise.all(names.map((run) => models.get(run)));
  await beat();
  expect(await models.get(names[0] ?? '')).not.toBe(opened[0]);
  expect(await models.get(names[49] ?? '')).toBe(opened[49]);
});

it('follows a run again that had ended and was retried under its name', async () => {
  const run = names[0] ?? '';
  const told: string[] = [];
  const model = await models.get(run);
  model.events.subscribe(({ data }) => void told.push(data));
  source.change(run, ({ run: state }) => Object.assign(state, { status: 'failed', endedAt: Date.now() }));
  await beat();
  expect(model.settled).toBe(true);
  source.change(run, ({ run: state }) => Object.assign(state, { status: 'running', endedAt: null }));
  await vi.advanceTimersByTimeAsync(GRACES.consoleReopenedLookMs + GRACES.consoleModelLookMs);
  expect(await models.get(run)).toBe(model);
  expect(model.state.status).toBe('running');
  expect(await hears(run, told)).toBe(true);
});
