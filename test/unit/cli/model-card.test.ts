import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { addCertificates } from '../../../src/cli/model-card.ts';
import type { LedgerRow } from '../../../src/contract/ledger.ts';
import { auditsShown } from '../../../src/present/audits.ts';

const rowOf = (trial: number, more: Partial<LedgerRow<'audits'>> = {}): LedgerRow<'audits'> => ({
  pipeline: 'p',
  run: 'r',
  time: '2026-11-29T00:00:00Z',
  audit: 'audit-1',
  step: 'search',
  trial,
  from_step: 100,
  to_step: 104,
  samples: 40,
  pool: 'spot',
  node: 'n1',
  repeated_pool: 'other',
  repeated_node: 'n2',
  verdict: 'equal',
  first_step: null,
  first_tensor: null,
  detail: 'all bits are equal',
  ...more,
});

it('puts what audits found of the model’s trial beside it, and into its card', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'longhaul-card-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const model = { step: 'evaluate', trial: 3 };
  expect(await addCertificates([rowOf(2)], model, folder)).toBe(0);
  await writeFile(join(folder, 'MODEL_CARD.md'), '# Model\n');
  const different = rowOf(3, {
    audit: 'audit-2',
    verdict: 'machine',
    first_step: 102,
    first_tensor: 'model/w',
    detail: 'another processor',
  });
  expect(await addCertificates([rowOf(2), rowOf(3), different], model, folder)).toBe(2);
  expect(JSON.parse(await readFile(join(folder, 'AUDIT.json'), 'utf8'))).toEqual([rowOf(3), different]);
  expect(await readFile(join(folder, 'MODEL_CARD.md'), 'utf8')).toBe(
    '# Model\n\n## Audits: parts of its training that were repeated\n\n' +
      '- trial 3 of search, training steps 100 to 104, spot (n1), again in other (n2): **machine**, step 102, model/w; another processor\n' +
      '- trial 3 of search, training steps 100 to 104, spot (n1), again in other (n2): **equal**; all bits are equal\n',
  );
});

it('shows what differs first', () => {
  const results = auditsShown([rowOf(0), rowOf(5, { verdict: 'once', first_step: 7, first_tensor: 'w' }), rowOf(1)]);
  expect(results.map(({ what, result }) => [what.slice(0, 7), result])).toEqual([
    ['trial 5', 'once'],
    ['trial 0', 'equal'],
    ['trial 1', 'equal'],
  ]);
});
