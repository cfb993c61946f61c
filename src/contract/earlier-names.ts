/**
 * Names of fields that people write, and that were called otherwise before 0.2. The old ones are read, said to be old, and rewritten by
 * `longhaul migrate`. They are the names of the run document, which workers and histories of then go on reading.
 */
import { numberIn, withUnit, type Unit } from './units.ts';

export interface Rename {
  readonly old: string;
  readonly now: string;
  /** The old name says in what its number counts; the new one has a value with a unit. */
  readonly unit?: Unit;
}

/** Names at a place in a file; a list at that place has them in each item. */
export interface Renames {
  readonly at: readonly string[];
  readonly renames: readonly Rename[];
}

const RESOURCES: Renames = {
  at: ['resources'],
  renames: [
    { old: 'memoryMb', now: 'memory', unit: 'Mi' },
    { old: 'ephemeralMb', now: 'ephemeralStorage', unit: 'Mi' },
  ],
};
const scorer = (...at: string[]): Renames => ({ at: [...at, 'scorer', 'resources'], renames: RESOURCES.renames });
const BUDGET: Renames = { at: ['budget'], renames: [{ old: 'hours', now: 'time', unit: 'h' }] };
const OBJECTIVE: readonly Rename[] = [{ old: 'goal', now: 'direction' }];

/** Of each rule of `pruner`. */
const PRUNER: readonly Rename[] = [
  { old: 'reductionFactor', now: 'reduction_factor' },
  { old: 'seconds', now: 'time', unit: 's' },
];

const SEARCH: readonly Renames[] = [
  {
    at: [],
    renames: [
      { old: 'trials', now: 'n_trials' },
      { old: 'stopping', now: 'pruner' },
      { old: 'attemptDeadlineSeconds', now: 'attemptDeadline', unit: 's' },
    ],
  },
  { at: ['objective'], renames: OBJECTIVE },
  { at: ['alsoOptimize'], renames: OBJECTIVE },
  { at: ['pruner'], renames: PRUNER },
  { at: ['scheduler'], renames: [{ old: 'factor', now: 'reduction_factor' }] },
  BUDGET,
  RESOURCES,
  {
    at: ['checkpoint'],
    renames: [
      { old: 'minSeconds', now: 'min', unit: 's' },
      { old: 'maxSeconds', now: 'max', unit: 's' },
    ],
  },
  { at: ['earlyEvaluation'], renames: [{ old: 'everySeconds', now: 'every', unit: 's' }] },
  scorer('earlyEvaluation'),
];

export const STEP_RENAMES = {
  query: [{ at: [], renames: [{ old: 'expirationDays', now: 'expiration', unit: 'd' }] }],
  export: [{ at: [], renames: [{ old: 'partSizeMb', now: 'partSize', unit: 'Mi' }] }],
  search: SEARCH,
  train: [],
  evaluate: [scorer()],
  check: [{ at: ['rules'], renames: [{ old: 'maxHours', now: 'maxAge', unit: 'h' }] }],
  container: [RESOURCES],
  script: [RESOURCES],
  approval: [],
} as const satisfies Readonly<Record<string, readonly Renames[]>>;

export const PIPELINE_RENAMES: readonly Renames[] = [BUDGET];
export const POLICY_RENAMES: readonly Renames[] = [RESOURCES];
const COMPUTE: readonly Rename[] = [
  { old: 'queueSeconds', now: 'queueTimeout', unit: 's' },
  { old: 'graceSeconds', now: 'grace', unit: 's' },
  { old: 'ttlSecondsAfterFinished', now: 'ttlAfterFinished', unit: 's' },
];
export const PROFILE_RENAMES: readonly Renames[] = [
  { at: [], renames: [{ old: 'silenceSeconds', now: 'silence', unit: 's' }] },
  {
    at: ['placement'],
    renames: [
      { old: 'noCapacitySeconds', now: 'noCapacity', unit: 's' },
      { old: 'retrySpotSeconds', now: 'retrySpot', unit: 's' },
      { old: 'deadlineSeconds', now: 'deadline', unit: 's' },
      { old: 'maxHoursWithoutCapacity', now: 'maxWithoutCapacity', unit: 'h' },
    ],
  },
  {
    at: ['warehouse'],
    renames: [
      { old: 'memoryLimitMb', now: 'memoryLimit', unit: 'Mi' },
      { old: 'jobTimeoutSeconds', now: 'jobTimeout', unit: 's' },
    ],
  },
  { at: ['compute'], renames: COMPUTE },
  {
    at: ['logs'],
    renames: [
      { old: 'maxMb', now: 'maxSize', unit: 'Mi' },
      { old: 'keepDays', now: 'keepFor', unit: 'd' },
    ],
  },
  { at: ['checkpoints'], renames: [{ old: 'keepDays', now: 'keepFor', unit: 'd' }] },
  { at: ['tensorboard'], renames: [{ old: 'keepSeconds', now: 'keep', unit: 's' }] },
];

/** Of each of `clusters`, which no file of before had. */
export const CLUSTER_RENAMES: readonly Renames[] = [
  { at: [], renames: [...COMPUTE, { old: 'lostAfterSeconds', now: 'lostAfter', unit: 's' }] },
];

/** Of each of `pools`; no file of before had them. */
export const POOL_RENAMES: readonly Renames[] = [{ at: [], renames: [{ old: 'graceSeconds', now: 'grace', unit: 's' }] }];

type Fields = Readonly<Record<string, unknown>>;
const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);

const renamed = (fields: Fields, renames: readonly Rename[]): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).map(([name, value]) => [renames.find(({ now }) => now === name)?.old ?? name, value]));

/** What stands at a place, changed; a list has it in each item. */
function inside(value: unknown, [key, ...rest]: readonly string[], change: (fields: Fields) => Fields): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => inside(item, key === undefined ? [] : [key, ...rest], change));
  if (!isFields(value)) return value;
  if (key === undefined) return change(value);
  return key in value ? { ...value, [key]: inside(value[key], rest, change) } : value;
}

/** What a file's schema has read, under the names of the run document. */
export function documentFields(places: readonly Renames[], fields: Fields): Record<string, unknown> {
  // Inner places first: their ways have present names.
  const inwards = [...places].sort((a, b) => b.at.length - a.at.length);
  return inwards.reduce((before, { at, renames }) => inside(before, at, (each) => renamed(each, renames)) as Fields, fields);
}

/** Plain data under the present names, for files that no compiler reads; what is no map stays as it is. */
export function withPresentNames(places: readonly Renames[], content: unknown): unknown {
  if (!isFields(content)) return content;
  const present = (fields: Fields, renames: readonly Rename[]): Fields =>
    Object.fromEntries(
      Object.entries(fields).map(([name, value]): [string, unknown] => {
        const rename = renames.find(({ old, now }) => old === name && !(now in fields));
        if (rename === undefined) return [name, value];
        return [rename.now, rename.unit !== undefined && typeof value === 'number' ? withUnit(value, rename.unit) : value];
      }),
    );
  return places.reduce<unknown>((before, { at, renames }) => inside(before, at, (each) => present(each, renames)), content);
}

/** A rule of `pruner` with the names of the run document, whichever it was given with; anything else as it is. */
export function withDocumentNames(rule: unknown): unknown {
  if (!isFields(rule)) return rule;
  return Object.fromEntries(
    Object.entries(rule).map(([name, value]): [string, unknown] => {
      const rename = PRUNER.find(({ now }) => now === name);
      if (rename === undefined) return [name, value];
      if (rename.unit === undefined || typeof value !== 'string') return [rename.old, value];
      const number = numberIn(rename.unit, value);
      return [rename.old, Number.isNaN(number) ? value : number];
    }),
  );
}
