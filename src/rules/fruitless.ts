/** Attempts that train nothing, whatever ended them: each waits longer than the one before, and they have an end. Pure. */
import type { AttemptVerdict } from '../contract/jobs.ts';
import type { Placement } from '../contract/profile.ts';
import { lastedText } from './clusters.ts';
import { WAITS } from './durations.ts';

/** A spot market is busy for a moment: so many come at once. */
const FRUITLESS_WITHOUT_PAUSE = 3;
/** With their pauses: more than half a day. */
const MAX_FRUITLESS_ATTEMPTS = 100;
const MS_PER_HOUR = 3_600_000;

/** Pause before the next attempt, after so many in a row that trained nothing. */
export function fruitlessPauseSeconds(fruitless: number): number {
  const repeats = fruitless - FRUITLESS_WITHOUT_PAUSE;
  return repeats <= 0 ? 0 : Math.min(WAITS.fruitlessPauseLongestSeconds, WAITS.fruitlessPauseFirstSeconds * 2 ** (repeats - 1));
}

/** Why it is to end now, in words; null: it may go on. */
export function fruitlessEnd(
  counted: { readonly fruitless: number; readonly withoutCapacitySince?: number | null },
  verdict: AttemptVerdict,
  {
    maxFruitlessAttempts = MAX_FRUITLESS_ATTEMPTS,
    maxHoursWithoutCapacity,
  }: Pick<Placement, 'maxFruitlessAttempts' | 'maxHoursWithoutCapacity'>,
  now: number,
): string | null {
  if (verdict === 'succeeded' || verdict === 'stopped') return null;
  if (counted.fruitless >= maxFruitlessAttempts)
    return `${counted.fruitless} attempts in a row trained nothing (placement.maxFruitlessAttempts)`;
  const since = counted.withoutCapacitySince ?? null;
  if (since === null || maxHoursWithoutCapacity === undefined || now - since < maxHoursWithoutCapacity * MS_PER_HOUR) return null;
  return `no pool had a machine for ${maxHoursWithoutCapacity} hours (placement.maxWithoutCapacity)`;
}

/** A registry that gives no image: since when (ms since 1970, see `withoutAbsence`), and of how many attempts. */
export interface RegistryWait {
  readonly since: number;
  readonly attempts: number;
}

/** Waits that have an end: since when, in ms since 1970. */
interface Waits {
  readonly withoutCapacitySince?: number | null;
  readonly registry?: RegistryWait | null;
}

/** Time in which nobody asked, as no worker was there, is no waiting: a night of it would end what has asked once. */
export const withoutAbsence = ({ withoutCapacitySince, registry }: Waits, absentMs: number): Waits => ({
  ...(withoutCapacitySince ? { withoutCapacitySince: withoutCapacitySince + absentMs } : {}),
  ...(registry ? { registry: { ...registry, since: registry.since + absentMs } } : {}),
});

export const afterRegistryWait = (before: RegistryWait | null | undefined, now: number): RegistryWait => ({
  since: before?.since ?? now,
  attempts: (before?.attempts ?? 0) + 1,
});

/** Pause before the next attempt: its machine is given back meanwhile. */
export const registryPauseSeconds = ({ attempts }: RegistryWait): number =>
  Math.min(WAITS.registryPauseLongestSeconds, WAITS.registryPauseFirstSeconds * 2 ** (attempts - 1));

/** Why it is to end now, in words; null: it may go on. */
export const registryEnd = ({ since }: RegistryWait, now: number): string | null =>
  now - since < WAITS.registryTroubleSeconds * 1000 ? null : `the registry has given no image for ${lastedText(now - since)}`;
