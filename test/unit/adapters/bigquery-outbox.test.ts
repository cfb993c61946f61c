import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LedgerLoads } from '../../../src/adapters/bigquery/ledger-loads.ts';
import { Outbox } from '../../../src/adapters/bigquery/outbox.ts';
import type { Load } from '../../../src/adapters/bigquery/outbox.ts';
import { openDirectoryStore } from '../../../src/adapters/directory/index.ts';
import type { ObjectStore } from '../../../src/ports/object-store.ts';

const MINUTE = 60_000;
const INTERVAL = 5 * MINUTE;

let folder: string;
let store: ObjectStore;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longhaul-outbox-'));
  store = await openDirectoryStore({ kind: 'directory', path: folder });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A table as BigQuery has it: an id is loaded once. */
class Loaded {
  readonly jobs = new Map<string, string>();
  readonly load: Load = async (id, lines) => {
    if (!this.jobs.has(id)) this.jobs.set(id, lines);
  };
  get rows(): string[] {
    return [...this.jobs.values()].flatMap((lines) => lines.split('\n').slice(0, -1));
  }
}

describe('the outbox of a ledger table', () => {
  it('keeps a day of a busy search far below the 1,500 loads that BigQuery allows, whatever the number of workers', async () => {
    const table = new Loaded();
    const workers = Array.from({ length: 3 }, () => new Outbox(store, `${store.root}/day`));
    const expected: string[] = [];
    // Two hours stand for the day: loads per hour are what counts.
    const [hours, everyMs] = [2, MINUTE];
    for (let now = 0; now < hours * 60 * MINUTE; now += everyMs) {
      for (const [i, outbox] of workers.entries()) {
        const row = `worker ${i} at ${now}`;
        expected.push(row);
        await outbox.put(row, `${row}\n`);
        await outbox.drain(table.load, INTERVAL, 1e12 + now);
      }
    }
    await workers[0]?.drain(table.load, 0, 1e13);
    expect(table.rows.sort()).toEqual(expected.sort());
    expect((table.jobs.size / hours) * 24).toBeLessThan(400);
  });

  it('does not keep rows back for the days that a clock was ahead', async () => {
    const table = new Loaded();
    const outbox = new Outbox(store, `${store.root}/ahead`);
    const now = 1e12;
    await outbox.put('a', 'a\n');
    await outbox.drain(table.load, INTERVAL, now + 24 * 60 * MINUTE);
    await outbox.put('b', 'b\n');
    expect(await outbox.drain(table.load, INTERVAL, now)).toBeNull();
    expect(table.rows).toEqual(['a', 'b']);
  });

  it('finishes the load of a process that died in the middle of it, with the same id', async () => {
    const table = new Loaded();
    const [dead, heir] = [new Outbox(store, `${store.root}/died`), new Outbox(store, `${store.root}/died`)];
    await dead.put('a', 'a\n');
    const dies: Load = async (id, lines) => {
      await table.load(id, lines);
      throw new Error('killed');
    };
    await expect(dead.drain(dies, INTERVAL, MINUTE * 10)).rejects.toThrow('killed');
    await heir.put('b', 'b\n');
    expect(await heir.waiting()).toEqual(expect.arrayContaining(['a\n', 'b\n']));
    expect(await heir.drain(table.load, INTERVAL, MINUTE * 11)).toBe(INTERVAL - MINUTE);
    expect(table.rows).toEqual(['a']);
    expect(await heir.drain(table.load, INTERVAL, MINUTE * 16)).toBeNull();
    expect(table.rows).toEqual(['a', 'b']);
    expect(await heir.waiting()).toEqual([]);
  });

  it('loads what is put again under the same key no second time, however late', async () => {
    const table = new Loaded();
    const outbox = new Outbox(store, `${store.root}/again`);
    for (let day = 1; day < 4; day++) {
      await outbox.put('key', 'row\n');
      await outbox.put('key', 'row of a retry\n');
      await outbox.drain(table.load, INTERVAL, day * 24 * 60 * MINUTE);
    }
    expect(table.rows).toEqual(['row']);
  });

  it('lets one of many processes decide what is in a load', async () => {
    const table = new Loaded();
    const outboxes = Array.from({ length: 5 }, () => new Outbox(store, `${store.root}/race`));
    const rows = Array.from({ length: 40 }, (_, i) => `row ${i}`);
    await Promise.all(rows.map((row, i) => outboxes[i % 5]!.put(row, `${row}\n`)));
    await Promise.all(outboxes.map((outbox) => outbox.drain(table.load, INTERVAL, 1e12)));
    await outboxes[0]?.drain(table.load, 0, 1e12 + 1);
    expect(table.rows.sort()).toEqual(rows.sort());
  });
});

describe('the loads of a process', () => {
  it('begin at once, go on by the interval, and end with what is left when it closes', async () => {
    const table = new Loaded();
    const outbox = new Outbox(store, `${store.root}/process`);
    const loads = new LedgerLoads(outbox, table.load, INTERVAL);
    const append = async (row: string): Promise<void> => {
      await outbox.put(row, `${row}\n`);
      await loads.appended();
    };
    await append('first');
    await expect.poll(() => table.rows).toEqual(['first']);
    await append('second');
    await append('third');
    await loads.close();
    expect(table.jobs.size).toBe(2);
    expect(table.rows.sort()).toEqual(['first', 'second', 'third']);
  });

  it('are seen by whoever appends when they fail, and lose nothing', async () => {
    const table = new Loaded();
    const outbox = new Outbox(store, `${store.root}/refused`);
    let refused = 0;
    const load: Load = async (id, lines) => {
      if (refused < 2) throw new Error(`no permission (${++refused})`);
      await table.load(id, lines);
    };
    const loads = new LedgerLoads(outbox, load, INTERVAL);
    const append = async (row: string): Promise<void> => {
      await outbox.put(row, `${row}\n`);
      await loads.appended();
    };
    await append('a');
    await expect.poll(() => refused).toBe(1);
    await expect(append('b')).rejects.toThrow('no permission (2)');
    await append('b');
    await loads.close();
    expect(table.rows.sort()).toEqual(['a', 'b']);
  });
});
