import { z } from 'zod';

const Sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'a SHA-256 in hexadecimal digits');

/** One's own program, packed when the pipeline was compiled: an archive in the store of the profile, at `codeUri`. */
export const Code = z.strictObject({
  sha256: Sha256,
  bytes: z.int().nonnegative(),
  files: z.int().positive(),
  /** The folder or file as the project names it, for messages. */
  from: z.string(),
});
export type Code = z.infer<typeof Code>;

/** The text of a pip file, kept beside the archive. */
export const Requirements = z.strictObject({ sha256: Sha256, from: z.string() });
export type Requirements = z.infer<typeof Requirements>;

/** What a step may say of a program of its own. */
export const SHIPPED = {
  code: Code.optional(),
  requirements: Requirements.optional(),
  /** An interpreter of the machine or image, for shipped code; absent: `python3` of the image, Longhaul's own on a laptop. */
  python: z.string().min(1).optional(),
};
export type Shipped = { readonly [K in keyof typeof SHIPPED]?: z.infer<(typeof SHIPPED)[K]> };

/** @example codeUri('gs://bucket/prefix', code) // gs://bucket/prefix/code/9f2c… */
export const codeUri = (root: string, { sha256 }: { readonly sha256: string }): string => `${root}/code/${sha256}`;

/** All that steps need in the store, once each. */
export function shippedBy(
  steps: readonly { readonly id: string; readonly spec: object }[],
): { readonly id: string; readonly sha256: string; readonly from: string }[] {
  const found = steps.flatMap(({ id, spec }) => {
    const { sampler, ...own } = spec as Shipped & { readonly sampler?: Shipped };
    return [own, sampler ?? {}].flatMap(({ code, requirements }) =>
      // A script's requirements are lines of its spec.
      code ? [code, ...(requirements ? [requirements] : [])].map(({ sha256, from }) => ({ id, sha256, from })) : [],
    );
  });
  return [...new Map(found.map((one) => [one.sha256, one])).values()];
}
