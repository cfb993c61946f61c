/** Trackers of experiments that hear of a profile's runs. Secrets are variables of the control worker: a document never holds one. */
import { z } from 'zod';

const Variable = z.string().regex(/^(?!LONGHAUL_)[A-Za-z_][A-Za-z0-9_]*$/, "the name of a variable of the control worker's environment");

const Mlflow = z.strictObject({
  kind: z.literal('mlflow'),
  /** Address of the tracking server. */
  uri: z
    .url({ protocol: /^https?$/, error: 'expected the address of an MLflow server, such as https://mlflow.example.com' })
    .refine(
      (uri) => !/^[a-z]+:\/\/[^/]*@/i.test(uri),
      'no password in an address: name variables of the control worker in tokenEnv, or userEnv and passwordEnv',
    )
    // What the tracker appends would end up in them, and another address be asked.
    .refine((uri) => !/[?#\\]/.test(uri), 'expected the address of a server, without ?, # and \\'),
  /** The pipeline's name when left out. */
  experiment: z.string().min(1).optional(),
  /** Bearer token. */
  tokenEnv: Variable.optional(),
  userEnv: Variable.optional(),
  passwordEnv: Variable.optional(),
});

export const Tracker = z.discriminatedUnion('kind', [Mlflow]);
export type Tracker = z.infer<typeof Tracker>;

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
