import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Changes } from '../../../src/client/changes.ts';
import { Overview } from '../../../src/console/overview.ts';
import { RunList } from '../../../src/console/run-list.ts';
import { FixtureSource, movedToNow } from '../../console/fixture-source.ts';
import { makeRun } from '../../support/run-data.ts';

const OPEN = 'grocery-ranking-20261120-080000-open';
const DONE = 'grocery-ranking-20261119-080000-done';
const MINUTES = 60_000;

/** Workflows that tell when they have moved on. */
class TellingSource extends FixtureSource {
  questions = 0;
  moved = new Set<string>();
  followed: string[] = [];

  changes = (run: string): Changes => ({
    follow: (id) => void this.followed.push(id),
    takeAll: () => {
      const taken = new Set(this.moved);
      this.moved.clear();
      return taken;
    },
    again: (ids) => {
      for (const id of ids) this.moved.add(id);
    },
    news: () => Promise.resolve(),
    close: () => void this.followed.push(`closed ${run}`),
  });

  override state = async (run: string) => {
    this.questions++;
    return await Promise.resolve(structuredClone(this.runOf(run)));
  };

  runOf(run: string) {
    let found: Awaited<ReturnType<FixtureSource['state']>> | undefined;
    this.change(run, (made) => (found = made.run));
    if (found === undefined) throw new Error(run);
    return found;
  }
}

describe('the page above all runs', () => {
  let source: TellingSource;
  let overview: Overview;
  let list: RunList;
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'Date', 'performance'] });
    source = new TellingSource([
      movedToNow(makeRun({ stage: 'running', trials: 20, run: OPEN })),
      movedToNow(makeRun({ stage: 'succeeded', seed: 2, run: DONE })),
    ]);
    list = new RunList(source);
    overview = new Overview(source, list);
  });
  afterEach(() => {
    overview.close();
    list.close();
    vi.useRealTimers();
  });

  it('asks neither ledger nor workflows while a page is open and nothing happens', async () => {
    await overview.get();
    overview.events.subscribe(() => undefined);
    const before = { reads: source.ledgerReads, questions: source.questions };
    expect(before.reads).toBeGreaterThan(0);
    await vi.advanceTimersByTimeAsync(60 * MINUTES);
    expect({ reads: source.ledgerReads, questions: source.questions }).toEqual(before);
  });

  it('shares one look between all pages, and reads the ledger again when a run ends', async () => {
    await Promise.all([overview.get(), overview.get(), overview.get()]);
    const once = source.ledgerReads;
    expect(once).toBe(4);
    const told: string[] = [];
    overview.events.subscribe(({ name }) => void told.push(name));
    const spent = (await overview.get()).money.reduce((sum, { cost }) => sum + cost, 0);
    source.change(OPEN, ({ run }) => Object.assign(run, { endedAt: Date.now(), status: 'succeeded', cost: run.cost + 100 }));
    await vi.advanceTimersByTimeAsync(2 * MINUTES);
    expect(source.ledgerReads).toBe(2 * once);
    expect(told).toContain('money');
    const now = await overview.get();
    expect(now.money.reduce((sum, { cost }) => sum + cost, 0)).toBeGreaterThan(spent);
    expect(now.openRuns).toBe(0);
    expect(source.followed).toContain(`closed ${OPEN}`);
  });

  it('asks a run that moved on, and not the others', async () => {
    await overview.get();
    overview.events.subscribe(() => undefined);
    const before = source.questions;
    source.moved.add(OPEN);
    await vi.advanceTimersByTimeAsync(1 * MINUTES);
    expect(source.questions).toBe(before + 1);
    expect(source.followed).toContain(`${OPEN}/search`);
  });

  it('shows what it knew when a ledger does not answer, and says so', async () => {
    const known = await overview.get();
    source.ledger = () => Promise.reject(new Error('no ledger'));
    source.change(OPEN, ({ run }) => Object.assign(run, { endedAt: Date.now(), status: 'failed' }));
    await vi.advanceTimersByTimeAsync(2 * MINUTES);
    const now = await overview.get();
    expect(now.troubles).toEqual([expect.stringContaining('ledger')]);
    expect(now.money.length).toBe(known.money.length);
  });

  it('lets go of workflows when nobody looks any more', async () => {
    await overview.get();
    await vi.advanceTimersByTimeAsync(10 * MINUTES);
    expect(source.followed).toContain(`closed ${OPEN}`);
    expect((await overview.get()).openRuns).toBe(1);
  });
});
