/** Trackers of experiments that hear of a profile's runs. Secrets are variables of the control worker: a document never holds one. */
import { z } from 'zod';

const Variable = z.string().regex(/^(?!LONGHAUL_)[A-Za-z_][A-Za-z0-9_]*$/, "the name of a variable of the control worker's environment");

const address = (of: string, example: string) =>
  z
    .url({ protocol: /^https?$/, error: `expected the address of ${of}, such as ${example}` })
    .refine(
      (uri) => !/^[a-z]+:\/\/[^/]*@/i.test(uri),
      'no password in an address: name variables of the control worker in tokenEnv, or userEnv and passwordEnv',
    )
    // What the tracker appends would end up in them, and another address be asked.
    .refine((uri) => !/[?#\\]/.test(uri), 'expected the address of a server, without ?, # and \\');

const Mlflow = z.strictObject({
  kind: z.literal('mlflow'),
  /** Address of the tracking server. */
  uri: address('an MLflow server', 'https://mlflow.example.com'),
  /** The pipeline's name when left out. */
  experiment: z.string().min(1).optional(),
  /** Bearer token. */
  tokenEnv: Variable.optional(),
  userEnv: Variable.optional(),
  passwordEnv: Variable.optional(),
});

const Wandb = z.strictObject({
  kind: z.literal('wandb'),
  /** The pipeline's name when left out. */
  project: z
    .string()
    .regex(/^[^/\\#?%:]{1,128}$/, 'a name of at most 128 characters, without / \\ # ? % :')
    .optional(),
  /** User or team; that of the API key when left out. */
  entity: z
    .string()
    .regex(/^[\w.-]+$/, 'the name of a user or team')
    .optional(),
  uri: address('a server of Weights & Biases', 'https://wandb.example.com').default('https://api.wandb.ai'),
  /** API key. Without one there are offline files, in `wandb/` of the control worker's WANDB_DIR, or `.longhaul/wandb/` where it runs. */
  tokenEnv: Variable.optional(),
});

export const Tracker = z.discriminatedUnion('kind', [Mlflow, Wandb]);
export type Tracker = z.infer<typeof Tracker>;

/** What a policy has to allow. */
export const addressOf = (tracker: Tracker): string =>
  tracker.kind === 'wandb' && tracker.tokenEnv === undefined ? 'offline' : tracker.uri;

/** What a tracker is told of a run, or of one of its trials. */
export interface TrackedRun {
  /** Of this entry among all others of the tracker: `RUN` or `RUN/STEP/TRIAL`. */
  readonly key: string;
  /** Of the entry that it belongs to. */
  readonly parent: string | null;
  readonly name: string;
  /** ms since 1970 */
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly status: 'running' | 'finished' | 'failed' | 'killed';
  readonly parameters: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
  /** False: of the curves only what came of late. */
  readonly whole: boolean;
  /** Of the curves, by the number of the progress record, which has no gaps. */
  readonly points: readonly { readonly n: number; readonly step: number; readonly at: number; readonly metrics: readonly Metric[] }[];
  /** What was measured at its end. */
  readonly results: readonly (Metric & { readonly at: number; readonly step: number })[];
}

interface Metric {
  readonly name: string;
  readonly value: number;
}
