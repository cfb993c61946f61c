/** Which exports of an evaluation are scored by Jobs, and what their scorers are told (`python/longhaul/scoring`). */
import { canonicalJson, sha256 } from '../src/contract/canonical-json.ts';
import type { EvaluateSpec, EvaluationSpec } from '../src/contract/steps.ts';
import type { ObjectStore, Ports } from '../src/ports/index.ts';
import { scoredByWarehouse } from '../src/rules/scorers.ts';
import { readyOf } from './evaluation/ready.ts';
import { candidatesOf } from './evaluation/scorers.ts';
import { openTestSet } from './evaluation/test-set.ts';
import { failure, translated } from './failures.ts';
import { withHeartbeat } from './heartbeat.ts';
import type { WorkInput } from './queries.ts';

/** What a step and an early evaluation have in common. */
export type PlanScoresInput = WorkInput<
  Omit<EvaluationSpec, 'table' | 'features' | 'data'> &
    Partial<Pick<EvaluateSpec, 'table' | 'features' | 'data' | 'compareWith' | 'id' | 'weight' | 'time' | 'horizon' | 'scale'>> & {
      readonly model: string;
    }
>;

export interface Scored {
  /** URI of the export. */
  readonly model: string;
  /** Prefix of its scores. */
  readonly output: string;
}

export interface ScoringJob extends Scored {
  /** URI of what the scorer reads. */
  readonly document: string;
}

export interface ScoringActivities {
  planScores(input: PlanScoresInput): Promise<readonly ScoringJob[]>;
}

export const createScoringActivities = (ports: Ports): ScoringActivities =>
  translated({
    async planScores(input: PlanScoresInput): Promise<readonly ScoringJob[]> {
      return withHeartbeat(async (context) => {
        const [warehouse, store] = await Promise.all([ports.warehouse(input.profile), ports.store(input.profile)]);
        const { model, compareWith = [] } = input.spec;
        const candidates = await candidatesOf(model, compareWith, input.pipeline, warehouse);
        const models = [...new Set(candidates.map((candidate) => candidate.export))];
        const spec = withTestSet(input.spec);
        const { carried } = await openTestSet(spec, warehouse, store);
        const jobs: ScoringJob[] = [];
        for (const each of models) {
          context.progress({ stage: 'reading READY', done: jobs.length });
          const job = await jobOf(store, input, spec, each, carried);
          if (job) jobs.push(job);
        }
        return jobs;
      });
    },
  });

export function withTestSet<Spec extends Partial<Pick<EvaluateSpec, 'table' | 'features' | 'data'>>>(
  spec: Spec,
): Spec & Pick<EvaluationSpec, 'table' | 'features' | 'data'> {
  const { table, features, data } = spec;
  if (table === undefined || features === undefined || data === undefined)
    throw failure('InvalidInput', 'evaluate: expected model, table, features and data, or scores');
  return { ...spec, table, features, data };
}

async function jobOf(
  store: ObjectStore,
  { profile, run, step }: Pick<PlanScoresInput, 'profile' | 'run' | 'step'>,
  { data, features }: Pick<EvaluationSpec, 'features' | 'data'>,
  model: string,
  carried: readonly string[],
): Promise<ScoringJob | null> {
  const ready = await readyOf(store, model);
  if (scoredByWarehouse(profile.warehouse, ready.kind)) return null;
  const asked = { version: 1, model, data, features, columns: ['session', 'item', 'label', ...carried] };
  // A model or data that were replaced since have other scores.
  const manifest = await store.stat(`${data.replace(/\/+$/, '')}/manifest.json`).catch(() => null);
  const given = { ready: ready.generation, data_generation: manifest?.generation ?? null };
  // Of this step of this run alone, which removes them when it has read them.
  const name = sha256(canonicalJson({ ...asked, ...given, run, step })).slice(0, 32);
  const output = `${store.root}/scores/${name}`;
  const document = `${store.root}/scores/${name}.json`;
  // Written again even where it is there: what was used just now is no garbage.
  await store.write(document, canonicalJson({ ...asked, output }), { contentType: 'application/json' });
  return { model, output, document };
}
