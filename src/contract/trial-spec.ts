/** What a trial is told of its search's specification. */
import type { SearchSpec } from './steps.ts';

const FIELDS = [
  'data',
  'features',
  'image',
  'command',
  'code',
  'requirements',
  'python',
  'model',
  'env',
  'secrets',
  'resources',
  'objective',
  'parallel',
  'seed',
  'epochs',
  'validateEverySteps',
  'sampleCandidates',
  'exportEveryValidations',
  'checkpoint',
  'parts',
  'threads',
  'audit',
  'maxCrashes',
  'attemptDeadlineSeconds',
] as const;

export type TrialSpec = Pick<SearchSpec, (typeof FIELDS)[number]>;

export const trialSpec = (spec: SearchSpec): TrialSpec => Object.fromEntries(FIELDS.map((name) => [name, spec[name]])) as TrialSpec;
