/** What searches keep for audits: one checkpoint a trial, of a size that earlier trials tell. */
import { DEFAULT_AUDIT } from '../contract/audit-policy.ts';
import type { LedgerRow } from '../contract/ledger.ts';
import type { RunDocument } from '../contract/run-document.ts';
import { Latest } from '../contract/trial.ts';
import type { ObjectStore } from '../ports/index.ts';
import { bytes } from '../present/format.ts';

interface KeptForAudits {
  readonly step: string;
  readonly share: number;
  readonly checkpoints: number;
  /** null: no earlier trial tells how large one is. */
  readonly bytes: number | null;
}

/** Trials of the newest runs that are looked at. */
const MAX_LOOKED_AT = 5;

/**
 * @param steps the searches that would run
 * @param rows of earlier trials of the pipeline
 */
export async function keptForAudits(
  document: RunDocument,
  steps: readonly string[],
  rows: readonly LedgerRow<'trials'>[],
  store: ObjectStore,
): Promise<KeptForAudits[]> {
  const searches = document.steps.flatMap(({ id, spec }) => {
    if (spec.kind !== 'search' || !steps.includes(id) || (spec.resources.nodes ?? 1) > 1) return [];
    const { share } = spec.audit ?? document.profile.audit ?? DEFAULT_AUDIT;
    return share > 0 ? [{ id, share, trials: spec.trials }] : [];
  });
  return Promise.all(
    searches.map(async ({ id, share, trials }) => {
      const before = rows.filter((row) => row.step === id && typeof row.output === 'string').sort((a, b) => b.time.localeCompare(a.time));
      const sizes = await Promise.all(before.slice(0, MAX_LOOKED_AT).map((row) => sizeOf(store, String(row.output))));
      const known = sizes.filter((size) => size !== null);
      return { step: id, share, checkpoints: trials, bytes: known.length === 0 ? null : trials * Math.max(...known) };
    }),
  );
}

/** Of a trial's newest checkpoint. */
async function sizeOf(store: ObjectStore, output: string): Promise<number | null> {
  const object = await store.read(`${output}/checkpoints/LATEST`);
  const latest = object && Latest.safeParse(JSON.parse(new TextDecoder().decode(object.data)));
  return latest?.success ? Object.values(latest.data.files).reduce((sum, file) => sum + file.bytes, 0) : null;
}

export function renderKept({ step, share, checkpoints, bytes: size }: KeptForAudits): string {
  const how = size === null ? 'how large one is no earlier trial tells' : `about ${bytes(size)} in all`;
  const what = checkpoints === 1 ? 'one checkpoint more' : `${checkpoints} checkpoints more, one a trial`;
  return `${step} keeps ${what}, for audits of ${Number((100 * share).toPrecision(3))} % of it: ${how} (audit: { share: 0 } keeps none)`;
}
