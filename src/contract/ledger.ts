/** The ledger's tables: the names and columns that Looker Studio users see. Every row has pipeline, run and time besides. */
export type ColumnType = 'STRING' | 'INT64' | 'FLOAT64' | 'BOOL' | 'TIMESTAMP' | 'JSON';

export const LEDGER_VERSION = 1;

const common = { pipeline: 'STRING', run: 'STRING', time: 'TIMESTAMP' } as const;

/** `key` columns: rows with equal keys are one fact; the last one by `time` counts. */
export const LEDGER = {
  runs: {
    key: ['run'],
    columns: {
      ...common,
      status: 'STRING',
      profile: 'STRING',
      document_hash: 'STRING',
      commit: 'STRING',
      document_uri: 'STRING',
      started_at: 'TIMESTAMP',
      ended_at: 'TIMESTAMP',
      cost: 'FLOAT64',
      /** Of all costs of the run. */
      currency: 'STRING',
      /** Whose workers it runs on; NULL: they are no team's. */
      team: 'STRING',
      error: 'STRING',
      ledger_version: 'INT64',
    },
  },
  steps: {
    key: ['run', 'step'],
    columns: {
      ...common,
      step: 'STRING',
      kind: 'STRING',
      status: 'STRING',
      cache_key: 'STRING',
      cache_hit: 'BOOL',
      started_at: 'TIMESTAMP',
      ended_at: 'TIMESTAMP',
      outputs: 'JSON',
      job: 'STRING',
      image: 'STRING',
      bytes: 'INT64',
      cost: 'FLOAT64',
      error: 'STRING',
    },
  },
  features: {
    key: ['run', 'step', 'name'],
    columns: {
      ...common,
      step: 'STRING',
      table: 'STRING',
      position: 'INT64',
      name: 'STRING',
      type: 'STRING',
      default_value: 'STRING',
      description: 'STRING',
      source: 'STRING',
      buckets: 'INT64',
      mean: 'FLOAT64',
      stddev: 'FLOAT64',
    },
  },
  trials: {
    key: ['run', 'step', 'trial'],
    columns: {
      ...common,
      step: 'STRING',
      trial: 'INT64',
      status: 'STRING',
      parameters: 'JSON',
      objective_metric: 'STRING',
      objective: 'FLOAT64',
      metrics: 'JSON',
      reason: 'STRING',
      origin: 'STRING',
      parent_trial: 'INT64',
      output: 'STRING',
      export: 'STRING',
      weights_sha256: 'STRING',
      attempts: 'INT64',
      seconds: 'FLOAT64',
      cost: 'FLOAT64',
      on_demand_cost: 'FLOAT64',
      lost_cost: 'FLOAT64',
      started_at: 'TIMESTAMP',
      ended_at: 'TIMESTAMP',
    },
  },
  attempts: {
    key: ['run', 'step', 'trial', 'attempt'],
    columns: {
      ...common,
      step: 'STRING',
      trial: 'INT64',
      attempt: 'INT64',
      job: 'STRING',
      pool: 'STRING',
      spot: 'BOOL',
      /** The resource flavor that Kueue chose; NULL where it chose none. */
      flavor: 'STRING',
      node: 'STRING',
      image: 'STRING',
      /** SHA-256 of the code that was shipped; NULL where none was. */
      code: 'STRING',
      verdict: 'STRING',
      cause: 'STRING',
      exit_code: 'INT64',
      started_at: 'TIMESTAMP',
      ended_at: 'TIMESTAMP',
      seconds: 'FLOAT64',
      cost: 'FLOAT64',
      on_demand_cost: 'FLOAT64',
      lost_samples: 'INT64',
      /** What was asked for, and what was used of it; NULL where nobody measured. */
      cpu_requested: 'FLOAT64',
      memory_requested_mb: 'FLOAT64',
      gpus_requested: 'INT64',
      measured_seconds: 'FLOAT64',
      cpu_used: 'FLOAT64',
      cpu_peak: 'FLOAT64',
      memory_used_mb: 'FLOAT64',
      memory_peak_mb: 'FLOAT64',
      /** 0 to 1 */
      gpu_used: 'FLOAT64',
      gpu_memory_peak_mb: 'FLOAT64',
      received_mb: 'FLOAT64',
      sent_mb: 'FLOAT64',
      /** Share of the time that it waited for data. */
      wait_share: 'FLOAT64',
    },
  },
  /** One row a machine of an attempt on several; `attempts` has their total. */
  attempt_nodes: {
    key: ['run', 'step', 'trial', 'attempt', 'rank'],
    columns: {
      ...common,
      step: 'STRING',
      trial: 'INT64',
      attempt: 'INT64',
      rank: 'INT64',
      job: 'STRING',
      pool: 'STRING',
      spot: 'BOOL',
      node: 'STRING',
      exit_code: 'INT64',
      /** How its pod or process ended, in words. */
      cause: 'STRING',
      started_at: 'TIMESTAMP',
      ended_at: 'TIMESTAMP',
      /** Its machine is held until the attempt is over. */
      seconds: 'FLOAT64',
      cost: 'FLOAT64',
      on_demand_cost: 'FLOAT64',
    },
  },
  progress: {
    key: ['run', 'step', 'trial', 'n'],
    columns: {
      ...common,
      step: 'STRING',
      trial: 'INT64',
      attempt: 'INT64',
      n: 'INT64',
      kind: 'STRING',
      epoch: 'INT64',
      part: 'INT64',
      training_step: 'INT64',
      samples: 'INT64',
      samples_per_second: 'FLOAT64',
      metrics: 'JSON',
    },
  },
  models: {
    key: ['model'],
    columns: {
      ...common,
      step: 'STRING',
      trial: 'INT64',
      model: 'STRING',
      export: 'STRING',
      stage: 'STRING',
      metrics: 'JSON',
      promoted_by: 'STRING',
      why: 'STRING',
    },
  },
  evaluations: {
    key: ['run', 'step', 'trial', 'export', 'scorer', 'segment', 'segment_value', 'metric'],
    columns: {
      ...common,
      step: 'STRING',
      trial: 'INT64',
      export: 'STRING',
      scorer: 'STRING',
      segment: 'STRING',
      segment_value: 'STRING',
      metric: 'STRING',
      value: 'FLOAT64',
      low: 'FLOAT64',
      high: 'FLOAT64',
      sessions: 'INT64',
      difference: 'FLOAT64',
      difference_low: 'FLOAT64',
      difference_high: 'FLOAT64',
      compared_with: 'STRING',
      early: 'BOOL',
      samples: 'INT64',
      /** maximize, minimize; NULL: nobody said. */
      goal: 'STRING',
      /** Independent units that the interval rests on; of fewer than 30 there is none. */
      units: 'INT64',
      /** Of no difference to `compared_with`; corrected (Holm) for all differences of the step. */
      p_value: 'FLOAT64',
      p_adjusted: 'FLOAT64',
      /** better, worse, not worse, cannot tell: of this scorer against `compared_with`. */
      verdict: 'STRING',
      /** Within it a loss counts as none. */
      margin: 'FLOAT64',
      /** So many units would tell, were the difference as it was seen (power 80 %). */
      units_needed: 'INT64',
    },
  },
  /** One row an answer, a pause, a new budget … that somebody gave, counted or refused. */
  decisions: {
    key: ['run', 'id'],
    columns: {
      ...common,
      id: 'STRING',
      step: 'STRING',
      trial: 'INT64',
      decision: 'STRING',
      /** The verified person; where `how` is NULL, the name that was typed. */
      by: 'STRING',
      /** key, token, iap, oidc; NULL: nothing proves it. */
      how: 'STRING',
      why: 'STRING',
      /** counted, refused */
      outcome: 'STRING',
      /** Why it was refused, or why a signature proves nothing. */
      reason: 'STRING',
      /** What was wanted besides: a budget, parameters. */
      details: 'JSON',
    },
  },
  /** One row a window that was trained again. */
  audits: {
    key: ['run', 'audit', 'step', 'trial'],
    columns: {
      ...common,
      audit: 'STRING',
      step: 'STRING',
      trial: 'INT64',
      from_step: 'INT64',
      to_step: 'INT64',
      samples: 'INT64',
      pool: 'STRING',
      node: 'STRING',
      repeated_pool: 'STRING',
      repeated_node: 'STRING',
      /** equal, once, machine, unstable, different, unknown (docs/audit.md) */
      verdict: 'STRING',
      first_step: 'INT64',
      first_tensor: 'STRING',
      detail: 'STRING',
      certificate: 'STRING',
    },
  },
  /** One row a rule of a check step. */
  checks: {
    key: ['run', 'step', 'rule'],
    columns: {
      ...common,
      step: 'STRING',
      rule: 'STRING',
      check: 'STRING',
      column: 'STRING',
      table: 'STRING',
      value: 'FLOAT64',
      limit: 'STRING',
      /** pass, warn, fail */
      outcome: 'STRING',
      detail: 'STRING',
      /** How a column's values lie, for the next run to compare with. */
      shape: 'JSON',
    },
  },
} as const satisfies Record<string, { key: readonly string[]; columns: Readonly<Record<string, ColumnType>> }>;

export type LedgerTable = keyof typeof LEDGER;

/** TIMESTAMPs are ISO 8601 texts; JSON columns are JSON texts. */
export type LedgerValue = string | number | boolean | null;
export type LedgerRow<T extends LedgerTable = LedgerTable> = { [C in keyof (typeof LEDGER)[T]['columns']]?: LedgerValue } & {
  pipeline: string;
  run: string;
  time: string;
};
