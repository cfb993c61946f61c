/** The steps of a run that have trials. */
import type { RunDocument } from '../contract/run-document.ts';
import type { SearchSpec } from '../contract/steps.ts';
import { UsageError } from './exit.ts';

/**
 * @param step only this one
 * @throws {UsageError} where it is none
 */
export function searchesOf(
  { document }: { readonly document: RunDocument },
  step: string | undefined,
): { readonly id: string; readonly spec: SearchSpec }[] {
  const all = [...document.steps, ...document.onExit].flatMap(({ id, spec }) => (spec.kind === 'search' ? [{ id, spec }] : []));
  const found = all.filter(({ id }) => step === undefined || id === step);
  if (step !== undefined && found.length === 0)
    throw new UsageError(`step "${step}" is no search; searches: ${all.map(({ id }) => id).join(', ') || 'none'}`);
  return found;
}
