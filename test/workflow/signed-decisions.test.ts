import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createDecisionActivities } from '../../activities/decisions.ts';
import type { HowVerified } from '../../src/contract/decisions.ts';
import type { LedgerRow } from '../../src/contract/ledger.ts';
import type { UpdateAnswer } from '../../src/contract/search-updates.ts';
import type { RunResult, RunState } from '../../src/contract/state.ts';
import { createSigner, type Signer } from '../../src/signing/signer.ts';
import { parseSigners, type Signers } from '../../src/signing/signers.ts';
import { documentOf } from './documents.ts';
import { startHarness, until } from './environment.ts';
import type { Harness } from './environment.ts';
import { createMemoryPorts } from './memory-ports.ts';

const MINUTE = 60_000;
const key = (): KeyObject => generateKeyPairSync('ed25519').privateKey;
const line = (of: KeyObject, name: string): string =>
  `${createPublicKey(of).export({ type: 'spki', format: 'der' }).toString('base64')} ${name}`;

describe('approval steps that count only signed answers', () => {
  const ports = createMemoryPorts();
  const keys = { console: key(), ada: key(), bob: key(), eve: key() };
  const all = [line(keys.console, 'console'), line(keys.ada, 'ada'), line(keys.bob, 'Bob@Example.com # of the platform')];
  let known: Signers = parseSigners('signers', all.join('\n'));
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

  type Handle = WorkflowHandle;
  const asking = async (spec: object): Promise<{ handle: Handle; since: number }> => {
    const handle = await harness.start(documentOf([{ id: 'release', spec: { kind: 'approval', message: 'Release?', ...spec } as never }]));
    const since = await until(async () => (await handle.query<RunState>('state')).approvals[0]?.since, 'the approval');
    return { handle, since };
  };
  const update = (handle: Handle, name: string, payload: object): Promise<UpdateAnswer> => handle.executeUpdate(name, { args: [payload] });
  /** What was refused, in words; fails where it was not. */
  const refusal = async (sent: Promise<unknown>): Promise<string> => {
    const error: unknown = await sent.then(
      () => new Error('it counted'),
      (reason: unknown) => reason,
    );
    return ((error as Error).cause as Error | undefined)?.message ?? (error as Error).message;
  };
  const signed = (
    run: string,
    since: number | undefined,
    payload: Record<string, unknown>,
    {
      by = keys.console,
      how = 'iap',
      decision = 'approve',
      signer = createSigner(by),
    }: { by?: KeyObject; how?: HowVerified; decision?: string; signer?: Signer } = {},
  ): object => ({ ...payload, signed: signer({ run, search: null, decision, payload }, how, since) });
  const inTime = (): LedgerRow<'decisions'>[] => ports.rowsOf('decisions').sort((a, b) => a.time.localeCompare(b.time));
  const rows = (): unknown[][] => inTime().map(({ decision, by, how, outcome }) => [decision, by, how, outcome]);

  it('refuse what is typed, forged, of a stranger, of another run, question or decision, too old, or comes again', async () => {
    const { handle, since } = await asking({ approvers: ['ada@example.com', 'BOB@example.com'] });
    const run = handle.workflowId;
    const ada = { by: 'ada@example.com', why: 'metrics checked' };
    const forged = { ...signed(run, since, { by: 'eve@example.com' }), by: 'ada@example.com' };
    for (const [payload, words] of [
      [ada, 'no signature'],
      [{ ...ada, signed: { value: 7 } }, 'cannot be read'],
      [forged, 'not that of this decision'],
      [signed(run, since, ada, { by: keys.eve }), 'does not know the key'],
      [signed('another-run', since, ada), 'not that of this decision'],
      [signed(run, since, ada, { decision: 'reject' }), 'not that of this decision'],
      [signed(run, since - 1, ada), 'another question'],
      [signed(run, undefined, ada), 'another question'],
      [signed(run, since, ada, { signer: createSigner(keys.console, () => Date.now() - 11 * MINUTE) }), 'too old'],
      [signed(run, since, ada, { signer: createSigner(keys.console, () => Date.now() + 2 * MINUTE) }), 'a clock is wrong'],
      [signed(run, since, ada, { how: 'key' }), 'a console signs only for persons'],
      [signed(run, since, ada, { by: keys.ada }), "not a console's"],
      [signed(run, since, { by: 'eve@example.com' }), 'none of its approvers'],
    ] as const)
      expect(await refusal(update(handle, 'approve', payload))).toContain(words);
    expect((await handle.query<RunState>('state')).approvals).toHaveLength(1);

    // What was refused once for another reason is no better the second time.
    const early = signed(run, since, ada, { decision: 'reject' });
    await refusal(update(handle, 'approve', early));
    expect(await refusal(update(handle, 'reject', early))).toContain('used before');
    const other = early as { readonly signed: { readonly value: string } };
    const spelled = { ...other, signed: { ...other.signed, value: `${other.signed.value}\n` } };
    expect(await refusal(update(handle, 'reject', spelled))).toContain('cannot be read');

    expect(await update(handle, 'approve', signed(run, since, ada))).toEqual({ text: 'release was approved by ada@example.com' });
    const { steps } = (await handle.result()) as RunResult;
    expect(steps[0]?.outputs).toEqual({ approved: true, by: 'ada@example.com', why: 'metrics checked' });
    expect(rows().filter(([, , , outcome]) => outcome === 'counted')).toEqual([['approve', 'ada@example.com', 'iap', 'counted']]);
    expect(rows().filter(([, , , outcome]) => outcome === 'refused')).toHaveLength(16);
  });

  it('take two persons to say yes with four eyes, known by their keys, and one to say no', async () => {
    const { handle, since } = await asking({ fourEyes: true });
    const run = handle.workflowId;
    // Whatever name a person types: the key says who it is.
    const ada = signed(run, since, { by: 'somebody', step: 'release' }, { by: keys.ada, how: 'key' });
    expect(await update(handle, 'approve', ada)).toEqual({ text: 'ada has approved release; a second person must, too' });
    expect((await handle.query<RunState>('state')).approvals[0]?.approvedBy).toEqual(['ada']);
    const again = signed(run, since, { by: 'other' }, { by: keys.ada, how: 'key' });
    expect(await refusal(update(handle, 'approve', again))).toContain('ada has approved already');
    expect(await refusal(update(handle, 'approve', signed(run, since, { by: 'ADA' })))).toContain('approved already');
    await update(handle, 'approve', signed(run, since, {}, { by: keys.bob, how: 'key' }));
    expect(((await handle.result()) as RunResult).steps[0]?.outputs.by).toBe('ada and Bob@Example.com');

    const other = await asking({ fourEyes: true });
    const no = signed(other.handle.workflowId, other.since, { why: 'too early' }, { by: keys.bob, how: 'key', decision: 'reject' });
    await update(other.handle, 'reject', no);
    expect(await refusal(other.handle.result())).toContain('rejected by Bob@Example.com: too early');
  });

  it('count no key any more that was taken out of the file', async () => {
    const { handle, since } = await asking({ approvers: ['ada'] });
    const answer = (): object => signed(handle.workflowId, since, {}, { by: keys.ada, how: 'key' });
    const before = known;
    known = parseSigners('signers', all[0] ?? '');
    expect(await refusal(update(handle, 'approve', answer()))).toContain('does not know the key');
    known = before;
    await update(handle, 'approve', answer());
    await handle.result();
  });

  it('and all other decisions count as before, whoever sends them, and say in the ledger whether it is proved who', async () => {
    const { handle, since } = await asking({});
    const run = handle.workflowId;
    await update(handle, 'pause', { by: 'ada', why: 'the data is late' });
    await update(handle, 'resume', signed(run, undefined, { by: 'ada@example.com' }, { decision: 'resume' }));
    await update(handle, 'approve', { ...signed(run, since, { by: 'eve' }), by: 'ada' });
    await handle.result();
    expect(rows()).toEqual([
      ['pause', 'ada', null, 'counted'],
      ['resume', 'ada@example.com', 'iap', 'counted'],
      ['approve', 'ada', null, 'counted'],
    ]);
    expect(inTime().map(({ step, why, reason }) => [step, why, reason])).toEqual([
      [null, 'the data is late', null],
      [null, null, null],
      ['release', null, 'its signature is not that of this decision'],
    ]);
  });
});
