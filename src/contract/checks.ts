import { z } from 'zod';
import { Template } from './template.ts';

const Column = z.string().min(1);
export const RULE_FIELDS = {
  /** Told in messages and the ledger; made of the rule where absent. */
  name: z.string().min(1).optional(),
  /** `fail` ends the step, `warn` is noted. */
  onFail: z.enum(['fail', 'warn']).default('fail'),
};
const between = { min: z.number().optional(), max: z.number().optional() };
const limited = (rule: { readonly min?: number | undefined; readonly max?: number | undefined }): boolean =>
  rule.min !== undefined || rule.max !== undefined;
const LIMITS = 'expected min, max or both';

/** What is expected of a table before money is spent on it. Shares are between 0 and 1. */
export const PLAIN_RULES = [
  z
    .strictObject({ check: z.literal('rows'), ...RULE_FIELDS, ...between, change: z.number().positive().optional() })
    .refine((rule) => limited(rule) || rule.change !== undefined, {
      error: 'expected min, max or change (the share by which the number may differ from the last run)',
    }),
  z.strictObject({ check: z.literal('nulls'), ...RULE_FIELDS, column: Column, max: z.number().min(0).max(1).default(0) }),
  z.strictObject({
    check: z.literal('defaults'),
    ...RULE_FIELDS,
    column: Column,
    value: z.union([z.string(), z.number(), z.boolean()]),
    max: z.number().min(0).max(1),
  }),
  z.strictObject({ check: z.literal('range'), ...RULE_FIELDS, column: Column, ...between }).refine(limited, { error: LIMITS }),
  z.strictObject({ check: z.literal('cardinality'), ...RULE_FIELDS, column: Column, ...between }).refine(limited, { error: LIMITS }),
  z.strictObject({ check: z.literal('unique'), ...RULE_FIELDS, columns: z.array(Column).min(1) }),
  z.strictObject({ check: z.literal('freshness'), ...RULE_FIELDS, column: Column, maxHours: z.number().positive() }),
  z.strictObject({ check: z.literal('overlap'), ...RULE_FIELDS, column: Column, with: Template, max: z.number().min(0).max(1).default(0) }),
  z.strictObject({ check: z.literal('drift'), ...RULE_FIELDS, column: Column, max: z.number().positive().default(0.2) }),
  z.strictObject({ check: z.literal('labels'), ...RULE_FIELDS, column: Column, ...between }).refine(limited, { error: LIMITS }),
] as const;

/** A statement over `{table}` that returns the bad rows. */
const SqlRule = z.strictObject({
  check: z.literal('sql'),
  ...RULE_FIELDS,
  file: z.string(),
  sql: z.string(),
  max: z.int().nonnegative().default(0),
});

export const CheckRule = z.discriminatedUnion('check', [...PLAIN_RULES, SqlRule]);
export type CheckRule = z.infer<typeof CheckRule>;

export const CheckSpec = z.strictObject({
  kind: z.literal('check'),
  table: Template,
  rules: z.array(CheckRule).min(1),
});
export type CheckSpec = z.infer<typeof CheckSpec>;

/** In words, for messages and the ledger: `nulls of price`. */
export function ruleName(rule: CheckRule): string {
  if (rule.name !== undefined) return rule.name;
  if (rule.check === 'rows') return 'rows';
  if (rule.check === 'sql') return rule.file;
  if (rule.check === 'unique') return `unique ${rule.columns.join(', ')}`;
  if (rule.check === 'overlap') return `overlap of ${rule.column} with ${rule.with}`;
  return `${rule.check} of ${rule.column}`;
}
