/** Query steps: SQL → table, with its feature table beside. */
import type { Feature, FeatureTable, Json, LedgerRow, Profile, QuerySpec } from '../src/contract/index.ts';
import type { Ports } from '../src/ports/index.ts';
import type { JobContext, TableInfo, Warehouse } from '../src/ports/warehouse.ts';
import { translated } from './failures.ts';
import { withStatistics } from './feature-statistics.ts';
import { withHeartbeat } from './heartbeat.ts';
import { rowKey } from './step-rows.ts';

/** What the work of any step is given: the spec is bound, `{key}` included. */
export interface WorkInput<Spec> {
  readonly run: string;
  readonly pipeline: string;
  readonly profile: Profile;
  readonly step: string;
  readonly key: string;
  readonly spec: Spec;
}

export interface WorkResult {
  readonly outputs: Record<string, Json>;
  readonly job?: string | null;
  /** That a Job ran, by digest. */
  readonly image?: string | null;
  readonly bytes?: number | null;
  readonly cost?: number;
}

export const createQueryActivities = (ports: Ports) =>
  translated({
    async runQuery(input: WorkInput<QuerySpec>): Promise<WorkResult> {
      return withHeartbeat(async (context) => {
        const warehouse = await ports.warehouse(input.profile);
        const seen = watchBytes(context);
        const { features, statistics, kind: _kind, ...statement } = input.spec;
        const table = await warehouse.query({ ...statement, jobId: warehouseJobId(input), labels: labelsOf(input) }, seen.context);
        const outputs: Record<string, Json> = { table: table.table, rows: table.rows, bytes: table.bytes, version: table.version };
        if (features) {
          const complete = statistics ? await withStatistics(warehouse, table, features, seen.context) : features;
          outputs.features = await keepFeatures(ports, warehouse, input, table, complete);
        }
        return { outputs, job: table.job, bytes: seen.bytes(), cost: queryCost(input.profile, seen.bytes()) };
      });
    },
  });
export type QueryActivities = ReturnType<typeof createQueryActivities>;

/** Deterministic, so that a retry adopts the job; made of letters that BigQuery allows. */
export function warehouseJobId(input: Pick<WorkInput<unknown>, 'run' | 'step' | 'key'>): string {
  return `longhaul-${input.run}-${input.step}-${input.key}`.replace(/[^A-Za-z0-9_-]+/g, '_');
}

export const labelsOf = (input: Pick<WorkInput<unknown>, 'pipeline' | 'run' | 'step'>): Record<string, string> => ({
  pipeline: input.pipeline,
  run: input.run,
  step: input.step,
});

async function keepFeatures(
  ports: Ports,
  warehouse: Warehouse,
  input: WorkInput<QuerySpec>,
  table: TableInfo,
  features: FeatureTable,
): Promise<string> {
  const store = await ports.store(input.profile);
  const uri = `${store.root}/features/${input.pipeline}/${input.key}.json`;
  await store.write(uri, JSON.stringify(features, null, 2), { contentType: 'application/json' });
  const time = new Date().toISOString();
  const rows = features.features.map((feature, position) => featureRow(input, table, feature, position, time));
  await warehouse.append('features', rows, rowKey('features', input.run, input.step));
  return uri;
}

function featureRow(
  input: WorkInput<QuerySpec>,
  table: TableInfo,
  feature: Feature,
  position: number,
  time: string,
): LedgerRow<'features'> {
  return {
    pipeline: input.pipeline,
    run: input.run,
    time,
    step: input.step,
    table: table.table,
    position,
    name: feature.name,
    type: feature.type,
    default_value: feature.default === null ? null : String(feature.default),
    description: feature.description ?? null,
    source: feature.source ?? null,
    buckets: feature.buckets ?? null,
    mean: feature.mean ?? null,
    stddev: feature.stddev ?? null,
  };
}

const BYTES_PER_TIB = 2 ** 40;

function queryCost(profile: Profile, bytes: number | null): number {
  return profile.warehouse.kind === 'bigquery' ? ((bytes ?? 0) / BYTES_PER_TIB) * profile.warehouse.pricePerTib : 0;
}

/** Passes progress on and remembers the bytes that the job had read. */
function watchBytes(context: JobContext): { readonly context: JobContext; readonly bytes: () => number | null } {
  let bytes: number | null = null;
  return {
    bytes: () => bytes,
    context: {
      signal: context.signal,
      progress: (progress) => {
        bytes = progress.bytes ?? bytes;
        context.progress(progress);
      },
    },
  };
}
