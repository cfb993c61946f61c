/** What a seed plays of the product besides a search of days: drawn, each in about every second seed. Pure. */
import { random } from '../support/random.ts';
import type { WorldKind } from '../chaos/faults.ts';

/** What each of them adds to the run. */
const PARTS = {
  check: 'a step that holds the data to rules',
  train: 'one training beside the search',
  sampler: 'a sampler of its own, shipped with the run',
  promotion: 'the best model is evaluated, and made the champion while its worker is replaced',
  tracker: 'an MLflow that refuses some requests, and loses the answers to others',
  digests: 'a registry says which image the tag names',
} as const;
export type Part = keyof typeof PARTS;

const CHANCE = 0.5;
/** Other draws than those of the days. */
const APART = 7919;

export function partsOf(seed: number, world: WorldKind): Part[] {
  const draw = random(seed * APART);
  const drawn = (Object.keys(PARTS) as Part[]).filter((part) => draw.next() < CHANCE && (part !== 'digests' || world === 'cloud'));
  return drawn.length > 0 ? drawn : ['check'];
}

/** Of the first answers of a tracker, by number: few, as the waits of an activity's retries are real. */
export function trackerFaults(seed: number): ReadonlyMap<number, 'lost' | 'refused'> {
  const draw = random(seed * APART + 1);
  const [first, last, count] = [3, 60, 5];
  return new Map(Array.from({ length: count }, () => [draw.integer(first, last), draw.pick(['lost', 'refused'] as const)]));
}

/** Rates that the sampler of its own suggests, by trial (`test/soak/pipeline/ladder.py`). */
export const ownRate = (trial: number): number => 0.1 + 0.05 * trial;
/** Of the step `train`. */
export const TRAINED_RATE = 0.3;

const TABLE = '{steps.dataset.train.outputs.table}';
const COMMAND = ['python', '{params.trainer}'];

/** `--set` of the soak's pipeline. */
export function settingsOf(parts: readonly Part[]): string[] {
  const steps: Partial<Record<Part, readonly [path: string, value: object]>> = {
    check: [
      'steps.check',
      {
        kind: 'check',
        table: TABLE,
        rules: [
          { check: 'rows', min: 1 },
          { check: 'unique', columns: ['session'] },
          { check: 'nulls', column: 'session' },
        ],
      },
    ],
    train: [
      'steps.train',
      {
        kind: 'train',
        data: { train: '{steps.parts.train.outputs.uri}', validation: '{steps.parts.validation.outputs.uri}' },
        features: '{steps.dataset.train.outputs.features}',
        command: COMMAND,
        env: { SOAK_VALIDATE_EVERY_STEPS: '{params.validate}' },
        objective: { metric: 'accuracy', direction: 'maximize' },
        parameters: { rate: TRAINED_RATE },
        epochs: 1,
        maxCrashes: 20,
      },
    ],
    sampler: [
      'steps.search.sampler',
      { class: 'ladder:Ladder', code: 'ladder.py', options: { first: ownRate(0), step: ownRate(1) - ownRate(0) } },
    ],
    promotion: [
      'steps.evaluate',
      {
        kind: 'evaluate',
        model: '{steps.search.outputs.export}',
        table: '{steps.dataset.validation.outputs.table}',
        features: '{steps.dataset.train.outputs.features}',
        data: '{steps.parts.validation.outputs.uri}',
        k: [3],
      },
    ],
  };
  return parts.flatMap((part) => {
    const step = steps[part];
    return step === undefined ? [] : [`${step[0]}=${JSON.stringify(step[1])}`];
  });
}
