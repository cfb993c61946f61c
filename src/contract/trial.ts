import { z } from 'zod';
import { Feature, Layout } from './features.ts';
import { Json, Uri } from './values.ts';

/**
 * The trial contract (docs/trial-contract.md): what a training container reads and writes.
 * `trial.json` is named by the environment variable LONGHAUL_TRIAL; LONGHAUL_OUTPUT is `output`;
 * LONGHAUL_ATTEMPT is the number of the attempt (1, 2, …), the fencing token of checkpoints: a higher attempt wins.
 */
export const TrialJson = z.strictObject({
  version: z.literal(1),
  pipeline: z.string(),
  run: z.string(),
  step: z.string(),
  trial: z.int().nonnegative(),
  seed: z.int().nonnegative(),
  parameters: z.record(z.string(), Json),
  /** Params of the pipeline that the search chose: the data were made with them. */
  params: z.record(z.string(), Json).optional(),
  /** Data sets by name (`train`, `validation`, …): prefix URI of the parts; `manifest.json` beside them lists name, bytes, rows, crc32c and generation. */
  data: z.record(z.string(), Uri),
  /** These two are there where the data have a feature table. */
  layout: Layout.optional(),
  features: z.array(Feature).optional(),
  output: Uri,
  epochs: z.int().positive(),
  /** Validation point every so many steps, besides the end of each epoch; 0 = end of epoch only. */
  validateEverySteps: z.int().nonnegative().default(0),
  /** Candidates sampled per session in training: all ordered items and so many others; 0 = all. Validation ranks all. */
  sampleCandidates: z.int().nonnegative().default(0),
  objective: z.strictObject({ metric: z.string(), goal: z.enum(['maximize', 'minimize']) }),
  checkpoint: z.strictObject({
    minSeconds: z.number().positive().default(5),
    maxSeconds: z.number().positive().default(1800),
    keep: z.int().positive().default(2),
    /** Mean time between preemptions seen so far, seconds; null = not seen. The trainer's Young/Daly interval uses it. */
    meanSecondsBetweenPreemptions: z.number().positive().nullable().default(null),
  }),
  /** Exports: best and latest, at most every so many validation points. */
  exportEveryValidations: z.int().positive().default(1),
  /** What exports must be fit for; the trainer ends with `config` at the first one that is not. Absent: nothing in particular. */
  exportFor: z.enum(['bigquery-ml']).optional(),
  parts: z.strictObject({
    ahead: z.int().positive().default(4),
    /** Threads that decode; absent: as many as there are processors beside the training's, up to 4. */
    decoders: z.int().nonnegative().optional(),
    onBad: z.enum(['fail', 'skip']).default('fail'),
    badBudget: z.int().nonnegative().default(0),
  }),
  /** Threads for TensorFlow; bit-equality holds for one thread count. */
  threads: z.int().positive().default(2),
  /** Records must not stop for longer, or the attempt is taken for lost; 0: they may. */
  silenceSeconds: z.int().nonnegative().optional(),
  /** `package:function` of one's own model; absent: the reference ranking model. */
  model: z.string().optional(),
  /** Begin from another trial's checkpoint (null = its newest committed one) with these parameters; data, features and seed must be the same. */
  fork: z.strictObject({ trial: z.int().nonnegative(), output: Uri, checkpoint: z.string().nullable() }).optional(),
  /** So many machines train the trial together; absent: one. */
  nodes: z.int().min(2).optional(),
  /** A pair of checkpoints is kept, so that this share of the training can be trained again (docs/audit.md); none that is larger than `maxBytes`. */
  audit: z.strictObject({ share: z.number().gt(0).max(1), maxBytes: z.int().nonnegative().optional() }).optional(),
  /** Train the window of that pair again, of another trial, and end: `repeat.json` says what was found. */
  repeat: z
    .strictObject({ pair: Uri, checkpoint: z.string(), dense: z.tuple([z.int().nonnegative(), z.int().nonnegative()]).nullable() })
    .optional(),
  commit: z.string().nullable().default(null),
});
export type TrialJson = z.infer<typeof TrialJson>;

/**
 * What an attempt has used since it began to train: cores, MiB, shares from 0 to 1. Of several machines that of rank 0. Where the trainer says
 * nothing of it, what its machine told about once a minute.
 */
export const AttemptUse = z.looseObject({
  seconds: z.number().nonnegative(),
  cpu: z.number().nonnegative(),
  /** Peaks of CPU are means of 5 s; those that a machine told, of 15 s or so. */
  cpuPeak: z.number().nonnegative(),
  memoryMb: z.number().nonnegative(),
  memoryPeakMb: z.number().nonnegative(),
  /** Waiting for data (`trial.batches`); absent where the machine was asked, and not the training. */
  waitShare: z.number().min(0).max(1).optional(),
  /** Of the GPUs that the process sees: how many, their mean share of time in use, the sum of their memory. */
  gpus: z.number().optional(),
  gpu: z.number().optional(),
  gpuMemoryPeakMb: z.number().optional(),
  /** Of a pod. */
  receivedMb: z.number().optional(),
  sentMb: z.number().optional(),
});
export type AttemptUse = z.infer<typeof AttemptUse>;

/** `{output}/progress/{n}.json`, n from 1 without gaps over all attempts of the trial, written once each. */
export const ProgressRecord = z.looseObject({
  n: z.int().positive(),
  /** Seconds since 1970. */
  time: z.number(),
  attempt: z.int().positive(),
  /**
   * `start` of an attempt, `train` while training, `validation` (a point of the learning curve), `checkpoint`, `export`, `end`;
   * `beat`: nothing but that the trial lives, within a long validation or while it waits for something.
   */
  kind: z.enum(['start', 'train', 'validation', 'checkpoint', 'export', 'beat', 'end']),
  epoch: z.int().nonnegative(),
  part: z.int().nonnegative(),
  step: z.int().nonnegative(),
  /** Sessions trained on since the beginning of the trial (each counted once, however often retrained). */
  samples: z.int().nonnegative(),
  metrics: z.record(z.string(), z.number().nullable()).default({}),
  /** Share done, 0–1. */
  done: z.number().min(0).max(1).optional(),
  samplesPerSecond: z.number().optional(),
  waitShare: z.number().optional(),
  checkpointSeconds: z.number().optional(),
  checkpointIntervalSeconds: z.number().optional(),
  badParts: z.int().optional(),
  /** Of this attempt so far; what cannot be read of it is left out, since no training depends on it. */
  use: AttemptUse.optional().catch(undefined),
  /** The directory under `exports/` or `checkpoints/` that this record is about. */
  name: z.string().optional(),
});
export type ProgressRecord = z.infer<typeof ProgressRecord>;

/** `{output}/checkpoints/LATEST`: written last, under a generation precondition. */
export const Latest = z.looseObject({
  checkpoint: z.string(),
  attempt: z.int().positive(),
  step: z.int().nonnegative(),
  samples: z.int().nonnegative(),
  files: z.record(z.string(), z.strictObject({ bytes: z.int(), sha256: z.string() })),
  /** Why it was written: by interval, at a SIGTERM, at the end. The classifier reads `sigterm`. */
  reason: z.enum(['interval', 'sigterm', 'epoch', 'end']),
  /** With `sigterm`: all ranks have let go, and write nothing more that the next attempt does not fence off. Absent: nobody says so. */
  letGo: z.boolean().optional(),
  /** Earlier committed checkpoints still kept, newest first, with their own `files`. */
  previous: z.array(z.looseObject({ checkpoint: z.string() })).default([]),
});
export type Latest = z.infer<typeof Latest>;

/** `{output}/exports/{n}/READY`: written last; its presence makes the export usable. */
export const Ready = z.looseObject({
  export: z.string(),
  step: z.int().nonnegative(),
  samples: z.int().nonnegative(),
  time: z.number(),
  metrics: z.record(z.string(), z.number().nullable()),
  /** Relative path of the SavedModel inside the export directory. */
  savedModel: z.string(),
  bytes: z.int(),
  best: z.boolean(),
});
export type Ready = z.infer<typeof Ready>;

/** `{output}/result.json`: written once, at the end. */
export const TrialResult = z.looseObject({
  metrics: z.record(z.string(), z.number().nullable()),
  /** Value of the objective at the best validation point. */
  objective: z.number().nullable(),
  bestStep: z.int().nonnegative(),
  steps: z.int().nonnegative(),
  samples: z.int().nonnegative(),
  epochs: z.int().nonnegative(),
  /** Directory name under `exports/` of the best export. */
  bestExport: z.string().nullable(),
  /** SHA-256 over the final weights: equal for equal models. */
  weightsSha256: z.string(),
});
export type TrialResult = z.infer<typeof TrialResult>;

/** Exit codes of the trial contract. */
export const EXIT_CODES = { done: 0, preempted: 143, usage: 64, dataError: 65, noInput: 66, config: 78 } as const;
