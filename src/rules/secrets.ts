/** Which secrets a step can have where it runs, and what is left of them in a text. Pure. */
import type { Compute } from '../contract/profile.ts';
import { sourceOf, type SecretReference } from '../contract/secrets.ts';
import type { StepSpec } from '../contract/steps.ts';

const HIDDEN = '***';

export const secretsOf = (spec: StepSpec): readonly SecretReference[] => ('secrets' in spec ? (spec.secrets ?? []) : []);

/** In words, with what was expected; null: the Jobs can have it. */
export function secretProblem(
  reference: SecretReference,
  kind: Compute['kind'],
): { readonly expected: string; readonly found: string } | null {
  const isVariable = 'variable' in sourceOf(reference);
  if (isVariable === (kind === 'process')) return null;
  const expected =
    kind === 'process' ? 'env:NAME, a variable of the worker: Jobs are processes here' : 'kubernetes:SECRET/KEY: Jobs are pods here';
  return { expected, found: reference.from };
}

/** Hides each value, and each line of one that has several. @example redactor(['hf_x'])('token hf_x') // token *** */
export function redactor(values: readonly string[]): (text: string) => string {
  const parts = [...new Set(values.flatMap((value) => [value, ...value.split('\n')]).map((part) => part.trim()))].filter(Boolean);
  // The longest first: one may be the beginning of another.
  parts.sort((a, b) => b.length - a.length);
  return (text) => parts.reduce((shown, part) => shown.replaceAll(part, HIDDEN), text);
}
