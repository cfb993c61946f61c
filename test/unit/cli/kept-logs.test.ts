import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDirectoryStore } from '../../../src/adapters/directory/index.ts';
import { keptLogs } from '../../../src/cli/kept-logs.ts';
import type { ReadableRun } from '../../../src/cli/run-data.ts';
import type { Snapshot } from '../../../src/cli/run-tree.ts';
import type { RunDocument } from '../../../src/contract/run-document.ts';
import type { JobInfo } from '../../../src/ports/compute.ts';
import { stepLogHome } from '../../../src/rules/kept-logs.ts';
import type { ObjectStore, Ports, Warehouse } from '../../../src/ports/index.ts';

let folder: string;
let store: ObjectStore;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longhaul-kept-'));
  store = await openDirectoryStore({ kind: 'directory', path: folder });
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const DOCUMENT = {
  profile: {},
  steps: [
    { id: 'search', spec: { kind: 'search' } },
    { id: 'prepare', spec: { kind: 'script' } },
  ],
} as unknown as RunDocument;
const output = (trial: number): string => `${store.root}/search/trial-${trial}`;
const keep = (trial: number, attempt: number): Promise<unknown> =>
  store.write(`${output(trial)}/logs/${attempt}/000000000001.log`, '2026-11-29T10:00:00Z line\n');
const job = (trial: number, attempt: number): JobInfo => ({
  name: `j-${trial}-${attempt}`,
  labels: { step: 'search', trial: String(trial), attempt: String(attempt) },
  phase: 'running',
});

/** @param known what the workflow still knows; null: Temporal has forgotten it */
const runOf = (known: readonly number[] | null): Pick<ReadableRun, 'id' | 'snapshot'> => ({
  id: 'r',
  snapshot: () =>
    known === null
      ? Promise.reject(new Error('no such workflow'))
      : Promise.resolve({
          searches: { search: { trials: known.map((trial) => ({ trial, output: output(trial) })) } },
        } as unknown as Snapshot),
});

const portsOf = (inLedger: readonly number[]): Ports => ({
  store: async () => store,
  warehouse: async () =>
    ({
      ledger: async () => inLedger.map((trial) => ({ run: 'r', step: 'search', trial, output: output(trial) })),
    }) as unknown as Warehouse,
  compute: async () => {
    throw new Error('is not asked');
  },
});

describe('logs that were kept', () => {
  it('are found for each trial, of its last attempt', async () => {
    await Promise.all([keep(1, 1), keep(1, 2), keep(1, 10), keep(2, 1)]);
    const found = await keptLogs(runOf([1, 2, 3]), DOCUMENT, portsOf([]), {}, []);
    expect(found.map(({ trial, attempt }) => [trial, attempt])).toEqual([
      [1, 10],
      [2, 1],
    ]);
  });

  it('are found of an attempt that was preempted long ago, while a later one runs', async () => {
    await Promise.all([keep(4, 3), keep(4, 4)]);
    const found = await keptLogs(runOf([4]), DOCUMENT, portsOf([]), { trial: 4, attempt: 3 }, []);
    expect(found.map(({ trial, attempt }) => [trial, attempt])).toEqual([[4, 3]]);
  });

  it('are found of steps, beside those of trials, and of each attempt', async () => {
    const write = (attempt: number): Promise<unknown> =>
      store.write(`${stepLogHome(store.root, 'r', 'prepare')}/logs/${attempt}/000000000001.log`, '2026-11-29T10:00:00Z line\n');
    await Promise.all([keep(1, 1), write(1), write(2)]);
    const step = { step: 'prepare', attempt: 2, output: `${store.root}/runs/r/steps/prepare` };
    expect(await keptLogs(runOf([1]), DOCUMENT, portsOf([]), {}, [])).toMatchObject([step, { step: 'search', trial: 1 }]);
    expect(await keptLogs(runOf([1]), DOCUMENT, portsOf([]), { step: 'prepare', attempt: 1 }, [])).toEqual([{ ...step, attempt: 1 }]);
    expect(await keptLogs(runOf([1]), DOCUMENT, portsOf([]), { trial: 1 }, [])).toMatchObject([{ trial: 1 }]);
    const running: JobInfo = { name: 'p', labels: { step: 'prepare', attempt: '2' }, phase: 'running' };
    expect(await keptLogs(runOf(null), DOCUMENT, portsOf([]), { step: 'prepare' }, [running])).toEqual([]);
  });

  it('give way to the Job that still has the log', async () => {
    await keep(1, 2);
    expect(await keptLogs(runOf([1]), DOCUMENT, portsOf([]), {}, [job(1, 2)])).toEqual([]);
    expect(await keptLogs(runOf([1]), DOCUMENT, portsOf([]), {}, [job(1, 1)])).toMatchObject([{ attempt: 2 }]);
  });

  it('are found by the ledger when Temporal has forgotten the run', async () => {
    await keep(7, 1);
    expect(await keptLogs(runOf(null), DOCUMENT, portsOf([7]), { step: 'search' }, [])).toMatchObject([{ trial: 7, attempt: 1 }]);
    expect(await keptLogs(runOf(null), DOCUMENT, portsOf([7]), { step: 'prepare' }, [])).toEqual([]);
  });
});
