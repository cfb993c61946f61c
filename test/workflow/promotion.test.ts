/** Whoever promotes a model is known by the keys that the control workers know, and by none that they name themselves. */
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { createPromotionActivities } from '../../activities/promotions.ts';
import type { Longhaul } from '../../src/client/index.ts';
import type { LedgerRow } from '../../src/contract/ledger.ts';
import { PROMOTE, TASK_QUEUES, WORKFLOWS } from '../../src/contract/names.ts';
import type { Promoted } from '../../src/contract/promotion.ts';
import { createSigner } from '../../src/signing/signer.ts';
import { parseSigners } from '../../src/signing/signers.ts';
import { documentOf } from './documents.ts';
import { longhaulOf, startHarness, type Harness } from './environment.ts';
import { createMemoryPorts } from './memory-ports.ts';

const { profile } = documentOf([]);
const folder = mkdtempSync(join(tmpdir(), 'longhaul-promotion-'));
const key = (name: string): KeyObject => {
  const { privateKey } = generateKeyPairSync('ed25519');
  writeFileSync(join(folder, name), privateKey.export({ format: 'pem', type: 'pkcs8' }));
  return privateKey;
};
const keys = { ada: key('ada'), eve: key('eve') };
const lineOf = (of: KeyObject, name: string): string =>
  `${createPublicKey(of).export({ type: 'spki', format: 'der' }).toString('base64')} ${name}`;

/** The last row of each key, as a ledger has it. */
const ports = createMemoryPorts();
const latest = {
  models: () => [...new Map(ports.rowsOf('models').map((row) => [row.model, row])).values()],
  decisions: () => ports.rowsOf('decisions'),
};
const withLedger: typeof ports = {
  ...ports,
  warehouse: async (of) => ({
    ...(await ports.warehouse(of)),
    ledger: (async (table: 'models' | 'decisions') => latest[table]()) as never,
  }),
};
let harness: Harness;
beforeAll(async () => {
  harness = await startHarness(
    withLedger,
    'real',
    createPromotionActivities(withLedger, () => parseSigners('signers', lineOf(keys.ada, 'ada@example.com'))),
  );
});
afterAll(async () => {
  await harness.stop();
  rmSync(folder, { recursive: true });
});
afterEach(() => void vi.unstubAllEnvs());
beforeEach(async () => {
  ports.rows.length = 0;
  const model = (name: string, stage: string): LedgerRow<'models'> => ({
    ...{ pipeline: 'p', run: 'r', time: '2026-01-01T00:00:00.000Z', model: name, stage, step: 'evaluate', export: `file:///${name}` },
  });
  await (await ports.warehouse(profile)).append('models', [model('a', 'champion'), model('b', 'candidate')], 'first');
});

const champion = (): unknown => latest.models().filter(({ stage }) => stage === 'champion').map(({ model, promoted_by }) => [model, promoted_by]); // prettier-ignore
const decisions = (): unknown => latest.decisions().map(({ decision, by, how, outcome, reason }) => [decision, by, how, outcome, reason]);
const longhaul = (): Longhaul => longhaulOf(harness.environment);
const promote = (by: string): Promise<Promoted> => longhaul().promote({ run: 'r', model: 'b', profile }, { by, why: 'better' });
/** As somebody who speaks to Temporal alone. */
const raw = (payload: object, run = 'r'): Promise<Promoted> =>
  harness.client.workflow.execute(WORKFLOWS.promotion, {
    taskQueue: TASK_QUEUES.control,
    workflowId: `raw-${Math.random()}`,
    args: [{ run, model: 'b', profile, payload }],
  }) as Promise<Promoted>;

it('by a known key is that person’s, whatever name was typed', async () => {
  vi.stubEnv('LONGHAUL_SIGNING_KEY', join(folder, 'ada'));
  expect(await promote('root')).toEqual({ model: 'b', stage: 'champion', replaced: ['a'], wasChampion: false });
  expect(champion()).toEqual([['b', 'ada@example.com']]);
  expect(decisions()).toEqual([[PROMOTE, 'ada@example.com', 'key', 'counted', null]]);
  expect(await promote('root')).toMatchObject({ replaced: [], wasChampion: true });
  expect(decisions()).toHaveLength(1);
});

it('by a key that whoever promotes names alone proves nobody', async () => {
  vi.stubEnv('LONGHAUL_SIGNING_KEY', join(folder, 'eve'));
  const signers = join(folder, 'signers');
  writeFileSync(signers, lineOf(keys.eve, 'ada@example.com'));
  vi.stubEnv('LONGHAUL_SIGNERS', signers);
  await promote('ada@example.com');
  expect(decisions()).toEqual([[PROMOTE, 'ada@example.com', null, 'counted', expect.stringContaining('does not know the key')]]);
});

it.each([
  ['of another model', { model: 'a' }, 'r', 'not that of this decision'],
  ['of another run', { model: 'b' }, 'another', 'not that of this decision'],
])('by a signature %s proves nobody', async (_, signedFor, run, reason) => {
  const payload = { by: 'ada@example.com' };
  const signed = createSigner(keys.ada)({ run, search: null, decision: PROMOTE, payload: { ...payload, ...signedFor } }, 'key');
  await raw({ ...payload, signed });
  expect(decisions()).toEqual([[PROMOTE, 'ada@example.com', null, 'counted', expect.stringContaining(reason)]]);
});

it('by a signature that came before proves nobody: it is no way back to a model that another one has followed', async () => {
  const payload = { by: 'ada@example.com', model: 'b' };
  const signed = createSigner(keys.ada)({ run: 'r', search: null, decision: PROMOTE, payload }, 'key');
  await raw({ ...payload, signed });
  await longhaul().promote({ run: 'r', model: 'a', profile }, { by: 'grace', vouched: null });
  await raw({ ...payload, signed });
  expect((decisions() as unknown[][]).map(([, by, how, , reason]) => [by, how, reason])).toEqual([
    ['ada@example.com', 'key', null],
    ['grace', null, null],
    ['ada@example.com', null, expect.stringContaining('used before')],
  ]);
});

it('of a model that is not there is refused in words', async () => {
  const error: unknown = await longhaul()
    .promote({ run: 'r', model: 'z', profile }, { by: 'ada' })
    .catch((thrown: unknown) => thrown);
  expect((error as Error).message).toContain('there is no model z; the newest are a, b');
  expect(decisions()).toEqual([]);
});
