/** What searches keep for audits: one checkpoint a trial, of a size that earlier trials tell. */
import { auditBytesOf, DEFAULT_AUDIT, UNASKED_AUDIT_BYTES } from '../contract/audit-policy.ts';
import type { LedgerRow } from '../contract/ledger.ts';
import type { RunDocument } from '../contract/run-document.ts';
import { Latest } from '../contract/trial.ts';
import type { ObjectStore } from '../ports/index.ts';
import { bytes } from '../present/format.ts';

interface KeptForAudits {
  readonly step: string;
  readonly share: number;
  /** Of the trials that may keep one. */
  readonly checkpoints: number;
  /** null: no earlier trial tells how large one is. */
  readonly bytes: number | null;
  /** In all, where nobody wrote `audit`; null: however many. */
  readonly maxBytes: number | null;
  readonly trials: number;
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
    const written = spec.audit ?? document.profile.audit;
    const { share } = written ?? DEFAULT_AUDIT;
    return share > 0 ? [{ id, share, trials: spec.trials, isWritten: written !== undefined }] : [];
  });
  return Promise.all(
    searches.map(async ({ id, share, trials, isWritten }) => {
      const before = rows.filter((row) => row.step === id && typeof row.output === 'string').sort((a, b) => b.time.localeCompare(a.time));
      const sizes = await Promise.all(before.slice(0, MAX_LOOKED_AT).map((row) => sizeOf(store, String(row.output))));
      const known = sizes.filter((size) => size !== null);
      const size = known.length === 0 ? null : Math.max(...known);
      const mayKeep = (trial: number): boolean => size === null || size <= (auditBytesOf(trial, isWritten) ?? Number.POSITIVE_INFINITY);
      const checkpoints = Array.from({ length: trials }, (_, trial) => trial).filter(mayKeep).length;
      return { step: id, share, trials, checkpoints, bytes: size && checkpoints * size, maxBytes: isWritten ? null : UNASKED_AUDIT_BYTES };
    }),
  );
}

/** Of a trial's newest checkpoint. */
async function sizeOf(store: ObjectStore, output: string): Promise<number | null> {
  const object = await store.read(`${output}/checkpoints/LATEST`);
  const latest = object && Latest.safeParse(JSON.parse(new TextDecoder().decode(object.data)));
  return latest?.success ? Object.values(latest.data.files).reduce((sum, file) => sum + file.bytes, 0) : null;
}

export function renderKept({ step, share, trials, checkpoints, bytes: size, maxBytes }: KeptForAudits): string {
  const unasked = maxBytes === null ? '' : `, at most ${bytes(maxBytes)} unless audit: { share: ${share} } is written`;
  if (checkpoints === 0) return `${step} keeps no checkpoint for audits: a trial's is larger than what is kept unasked${unasked}`;
  const how = size === null ? 'how large one is no earlier trial tells' : `about ${bytes(size)} in all`;
  const each = checkpoints < trials ? `of the first ${checkpoints} of ${trials} trials` : 'one a trial';
  const what = checkpoints === 1 && trials === 1 ? 'one checkpoint more' : `${checkpoints} checkpoints more, ${each}`;
  return `${step} keeps ${what}, for audits of ${Number((100 * share).toPrecision(3))} % of it: ${how}${unasked} (audit: { share: 0 } keeps none)`;
}
