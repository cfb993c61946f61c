/** Secrets of trainers: a document says where they are, and nothing of ours ever holds one. */
import { z } from 'zod';

export const SecretReference = z.strictObject({
  /** The variable in which the program finds it. */
  name: z
    .string()
    .regex(/^(?!LONGHAUL_)[A-Za-z_][A-Za-z0-9_]*$/, "a variable's name: letters, digits and _, and not one that begins with LONGHAUL_"),
  from: z
    .string()
    .regex(
      /^(?:kubernetes:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?\/[A-Za-z0-9._-]+|env:[A-Za-z_][A-Za-z0-9_]*)$/,
      'kubernetes:SECRET/KEY of the namespace of the Jobs, or env:NAME of the training worker',
    )
    .describe('kubernetes:SECRET/KEY of the namespace of the Jobs, or env:NAME of the training worker, whose Jobs are processes'),
});
export type SecretReference = z.infer<typeof SecretReference>;

/** What a step of Jobs may say. */
export const SECRETS = {
  secrets: z
    .array(SecretReference)
    .min(1)
    .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, 'one secret a variable')
    .optional(),
};

/** Where a reference leads. */
export function sourceOf({ from }: SecretReference): { readonly secret: string; readonly key: string } | { readonly variable: string } {
  const [, scheme = '', rest = ''] = /^([a-z]+):(.*)$/.exec(from) ?? [];
  if (scheme === 'env') return { variable: rest };
  const [secret = '', key = ''] = rest.split('/');
  return { secret, key };
}
