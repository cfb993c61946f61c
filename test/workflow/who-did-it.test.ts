/** What a run is told besides its updates, and what a search asks of its approvers: whose it was is in the ledger, and proved where it was signed. */
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createDecisionActivities } from '../../activities/decisions.ts';
import type { HowVerified } from '../../src/contract/decisions.ts';
import { InvalidInputError } from '../../src/contract/errors.ts';
import type { RunDocument } from '../../src/contract/run-document.ts';
import type { SearchState, RunState } from '../../src/contract/state.ts';
import { createSigner } from '../../src/signing/signer.ts';
import { parseSigners } from '../../src/signing/signers.ts';
import { documentOf } from './documents.ts';
import { longhaulOf, startHarness, until, type Harness } from './environment.ts';
import { createMemoryPorts } from './memory-ports.ts';
import { specOf, startSearchHarness, type SearchHarness } from './search-harness.ts';

const key = (): KeyObject => generateKeyPairSync('ed25519').privateKey;
const line = (of: KeyObject, name: string): string =>
  `${createPublicKey(of).export({ type: 'spki', format: 'der' }).toString('base64')} ${name}`;
const keys = { console: key(), ada: key(), bob: key() };
const known = parseSigners('signers', [line(keys.console, 'console'), line(keys.ada, 'ada'), line(keys.bob, 'Bob@Example.com')].join('\n'));
const folder = mkdtempSync(join(tmpdir(), 'longhaul-keys-'));
const signsWith = (of: KeyObject): void => {
  const file = join(folder, 'key.pem');
  writeFileSync(file, of.export({ type: 'pkcs8', format: 'pem' }));
  vi.stubEnv('LONGHAUL_SIGNING_KEY', file);
};
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => void vi.unstubAllEnvs());

describe('whoever cancels, retries or extends a run', () => {
  const ports = createMemoryPorts();
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness(
      ports,
      'real',
      createDecisionActivities(ports, () => known),
    );
  });
  afterAll(() => harness.stop());
  beforeEach(() => {
    ports.rows.length = 0;
  });

  const asking = (): RunDocument =>
    documentOf([{ id: 'ask', spec: { kind: 'approval', message: '?', timeoutSeconds: 3600, onTimeout: 'reject' } }]);
  const waiting = async (): Promise<WorkflowHandle> => {
    const handle = await harness.start(asking());
    await until(async () => (await handle.query<RunState>('state')).approvals[0], 'the approval');
    return handle;
  };
  const rows = (): unknown[][] =>
    ports
      .rowsOf('decisions')
      .sort((a, b) => a.time.localeCompare(b.time))
      .map(({ decision, by, how, why, outcome }) => [decision, by, how, why, outcome]);
  const ended = (handle: WorkflowHandle): Promise<unknown> => handle.result().catch((error: unknown) => error);

  it('is in the ledger, proved where a console signed it', async () => {
    const handle = await waiting();
    signsWith(keys.console);
    await longhaulOf(harness.environment).run(handle.workflowId).cancel({ by: 'ada@example.com', why: 'wrong data', vouched: 'iap' });
    await ended(handle);
    expect(rows()).toEqual([['cancel', 'ada@example.com', 'iap', 'wrong data', 'counted']]);
  });

  it('is no more than a name that was typed where nobody signed, and a console that knows nobody signs nothing', async () => {
    const typed = await waiting();
    await longhaulOf(harness.environment).run(typed.workflowId).cancel({ by: 'eve' });
    const unknown = await waiting();
    signsWith(keys.console);
    await longhaulOf(harness.environment).run(unknown.workflowId).cancel({ by: 'console', vouched: null });
    await Promise.all([ended(typed), ended(unknown)]);
    expect(rows().sort()).toEqual([
      ['cancel', 'console', null, null, 'counted'],
      ['cancel', 'eve', null, null, 'counted'],
    ]);
  });

  it('is unverified where Temporal was asked, and a signal of a stranger proves nothing', async () => {
    const handle = await waiting();
    await handle.signal('decided', { decision: 'set-budget', payload: { by: 'ada' } });
    await handle.signal('decided');
    await handle.cancel();
    await ended(handle);
    expect(rows()).toEqual([['cancel', 'unverified', null, expect.stringContaining('Temporal'), 'counted']]);
    const forged = await waiting();
    const signed = createSigner(keys.bob)({ run: 'another-run', search: null, decision: 'cancel', payload: {} }, 'key');
    await forged.signal('decided', { decision: 'cancel', payload: { by: 'Bob@Example.com', signed } });
    await forged.cancel();
    await ended(forged);
    expect(rows()).toHaveLength(2);
    expect(rows()[1]?.slice(0, 3)).toEqual(['cancel', 'Bob@Example.com', null]);
  });

  it('is known by a key of one\u2019s own when a run is begun again or extended', async () => {
    const handle = await waiting();
    await handle.executeUpdate('reject', { args: [{ by: 'ada' }] });
    await ended(handle);
    signsWith(keys.ada);
    const longhaul = longhaulOf(harness.environment);
    const again = await longhaul.retry(handle.workflowId, { by: 'somebody', why: 'asked too early' });
    await until(async () => (await again.state()).approvals[0], 'the approval');
    await again.approve({ by: 'somebody' });
    await again.result();
    const next = await longhaul.extend(asking(), handle.workflowId, { by: 'somebody' });
    await until(async () => (await next.state()).approvals[0], 'the approval');
    await next.approve({});
    await next.result();
    expect(rows()).toEqual([
      ['reject', 'ada', null, null, 'counted'],
      ['retry', 'ada', 'key', 'asked too early', 'counted'],
      ['approve', 'ada', 'key', null, 'counted'],
      ['extend', 'ada', 'key', null, 'counted'],
      ['approve', 'ada', 'key', null, 'counted'],
    ]);
    expect(ports.rowsOf('decisions').find(({ decision }) => decision === 'extend')?.details).toBe(`{"extends":"${handle.workflowId}"}`);
  });

  it('is asked for a key that can be read before anything is begun', async () => {
    const handle = await waiting();
    await handle.executeUpdate('reject', { args: [{ by: 'ada' }] });
    await ended(handle);
    vi.stubEnv('LONGHAUL_SIGNING_KEY', join(folder, 'none.pem'));
    const longhaul = longhaulOf(harness.environment);
    const before = await handle.describe();
    await expect(longhaul.retry(handle.workflowId, { by: 'ada' })).rejects.toThrow(InvalidInputError);
    expect((await handle.describe()).runId).toBe(before.runId);
    const start = vi.spyOn(longhaul, 'start');
    await expect(longhaul.extend(asking(), handle.workflowId, { by: 'ada' })).rejects.toThrow(InvalidInputError);
    expect(start).not.toHaveBeenCalled();
  });
});

describe('a search with approvers', () => {
  const ports = createMemoryPorts();
  let harness: SearchHarness;
  beforeAll(async () => {
    harness = await startSearchHarness(
      'real',
      [],
      createDecisionActivities(ports, () => known),
    );
  });
  afterAll(() => harness.stop());
  beforeEach(() => {
    ports.rows.length = 0;
  });

  const refusal = async (sent: Promise<unknown>): Promise<string> => {
    const error: unknown = await sent.then(
      () => new Error('it counted'),
      (reason: unknown) => reason,
    );
    return ((error as Error).cause as Error | undefined)?.message ?? (error as Error).message;
  };

  it('counts what its approvers signed where it asks, and nothing else: no other budget either', async () => {
    const handle = await harness.search(specOf({ trials: 6, parallel: 1, budget: { trials: 1 }, approvers: ['ada', 'bob@example.com'] }));
    await until(async () => (await handle.query<SearchState>('state')).status === 'waiting', 'the question');
    const [run = ''] = handle.workflowId.split('/');
    const signed = (decision: string, payload: object, by: KeyObject = keys.ada, how: HowVerified = 'key', search = 'search'): object => ({
      ...payload,
      signed: createSigner(by)({ run, search, decision, payload: { ...payload } }, how),
    });
    const update = (name: string, payload: object): Promise<unknown> => handle.executeUpdate(name, { args: [payload] });
    for (const [name, payload, words] of [
      ['approve', { by: 'ada' }, 'no signature'],
      ['reject', { by: 'ada' }, 'no signature'],
      ['set-budget', { by: 'ada', trials: 50 }, 'no signature'],
      ['approve', signed('approve', { by: 'eve@example.com' }, keys.console, 'oidc'), 'none of its approvers'],
      ['approve', signed('reject', {}), 'not that of this decision'],
      ['approve', signed('approve', {}, keys.ada, 'key', 'other'), 'not that of this decision'],
      ['set-budget', { ...signed('set-budget', { trials: 2 }), trials: 50 }, 'not that of this decision'],
    ] as const)
      expect(await refusal(update(name, payload))).toContain(words);
    expect((await handle.query<SearchState>('state')).status).toBe('waiting');
    // What needs no approval is as ever.
    await update('set-parallelism', { parallel: 1, by: 'eve' });

    const yes = signed('approve', { why: 'worth it' });
    await update('approve', yes);
    await until(async () => {
      const { status, trials } = await handle.query<SearchState>('state');
      return status === 'waiting' && trials.length >= 2;
    }, 'the next question');
    expect(await refusal(update('approve', yes))).toContain('used before');
    await update('reject', signed('reject', { by: 'BOB@example.com' }, keys.console, 'iap'));
    await handle.result();
    const counted = ports.rowsOf('decisions').filter(({ outcome }) => outcome === 'counted');
    expect(counted.map(({ decision, by, how }) => [decision, by, how])).toEqual([
      ['set-parallelism', 'eve', null],
      ['approve', 'ada', 'key'],
      ['reject', 'BOB@example.com', 'iap'],
    ]);
    expect(ports.rowsOf('decisions').filter(({ outcome }) => outcome === 'refused')).toHaveLength(8);
  });
});
