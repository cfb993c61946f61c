import { z } from 'zod';

/** Of a search, or of all of a profile. */
export const AuditPolicy = z.strictObject({
  /** Samples that may be trained again, of those that were trained; 0: nothing is kept for it. */
  share: z.number().min(0).max(1).default(0.02),
});
export type AuditPolicy = z.infer<typeof AuditPolicy>;
export const DEFAULT_AUDIT: AuditPolicy = { share: 0.02 };
/** Of a search where nobody wrote `audit`: a checkpoint of each trial as long as all of them are no more. */
export const UNASKED_AUDIT_BYTES = 1_000_000_000;

/** What trial number `trial` (from 0) of a search may keep; undefined: as much as it is. */
export const auditBytesOf = (trial: number, isWritten: boolean): number | undefined =>
  isWritten ? undefined : Math.floor(UNASKED_AUDIT_BYTES / (trial + 1));
