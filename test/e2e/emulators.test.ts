import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startEmulators } from '../../src/stack/emulators/index.ts';
import type { Emulators } from '../../src/stack/emulators/index.ts';
import { connect } from '../../src/client/index.ts';
import type { Longhaul } from '../../src/client/index.ts';
import { compile } from '../../src/compile/index.ts';
import type { LedgerRow } from '../../src/contract/ledger.ts';
import { openPorts } from '../../src/adapters/open.ts';
import { projectOnSharedStack } from './shared-stack.ts';

const PIPELINE = join(import.meta.dirname, 'fixtures', 'ranking', 'pipeline.yaml');
/** The same arithmetic in another order of rows: sums differ in their last bits. */
const DIGITS = 6;

const folder = projectOnSharedStack('emulators');
let emulators: Emulators;
let longhaul: Longhaul;

beforeAll(async () => {
  emulators = await startEmulators({ directory: join(folder, 'emulators'), gcs: { buckets: ['miniature'] }, bigquery: {} });
  process.env['LONGHAUL_TEST_BIGQUERY'] = emulators.bigquery ?? '';
  process.env['LONGHAUL_TEST_GCS'] = emulators.gcs ?? '';
  longhaul = await connect({ directory: folder });
});
afterAll(async () => {
  await longhaul.close();
  await emulators.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface Outcome {
  readonly rows: Readonly<Record<string, unknown>>;
  /** By scorer, segment and metric. */
  readonly metrics: Readonly<Record<string, number>>;
  readonly weights: unknown;
}

async function run(profile: string): Promise<Outcome> {
  const document = await compile(PIPELINE, { profile, cwd: folder });
  const state = await (await longhaul.start(document)).result();
  expect(state.status).toBe('succeeded');
  const ports = openPorts();
  try {
    const warehouse = await ports.warehouse(document.profile);
    const evaluations = await warehouse.ledger('evaluations', { run: state.run });
    const [trial] = await warehouse.ledger('trials', { run: state.run });
    const keyOf = (row: LedgerRow<'evaluations'>): string => [row.scorer, row.segment, row.segment_value, row.metric].join(' ');
    return {
      rows: Object.fromEntries(state.steps.filter((step) => step.id.startsWith('parts.')).map((step) => [step.id, step.outputs['rows']])),
      metrics: Object.fromEntries(evaluations.map((row) => [keyOf(row), Number(row.value)])),
      weights: trial?.weights_sha256,
    };
  } finally {
    await ports.close();
  }
}

it('gives the same data, model and metrics on the emulators of Google Cloud as on the embedded adapters', async () => {
  const local = await run('local');
  const cloud = await run('emulators');
  expect(cloud.rows).toEqual(local.rows);
  expect(Object.keys(local.metrics).length).toBeGreaterThan(10);
  expect(Object.keys(cloud.metrics).sort()).toEqual(Object.keys(local.metrics).sort());
  for (const [name, value] of Object.entries(local.metrics)) expect(cloud.metrics[name], name).toBeCloseTo(value, DIGITS);
  expect(cloud.weights).toBe(local.weights);
  // It learned something: the best of twelve at random has rank 6.5.
  expect(cloud.metrics['model   average_rank'] ?? Infinity).toBeLessThan(4);
});
