/** How a search kept what was promised of it. Pure but for the state that it reads. */
import type { SearchRun } from './state.ts';

/** What a person is told at the end. */
export function promiseKept(run: SearchRun): { readonly leftOut: number; readonly ended: string | null } | null {
  const { memory, input } = run;
  if (input.spec.promise === undefined) return null;
  const reason = memory.finishing?.reason ?? null;
  return {
    leftOut: Math.max(0, memory.plannedTrials - memory.records.length),
    ended: reason?.startsWith('it was promised') === true ? reason : null,
  };
}
