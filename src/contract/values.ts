import { z } from 'zod';

/** Types of values that flow between steps. `table` is `dataset.table` or `project.dataset.table`; `uri` is `gs://…` or `file:///…`. */
export const OutputType = z.enum(['string', 'int', 'float', 'bool', 'uri', 'table', 'json']);
export type OutputType = z.infer<typeof OutputType>;

export const Scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);
export type Scalar = z.infer<typeof Scalar>;

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
export const Json: z.ZodType<Json> = z.json();

/** A step or pipeline name: it becomes part of table names, paths, Job names and workflow ids. */
export const Name = z
  .string()
  .regex(/^[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*$/, 'a lower-case name: letters, digits, single - or _ between them')
  .max(48);

/** A step instance: `dataset`, `dataset.train` (forEach), `prepare.dataset.train` (component). */
export const StepId = z
  .string()
  .regex(/^[a-z0-9]+(?:[-_.][a-z0-9]+)*$/, 'lower-case letters and digits, single -, _ or . between them')
  .max(120);

export const Uri = z.string().regex(/^(?:gs:\/\/[a-z0-9][a-z0-9._-]+[a-z0-9](?:\/.*)?|file:\/\/\/.*)$/, 'gs://bucket/path or file:///path');

/**
 * A query parameter with its GoogleSQL type, e.g. `{ type: 'INT64', value: 4 }`,
 * `{ type: 'ARRAY<STRING>', value: ['a'] }`, `{ type: 'STRUCT<a INT64>', value: { a: 1 } }`.
 */
export const QueryParameter = z.strictObject({ type: z.string(), value: Json });
export type QueryParameter = z.infer<typeof QueryParameter>;
