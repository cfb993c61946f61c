/** Nights without workers, as a workflow sees them: it goes on late. */
import { patched } from '@temporalio/workflow';
import { WAITS } from '../src/rules/durations.ts';

/** How much longer a wait lasted than it was to, as no worker was there to end it. @param plannedMs from `begun` on */
export function absenceMs(begun: number, plannedMs: number): number {
  const late = Date.now() - begun - plannedMs;
  return late > WAITS.workersAwayMs && patched('patience-without-workers') ? late : 0;
}
