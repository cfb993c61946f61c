import { z } from 'zod';
import { Profile } from './profile.ts';
import { Step } from './steps.ts';
import { Budget } from './search-space.ts';
import { Json, Name } from './values.ts';

export const RUN_DOCUMENT_VERSION = 1;

/** What the compiler makes and `trainingPipeline` takes: plain JSON, everything resolved. The run's name is the workflow id. */
export const RunDocument = z.strictObject({
  schemaVersion: z.literal(RUN_DOCUMENT_VERSION),
  pipeline: Name,
  description: z.string().default(''),
  params: z.record(z.string(), Json).default({}),
  profileName: z.string(),
  profile: Profile,
  /** Steps in an order in which each comes after what it depends on. */
  steps: z.array(Step).max(1000),
  onExit: z.array(Step).max(100).default([]),
  budget: Budget.prefault({}),
  /** Of a soak: the product's waits are so many times shorter. Only workers that were started for it accept one; 1 when left out. */
  factor: z.number().min(1).max(100_000).optional(),
  source: z.strictObject({ file: z.string(), commit: z.string().nullable(), dirty: z.boolean() }),
  /** SHA-256 over the canonical JSON of the rest, without `source`. */
  hash: z.string(),
});
export type RunDocument = z.infer<typeof RunDocument>;
