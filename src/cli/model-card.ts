/** What audits found of a model's training goes into its folder: the files in the store stay as the trainer wrote them, for they have an identity. */
import { appendFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LedgerRow } from '../contract/ledger.ts';
import { auditsShown } from '../present/audits.ts';

/** @returns how many there are */
export async function addCertificates(
  audits: readonly LedgerRow<'audits'>[],
  { step, trial }: Pick<LedgerRow<'models'>, 'step' | 'trial'>,
  folder: string,
): Promise<number> {
  // A model is registered by its evaluation, under that step.
  const rows = audits.filter((row) => row.trial === trial && (row.step === step || audits.every((other) => other.step === row.step)));
  if (rows.length === 0) return 0;
  await writeFile(join(folder, 'AUDIT.json'), `${JSON.stringify(rows, null, 2)}\n`);
  const card = join(folder, 'MODEL_CARD.md');
  const isThere = await stat(card).then(
    () => true,
    () => false,
  );
  if (isThere) await appendFile(card, cardText(rows));
  return rows.length;
}

function cardText(rows: readonly LedgerRow<'audits'>[]): string {
  const lines = auditsShown(rows).map(
    (one) => `- ${one.what}, ${one.where}: **${one.result}**${one.difference && `, ${one.difference}`}; ${one.detail}`,
  );
  return `\n## Audits: parts of its training that were repeated\n\n${lines.join('\n')}\n`;
}
