import { describe, expect, it } from 'vitest';
import { keptForAudits, renderKept } from '../../../src/cli/audit-bytes.ts';
import type { LedgerRow } from '../../../src/contract/ledger.ts';
import { documentOf } from '../../workflow/documents.ts';
import { createMemoryPorts } from '../../workflow/memory-ports.ts';
import { profileOf, specOf } from '../../workflow/search-harness.ts';

const OUTPUT = 'file:///s/search/trial-0';
const MB = 1_000_000;

describe('what plan says of checkpoints for audits', () => {
  const said = async (checkpointBytes: number | null, audit: object = {}): Promise<string> => {
    const store = await createMemoryPorts().store(profileOf());
    const files = { state: { bytes: checkpointBytes ?? 0, sha256: 'x' } };
    const latest = { checkpoint: 'c', attempt: 1, step: 1, samples: 1, files, reason: 'end' };
    if (checkpointBytes !== null) await store.write(`${OUTPUT}/checkpoints/LATEST`, JSON.stringify(latest));
    const rows = [{ step: 'search', time: '2026-11-01T00:00:00Z', output: OUTPUT }] as unknown as LedgerRow<'trials'>[];
    const document = { ...documentOf([{ id: 'search', spec: specOf({ trials: 30, ...audit }) }]), profile: profileOf() };
    const [kept, ...others] = await keptForAudits(document, ['search'], rows, store);
    expect(others).toEqual([]);
    return kept === undefined ? '' : renderKept(kept);
  };

  it('is as many as a gigabyte holds where nobody wrote how much, and that it is so', async () => {
    expect(await said(10 * MB)).toBe(
      'search keeps 30 checkpoints more, one a trial, for audits of 2 % of it: about 300 MB in all, at most 1.00 GB unless audit: { share: 0.02 } is written (audit: { share: 0 } keeps none)',
    );
    expect(await said(200 * MB)).toContain(
      'keeps 5 checkpoints more, of the first 5 of 30 trials, for audits of 2 % of it: about 1.00 GB in all',
    );
    expect(await said(2000 * MB)).toMatch(/^search keeps no checkpoint for audits: .* unless audit: \{ share: 0.02 \} is written$/);
    expect(await said(null)).toContain('how large one is no earlier trial tells, at most 1.00 GB unless');
  });

  it('is one of each trial, however large, where it is written', async () => {
    expect(await said(200 * MB, { audit: { share: 0.1 } })).toBe(
      'search keeps 30 checkpoints more, one a trial, for audits of 10 % of it: about 6.00 GB in all (audit: { share: 0 } keeps none)',
    );
    expect(await said(200 * MB, { audit: { share: 0 } })).toBe('');
  });
});
