/** How long a day of a soak lasts, and what follows from it for the pipeline and the profile. */
import type { Profile } from '../../src/contract/profile.ts';

export interface Scale {
  /** Days of training that are played. */
  readonly days: number;
  /** Real seconds of a played hour. */
  readonly hourSeconds: number;
  /** Of the run document: the product's waits are so many times shorter. */
  readonly factor: number;
}

/** A day in a minute: five days, their disturbances and a weekend stay below ten minutes. */
const FACTOR = 1440;
const SECONDS_PER_HOUR = 3600;
export const HOURS_PER_DAY = 24;
/** A weekend's pause comes on top. */
export const WEEKEND_HOURS = 48;

export const compressed = (days: number): Scale => ({ days, hourSeconds: SECONDS_PER_HOUR / FACTOR, factor: FACTOR });

/** The same days laid out over `hours` of real time, with the product's own waits as they are. */
export const real = (days: number, hours: number): Scale => ({
  days,
  hourSeconds: (hours * SECONDS_PER_HOUR) / (days * HOURS_PER_DAY + WEEKEND_HOURS),
  factor: 1,
});

export const secondsOf = (scale: Scale, hours: number): number => hours * scale.hourSeconds;
export const msOf = (scale: Scale, hours: number): number => Math.round(secondsOf(scale, hours) * 1000);

const EPOCHS = 2;
const PARTS = 1000;
const VALIDATIONS = 4;
const VALIDATION_HOURS = 1 / 3;
const EXPORT_HOURS = 1;
/** Of the days that a trial is to take: the rest is what disturbs it. */
const TRAINED_SHARE = 0.75;
const CHECKPOINT_HOURS = 0.5;
/** No checkpoint is written more often, however short the half hour. */
const SHORTEST_CHECKPOINT_SECONDS = 0.5;
/** Starts are not compressed: a trainer that begins on a busy machine is not one that hangs. */
const SHORTEST_SILENCE_SECONDS = 30;
const SILENCE_HOURS = 4;

/** `--set` of the pipeline; training without any waiting makes the same models. */
export function settings(scale: Scale, isUndisturbed: boolean): string[] {
  const parts = Math.round((PARTS * Math.min(scale.days, 5)) / 5);
  const steps = parts * EPOCHS;
  const hours = scale.days * HOURS_PER_DAY * TRAINED_SHARE - VALIDATIONS * (VALIDATION_HOURS + EXPORT_HOURS);
  const longest = Math.max(SHORTEST_CHECKPOINT_SECONDS, secondsOf(scale, CHECKPOINT_HOURS));
  const values = {
    last: parts * 3 - 1,
    validate: Math.ceil(steps / VALIDATIONS),
    shortest: Math.min(longest, SHORTEST_CHECKPOINT_SECONDS),
    longest,
    ...(isUndisturbed
      ? {}
      : {
          step: (secondsOf(scale, Math.max(hours, 1)) / steps).toFixed(4),
          validation: secondsOf(scale, VALIDATION_HOURS).toFixed(3),
          export: secondsOf(scale, EXPORT_HOURS).toFixed(3),
        }),
  };
  return Object.entries(values).map(([name, value]) => `params.${name}=${value}`);
}

/** What a document says itself is not divided by the factor. */
export const profileOf = (scale: Scale, profile: Profile): Profile => ({
  ...profile,
  silenceSeconds: Math.ceil(Math.max(SHORTEST_SILENCE_SECONDS, secondsOf(scale, SILENCE_HOURS))),
});
