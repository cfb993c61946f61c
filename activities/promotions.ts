/** A model becomes the champion of its pipeline, and the ledger hears who decided it. */
import { createHash } from 'node:crypto';
import type { ReceivedDecision } from '../src/contract/decisions.ts';
import { ledgerKey } from '../src/contract/ids.ts';
import type { LedgerRow } from '../src/contract/ledger.ts';
import { PROMOTE } from '../src/contract/names.ts';
import type { Promoted, PromoteModelInput } from '../src/contract/promotion.ts';
import type { Ports } from '../src/ports/index.ts';
import { promotionRows, UnknownModelError } from '../src/rules/promotions.ts';
import { decisionRow, verdictOf } from '../src/signing/decision-row.ts';
import { signersOf, type Signers } from '../src/signing/signers.ts';
import { failure, translated } from './failures.ts';
import { withHeartbeat } from './heartbeat.ts';

/** @param signers whose signatures count now */
export const createPromotionActivities = (ports: Ports, signers: () => Signers = signersOf) =>
  translated({
    /** @throws failure('InvalidInput') where there is no such model */
    async promoteModel({ profile, run, model, payload, id, heardAt }: PromoteModelInput): Promise<Promoted> {
      return withHeartbeat(async () => {
        const warehouse = await ports.warehouse(profile);
        const [models, before] = await Promise.all([warehouse.ledger('models'), warehouse.ledger('decisions', { run })]);
        const time = new Date(heardAt).toISOString();
        const signature = signatureOf(payload);
        const heard: ReceivedDecision = {
          id: signature === null ? id : digestOf(signature),
          search: null,
          step: stepOf(models, model),
          decision: PROMOTE,
          payload: { ...payload, model },
          heardAt,
        };
        const again = before.some((row) => row.id === heard.id && row.time !== time);
        const decided = again ? { ...heard, id, again } : heard;
        const { by } = verdictOf(signers, run, decided);
        const why = typeof payload.why === 'string' ? { why: payload.why } : {};
        const key = ledgerKey('models', 'promoted', model, id);
        const rows = withNames(() => promotionRows(models, { model, time, by, ...why }));
        const promoted = rows.at(-1) ?? models.find((row) => row.model === model);
        // One append: there is never a moment with two champions, or none.
        if (rows.length > 0) await warehouse.append('models', rows, key);
        const isOurs = promoted?.time === time;
        if (promoted && isOurs) await warehouse.append('decisions', [decisionRow(promoted.pipeline, run, decided, signers)], key);
        const replaced = models.filter((row) => row.time === time && row.why === `${model} took its place`);
        return {
          model,
          stage: 'champion',
          replaced: (rows.length > 0 ? rows.slice(0, -1) : isOurs ? replaced : []).map((row) => String(row.model)),
          wasChampion: !isOurs,
        };
      });
    },
  });
export type PromotionActivities = ReturnType<typeof createPromotionActivities>;

function signatureOf({ signed }: ReceivedDecision['payload']): string | null {
  const value = (signed as { readonly value?: unknown } | null | undefined)?.value;
  return typeof value === 'string' ? value : null;
}

/** By which the ledger knows a signature that came before. */
const digestOf = (signature: string): string => createHash('sha256').update(signature).digest('hex').slice(0, 32);

function stepOf(models: readonly LedgerRow<'models'>[], model: string): string | null {
  const step = models.find((row) => row.model === model)?.step;
  return typeof step === 'string' ? step : null;
}

function withNames<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof UnknownModelError) throw failure('InvalidInput', error.message);
    throw error;
  }
}
