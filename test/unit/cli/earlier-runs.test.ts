import { describe, expect, it } from 'vitest';
import { earlierOf } from '../../../src/cli/earlier-runs.ts';
import { estimatesOf, renderEstimate } from '../../../src/cli/estimates.ts';
import type { LedgerRow, LedgerTable } from '../../../src/contract/ledger.ts';
import type { RunDocument } from '../../../src/contract/run-document.ts';
import type { ObjectStore, Warehouse } from '../../../src/ports/index.ts';
import { compileText, pipeline } from '../compile/project.ts';

/** The search's data are what the step `parts` makes. */
const documentOf = (search: string): Promise<RunDocument> =>
  compileText(
    pipeline(`parts:
  kind: export
  table: shop.sessions
  destination: '{storage}/parts'
  rowsPerPart: 100
search:
  kind: search
  command: [python3, train.py]
  image: trainer:1
  data: { train: '{steps.parts.outputs.uri}' }
  objective: { metric: score, direction: maximize }
  space: { rate: { type: float, low: 0, high: 1 } }
  n_trials: 10
  parallel: 1
  ${search}`),
  );

interface Before {
  readonly document: RunDocument;
  readonly rows?: number;
  /** Of each trial its hours, and whether it trained to its end. */
  readonly trials: readonly (readonly [hours: number, status: string])[];
}

/** Ledger and store with an earlier run of each, an hour of which costs one. */
function placesOf(all: readonly Before[]): { warehouse: Warehouse; store: ObjectStore } {
  const rows: Record<string, object[]> = { trials: [], runs: [], steps: [] };
  const objects = new Map<string, Uint8Array>();
  for (const [i, { document, rows: count, trials }] of all.entries()) {
    const common = { pipeline: document.pipeline, run: `run-${i}`, time: '2026-11-01T00:00:00Z' };
    const uri = `store/documents/run-${i}.json`;
    objects.set(uri, new TextEncoder().encode(JSON.stringify(document)));
    rows.runs?.push({ ...common, profile: document.profileName, document_uri: uri, started_at: `2026-11-0${i + 1}T00:00:00Z` });
    rows.steps?.push({ ...common, step: 'parts', outputs: JSON.stringify(count === undefined ? {} : { rows: count }) });
    for (const [trial, [hours, status]] of trials.entries())
      rows.trials?.push({ ...common, step: 'search', trial, status, seconds: hours * 3600, cost: hours });
  }
  return {
    warehouse: { ledger: (table: LedgerTable) => Promise.resolve((rows[table] ?? []) as LedgerRow[]) } as unknown as Warehouse,
    store: {
      root: 'store',
      read: (uri: string) => Promise.resolve(objects.has(uri) ? { data: objects.get(uri)! } : null),
    } as unknown as ObjectStore,
  };
}

async function told(now: RunDocument, before: readonly Before[], rows?: number): Promise<{ cost: number | undefined; text: string }> {
  const made = new Map(rows === undefined ? [] : [['parts', { rows }]]);
  const [estimated] = estimatesOf(now, ['search'], await earlierOf(now, made, placesOf(before)));
  return { cost: estimated?.estimate?.cost.expected, text: renderEstimate(estimated!, now) };
}

const WHOLE = [[2, 'succeeded']] as const;

describe('an estimate from earlier runs', () => {
  it('of other epochs and data counts them by how much more is trained', async () => {
    const [two, six] = await Promise.all([documentOf('epochs: 2'), documentOf('epochs: 6')]);
    const before = [{ document: two, rows: 1000, trials: WHOLE }];
    expect(await told(two, before)).toMatchObject({ cost: 20, text: expect.not.stringContaining('counted as') as string });
    expect(await told(two, before, 1005)).toMatchObject({ cost: 20 });
    expect(await told(six, before)).toMatchObject({
      cost: 60,
      text: expect.stringContaining('; counted as what is trained now: of 1 run with 2 epochs 3 times)') as string,
    });
    expect(await told(six, before, 4000)).toMatchObject({
      cost: 240,
      text: expect.stringContaining('with 2 epochs and 1,000 rows 12 times') as string,
    });
  });

  it('whose trials were held at rungs goes by those that trained to their ends, where none is held now', async () => {
    const [held, all] = await Promise.all([
      documentOf('epochs: 8\n  scheduler: { kind: asha }'),
      documentOf('epochs: 8\n  scheduler: { kind: asha, promote: false }'),
    ]);
    const before = [
      {
        document: held,
        trials: [
          [1, 'stopped'],
          [1, 'stopped'],
          [8, 'succeeded'],
        ] as const,
      },
    ];
    expect(await told(held, before)).toMatchObject({ text: expect.not.stringContaining('counted as') as string });
    expect(await told(all, before)).toMatchObject({
      cost: 80,
      text: expect.stringContaining('local; of 1 run with a scheduler only trials that trained to their ends)') as string,
    });
  });

  it('whose trials were held at no rungs is told to be more where they are held now', async () => {
    const [held, all] = await Promise.all([documentOf('epochs: 8\n  scheduler: { kind: asha }'), documentOf('epochs: 8')]);
    expect(await told(held, [{ document: all, trials: WHOLE }])).toMatchObject({
      cost: 20,
      text: expect.stringContaining('local; 1 run held no trials at rungs, so that it will be less)') as string,
    });
  });

  it('with other resources is taken as it is, and told', async () => {
    const [small, large] = await Promise.all([documentOf('epochs: 2'), documentOf('epochs: 2\n  resources: { cpu: 8 }')]);
    const found = await told(large, [{ document: small, trials: WHOLE }]);
    expect(found).toMatchObject({ cost: 20, text: expect.stringContaining('local; 1 run had other resources)') as string });
  });

  it('whose document is gone or torn takes its trials as they are', async () => {
    const [two, six] = await Promise.all([documentOf('epochs: 2'), documentOf('epochs: 6')]);
    const { warehouse, store } = placesOf([{ document: two, trials: WHOLE }]);
    for (const data of [null, new TextEncoder().encode('{"steps": [')]) {
      const other = { ...store, read: () => Promise.resolve(data && { data }) } as unknown as ObjectStore;
      expect((await earlierOf(six, new Map(), { warehouse, store: other })).comparable).toMatchObject([{ cost: 2 }]);
    }
  });
});
