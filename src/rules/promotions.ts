/** Stages of registered models: every evaluated export is a candidate, one of a pipeline's is its champion. */
import type { LedgerRow } from '../contract/ledger.ts';

interface Promotion {
  readonly model: string;
  /** ISO 8601 */
  readonly time: string;
  readonly by: string;
  readonly why?: string;
}

/** Thrown when no model of the ledger has the name. */
export class UnknownModelError extends Error {
  constructor(model: string, known: readonly LedgerRow<'models'>[]) {
    const names = known.map((row) => String(row.model)).slice(-10);
    super(`there is no model ${model}; ${names.length > 0 ? `the newest are ${names.join(', ')}` : 'evaluate a model first'}`);
    this.name = 'UnknownModelError';
  }
}

/** Rows to append, together: the model is its pipeline's champion, and who was is a candidate again. None when it already is. */
export function promotionRows(models: readonly LedgerRow<'models'>[], { model, time, by, why }: Promotion): LedgerRow<'models'>[] {
  const chosen = models.find((row) => row.model === model);
  if (!chosen) throw new UnknownModelError(model, models);
  if (chosen.stage === 'champion') return [];
  const before = models.filter((row) => row.pipeline === chosen.pipeline && row.stage === 'champion');
  return [
    ...before.map((row) => ({ ...row, time, stage: 'candidate', promoted_by: by, why: `${model} took its place` })),
    { ...chosen, time, stage: 'champion', promoted_by: by, why: why ?? null },
  ];
}
