import { z } from 'zod';
import { Scalar } from './values.ts';

/** One feature: what the trainer reads, how it enters the model, what stands in for a missing value. */
export const Feature = z.strictObject({
  name: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'letters (a to z), digits and _, no digit first'),
  /** numeric: normalised with `mean` and `stddev`; categorical: hashed into `buckets`, then embedded. */
  type: z.enum(['numeric', 'categorical']),
  default: Scalar,
  description: z.string().optional(),
  /** Where the value comes from, in words or as `dataset.table.column`. */
  source: z.string().optional(),
  /** Categorical only: number of hash buckets. */
  buckets: z.int().min(2).max(10_000_000).optional(),
  /** Of the training set, computed once in the warehouse. */
  mean: z.number().optional(),
  stddev: z.number().optional(),
});
export type Feature = z.infer<typeof Feature>;

/**
 * How sessions lie in the rows of a data set.
 * nested: one row a session; `candidates` is an ARRAY<STRUCT<item, label, features…>>.
 * flat: one row a candidate; rows of one session are adjacent and never cross a part.
 */
export const Layout = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('nested'), candidates: z.string(), session: z.string(), item: z.string(), label: z.string() }),
  z.strictObject({ kind: z.literal('flat'), session: z.string(), item: z.string(), label: z.string() }),
]);
export type Layout = z.infer<typeof Layout>;

/** The feature table of a data set; written to the ledger's `features` and as `features.json` beside the data. */
export const FeatureTable = z.strictObject({
  layout: Layout,
  features: z.array(Feature).min(1),
  /** Columns (of the session or candidate) to carry into scores so that metrics can be cut by them. */
  segments: z.array(z.string()).default([]),
});
export type FeatureTable = z.infer<typeof FeatureTable>;
