/** What `--output json` writes: the stable shapes, as schemas that tests hold the commands to, and in words for docs/cli.md. */
import { z } from 'zod';

const ms = (meaning: string): z.ZodNumber => z.number().describe(`${meaning}, ms since 1970`);
const RunStatus = z.enum(['running', 'paused', 'waiting', 'succeeded', 'failed', 'cancelled']);

const StepState = z.looseObject({
  id: z.string(),
  kind: z.string(),
  status: z.enum(['pending', 'waiting', 'running', 'succeeded', 'cached', 'skipped', 'failed', 'cancelled', 'blocked']),
  startedAt: z.number().nullable(),
  endedAt: z.number().nullable(),
  cacheHit: z.boolean(),
  outputs: z.record(z.string(), z.json()),
  reason: z.string().nullable(),
  waitingSince: z.number().optional(),
  cost: z.number(),
});

const TrialState = z.looseObject({
  trial: z.int(),
  status: z.enum(['queued', 'running', 'paused', 'succeeded', 'stopped', 'failed', 'cancelled']),
  parameters: z.record(z.string(), z.json()),
  objective: z.number().nullable(),
  metrics: z.record(z.string(), z.number().nullable()),
  reason: z.string().nullable(),
  waitingSince: z.number().optional(),
  attempts: z.int(),
  preemptions: z.int(),
  cost: z.number(),
});

export const StatusOutput = z.looseObject({
  run: z.looseObject({
    run: z.string().describe('name of the run'),
    pipeline: z.string(),
    status: RunStatus,
    startedAt: ms('start'),
    endedAt: ms('end').nullable(),
    cost: z.number().describe('so far, in the profile’s currency'),
    reason: z.string().nullable().describe('why it failed, was cancelled or is paused'),
    steps: z
      .array(StepState)
      .describe('`id`, `kind`, `status`, `startedAt`, `endedAt`, `cacheHit`, `outputs`, `reason`, `cost` of each step'),
    approvals: z
      .array(z.looseObject({ step: z.string(), message: z.string() }))
      .describe('what waits for a person: `step`, `message`, `since`, `until`'),
  }),
  searches: z
    .record(
      z.string(),
      z.looseObject({
        status: RunStatus,
        plannedTrials: z.int(),
        bestTrial: z.int().nullable(),
        bestObjective: z.number().nullable(),
        trials: z.array(TrialState),
      }),
    )
    .describe(
      'by step: `status`, `plannedTrials`, `bestTrial`, `bestObjective`, `cost`, `trials`, `decisions`, `settings` in force, and `tensorboard`, its URL, where there is one',
    ),
  clusters: z
    .array(z.looseObject({ name: z.string(), silentSince: z.number().nullable() }))
    .optional()
    .describe('clusters of the profile of which no worker asks for work'),
});

export const ListOutput = z.array(
  z.looseObject({
    run: z.string().describe('name of the run'),
    pipeline: z.string(),
    status: RunStatus,
    bestObjective: z.number().nullable().describe('of its searches'),
    startedAt: ms('start'),
    endedAt: ms('end').nullable(),
  }),
);

export const TrialsOutput = z.array(
  z.looseObject({
    run: z.string().describe('the run that made it: another one’s where the search came from the cache'),
    step: z.string(),
    trial: z.int(),
    status: z.string(),
    parameters: z.string().describe('JSON text'),
    objective_metric: z.string(),
    objective: z.number().nullish(),
    metrics: z.string().describe('JSON text'),
    attempts: z.number().nullish(),
    seconds: z.number().nullish().describe('machine time of its attempts'),
    cost: z.number().nullish(),
    reason: z.string().nullish().describe('why it was stopped or failed'),
    export: z.string().nullish().describe('URI of its best model export'),
  }),
);

export const CurvesOutput = z.looseObject({
  metric: z.string(),
  series: z
    .array(z.looseObject({ name: z.string(), step: z.string(), trial: z.int(), points: z.array(z.tuple([z.number(), z.number()])) }))
    .describe('a trial each: `name`, `step`, `trial`, and `points` of samples and value'),
});

const ReplayedFigures = {
  trials: z.int().describe('that ran'),
  stopped: z.int(),
  unknown: z.int().describe('stopped when recorded and not here: how they would have gone on is not known'),
  seconds: z.number().describe('machine time'),
  cost: z.number(),
  saved: z.number().describe('share of the recorded machine time of these trials that was not used'),
  best: z
    .looseObject({ trial: z.int(), objective: z.number(), trials: z.int(), cost: z.number() })
    .nullable()
    .describe('`trial`, `objective`, and the `trials` and `cost` after which it was found'),
  regret: z.number().nullable().describe('how much worse the best is than the recorded one'),
};

export const ReplaySearchOutput = z.looseObject({
  study: z.string().describe('workflow id of the search'),
  objective: z.looseObject({ metric: z.string(), goal: z.enum(['maximize', 'minimize']) }).describe('`metric`, `goal`'),
  parallel: z.int().describe('trials at once'),
  recorded: z.looseObject(ReplayedFigures).describe('the search as it was: the same figures as of a replay'),
  replays: z
    .array(
      z.looseObject({
        ...ReplayedFigures,
        rules: z.string(),
        sampler: z.string().nullable(),
        distance: z.number().nullable(),
        resolved: z.boolean(),
        untrained: z.array(z.looseObject({ trial: z.int(), points: z.int(), wanted: z.int().nullable() })),
        elapsed: z.number(),
        ended: z.array(
          z.looseObject({
            trial: z.int(),
            status: z.enum(['succeeded', 'stopped', 'failed', 'cancelled']),
            reason: z.string().nullable(),
            points: z.int(),
            seconds: z.number(),
            cost: z.number(),
            objective: z.number().nullable(),
          }),
        ),
      }),
    )
    .describe(
      'one for each `--pruner` and `--scheduler`: `rules`, `sampler` (null: the recorded order), `distance` (mean, of the trials from what the sampler asked for), ' +
        `${Object.keys(ReplayedFigures)
          .map((name) => `\`${name}\``)
          .join(
            ', ',
          )}, \`resolved\` (every part of the curves that it asks for was trained), \`untrained\` (else: \`trial\`, \`points\` that are known, \`wanted\` ones, null: to its end), \`elapsed\` (seconds from start to end), and \`ended\`: the trials in the order of their ends with \`trial\`, \`status\`, ` +
        '`reason` (null: ended as recorded), `points`, `seconds`, `cost`, `objective`, `startedAt`, `endedAt`, `distance`, `keeps` (to `metricConstraints`: `all`, `not all`, `unknown`; only the first can be the best)',
    ),
});

export const CompareOutput = z.array(
  z.looseObject({
    run: z.string(),
    status: RunStatus,
    seconds: z.number(),
    cost: z.number(),
    values: z.record(z.string(), z.number()).describe('`step.output` → value, of searches and evaluations'),
  }),
);

export const OpenOutput = z.looseObject({
  console: z.string().nullable().describe('address of the run’s page'),
  temporal: z.string().nullable().describe('address in the Temporal web UI'),
  tensorboard: z
    .string()
    .nullable()
    .describe('address of the pipeline’s TensorBoard while it is up, otherwise the command that shows the same curves'),
});

export const ReportOutput = z.looseObject({
  version: z.literal(1),
  verdict: z
    .looseObject({
      tone: z.enum(['good', 'bad', 'warn', 'open']),
      headline: z.string(),
      sentences: z.array(z.string()),
      comparisons: z.array(z.looseObject({})),
    })
    .describe(
      '`tone`, `headline`, `sentences`, and `comparisons`: `metric`, `against`, `value`, `other`, `difference`, `low`, `high`, `outcome`',
    ),
  run: z.looseObject({ run: z.string(), status: RunStatus }).describe('as `run` of `status`'),
  cost: z
    .looseObject({ spent: z.number(), forecast: z.number(), saved: z.number(), lost: z.number(), currency: z.string() })
    .describe('`spent`, `forecast`, `onDemand`, `saved`, `lost`, `budget`, `currency`'),
  trials: z.array(z.looseObject({})).describe('rows of the ledger'),
  attempts: z.array(z.looseObject({})).describe('rows of the ledger'),
  evaluations: z.array(z.looseObject({})).describe('rows of the ledger'),
  failures: z
    .array(z.looseObject({ where: z.string(), what: z.string(), cause: z.string(), remedy: z.string() }))
    .describe('`where`, `what`, `cause`, `remedy`, `severity`'),
  searches: z
    .record(z.string(), z.looseObject({ front: z.array(z.int()), knee: z.int().nullable() }))
    .describe(
      'by search: `broken` (trials that break a constraint, with `why`), `front` and `knee` of several objectives, `replicates` (`finalists` with `mean`, `low`, `high`; `sure`), `lineages` of a population',
    ),
  importance: z.record(z.string(), z.looseObject({})).describe('by search: `evaluator`, `metric`, `trials`, `parameters`'),
  provenance: z.array(z.looseObject({ what: z.string(), value: z.string() })).describe('`what`, `value`'),
  sizes: z.array(z.looseObject({ step: z.string() })).describe('as `steps` of `advise`'),
  audits: z.array(z.looseObject({})).describe('rows of the ledger: parts that were trained again'),
  changes: z
    .looseObject({ run: z.string() })
    .nullable()
    .describe('since the run before: `run`, and `changes` with `path`, `before`, `after`'),
});

const AuditOutput = z.looseObject({
  audit: z.string(),
  run: z.string(),
  share: z.number(),
  status: z.enum(['choosing', 'training', 'done']),
  plan: z
    .looseObject({ trained: z.number(), left: z.int() })
    .nullable()
    .describe('`pairs` that were chosen, `trained` samples in all, `left` out since they were beyond the share, `without`: who has none'),
  results: z
    .array(z.looseObject({ step: z.string(), trial: z.int(), verdict: z.string() }))
    .describe(
      '`step`, `trial`, training steps `from` and `to`, `samples`, `pool` and `repeatedPool`, `verdict`, `first` (`step`, `after`, `exact`, `tensors`) or null, `why`, `uri` of the certificate',
    ),
});

const ControlOutput = z.looseObject({
  text: z.string().describe('what was done, in words'),
  trial: z.int().optional().describe('number of a trial that it made'),
});

const DecisionsOutput = z.array(
  z.looseObject({
    time: z.string().describe('ISO 8601'),
    decision: z.string(),
    step: z.string().nullable().describe('null: the whole run'),
    trial: z.int().nullable(),
    by: z.string(),
    how: z.enum(['key', 'token', 'iap', 'oidc']).nullable().describe('what proves `by`; null: nothing, it was typed'),
    why: z.string().nullable(),
    outcome: z.enum(['counted', 'refused']),
    reason: z.string().nullable(),
    details: z.string().describe('JSON'),
  }),
);

const ErrorOutput = z.looseObject({
  error: z
    .looseObject({
      type: z.string(),
      message: z.string(),
      problems: z.array(z.looseObject({ file: z.string(), message: z.string() })).optional(),
    })
    .describe('`type`, `message`, and of bad input `problems`: `file`, `line`, `column`, `path`, `message`, `expected`, `found`, `hint`'),
});

export const PoolsOutput = z.array(
  z.looseObject({
    pool: z.string(),
    cluster: z.string().nullable(),
    spot: z.boolean(),
    running: z.int().describe('attempts of open runs'),
    waiting: z.int().describe('attempts of open runs that wait for a machine'),
    pricePerHour: z.number().describe('of a machine, in the profile’s currency'),
    preemptionsPerHour: z.number().nullable().describe('of a machine, from all runs, recent ones count more; null: none was used recently'),
    lastPreemptedAt: ms('last preemption').nullable(),
    lastEmptyAt: ms('when it last had no machine').nullable(),
  }),
);

export const CostsOutput = z.array(
  z.looseObject({
    month: z.string().optional().describe('as 2026-11, UTC'),
    team: z.string().nullable().optional().describe('null: of none'),
    pipeline: z.string().optional(),
    currency: z.string(),
    cost: z.number(),
    onDemandCost: z.number().describe('of the same machine time on demand'),
    saved: z.number(),
    runs: z.int().describe('that something was spent for'),
  }),
);

const AdviseOutput = z.looseObject({
  run: z.string().describe('name of the run'),
  currency: z.string(),
  steps: z
    .array(
      z.looseObject({
        step: z.string(),
        attempts: z.int(),
        measured: z.int(),
        requested: z.looseObject({ cpu: z.number(), memoryMb: z.number() }),
        used: z.looseObject({ cpu: z.number(), cpuPeak: z.number(), memoryMb: z.number(), memoryPeakMb: z.number() }).nullable(),
        advised: z.looseObject({ cpu: z.number(), memoryMb: z.number() }),
        pools: z.array(z.looseObject({ pool: z.string(), machine: z.string(), instead: z.string(), saved: z.number() })),
        notes: z.array(z.string()),
      }),
    )
    .describe(
      'of each search: `step`, `attempts` that ran, `measured` of them, `requested`, `used` (cores, MiB, shares; null: nothing was measured), `advised`, `pools` with the machine that would do `instead` and what it had `saved`, `notes`',
    ),
  files: z
    .array(z.looseObject({ file: z.string(), diff: z.string() }))
    .optional()
    .describe('with `--write`: `file` and `diff` of each'),
});

interface DocumentedOutput {
  readonly title: string;
  readonly commands: readonly string[];
  readonly fields: readonly (readonly [name: string, meaning: string])[];
}

const CONTROLS = ['approve', 'reject', 'pause', 'resume', 'stop-trial', 'keep-trial', 'prioritise', 'add-trial', 'fork-trial', 'set'];

const MigrateOutput = z.looseObject({
  files: z
    .array(z.looseObject({ file: z.string(), changes: z.array(z.looseObject({ line: z.int(), old: z.string(), now: z.string() })) }))
    .describe('each file with its `changes`: `line`, `old`, `now`'),
});

const BegunOutput = z.looseObject({ run: z.string().describe('name of the run') });

export const OUTPUTS: readonly DocumentedOutput[] = [
  documented('A run', ['status'], StatusOutput),
  documented('Runs (a list)', ['list'], ListOutput),
  documented('Trials (a list)', ['trials'], TrialsOutput),
  documented('Decisions (a list)', ['decisions'], DecisionsOutput),
  documented('Curves', ['curves'], CurvesOutput),
  documented('A search replayed', ['replay-search'], ReplaySearchOutput),
  documented('Runs compared (a list)', ['compare'], CompareOutput),
  documented('Names rewritten', ['migrate'], MigrateOutput),
  documented('Links', ['open'], OpenOutput),
  documented('A report', ['report --format json'], ReportOutput),
  documented('Pools (a list)', ['pools'], PoolsOutput),
  documented('Money (a list)', ['costs'], CostsOutput),
  documented('Advice about sizes', ['advise'], AdviseOutput),
  documented('An audit', ['audit'], AuditOutput),
  documented('A run that was begun', ['run --detach', 'retry --detach', 'extend --detach'], BegunOutput),
  documented('The answer of a control', CONTROLS, ControlOutput),
  documented('A failure, on stderr', ['…'], ErrorOutput),
];

function documented(title: string, commands: readonly string[], schema: z.ZodType): DocumentedOutput {
  return { title, commands, fields: fieldsOf(z.toJSONSchema(schema), '') };
}

interface Schema {
  readonly type?: unknown;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
}

/** Objects are opened until something says in words what it holds. */
function fieldsOf(schema: object, prefix: string): (readonly [string, string])[] {
  const { properties, items } = schema as Schema;
  if (items !== undefined && typeof items === 'object' && items !== null && prefix === '') return fieldsOf(items, '');
  return Object.entries(properties ?? {}).flatMap(([name, field]): (readonly [string, string])[] => {
    const path = prefix === '' ? name : `${prefix}.${name}`;
    if (field.properties !== undefined && field.description === undefined) return fieldsOf(field, path);
    return [[path, [typeOf(field), field.description].filter((part) => part !== undefined && part !== '').join('; ')]];
  });
}

function typeOf(schema: Schema): string {
  if (schema.enum) return schema.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.anyOf) return [...new Set(schema.anyOf.map(typeOf))].join(' or ');
  return schema.type === 'array' ? 'list' : schema.type === 'integer' ? 'whole number' : typeof schema.type === 'string' ? schema.type : '';
}
