import { z } from 'zod';

/** Of a search, or of all of a profile. */
export const AuditPolicy = z.strictObject({
  /** Samples that may be trained again, of those that were trained; 0: nothing is kept for it. */
  share: z.number().min(0).max(1).default(0.02),
});
export type AuditPolicy = z.infer<typeof AuditPolicy>;
export const DEFAULT_AUDIT: AuditPolicy = { share: 0.02 };
