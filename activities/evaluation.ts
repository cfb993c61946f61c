/** Evaluate steps and early evaluation: an export × the test set → metrics with confidence intervals, in the ledger. */
import type { EvaluateSpec, EvaluationSpec } from '../src/contract/steps.ts';
import { metricsOfTask } from '../src/contract/metrics.ts';
import type { ObjectStore, Ports, Warehouse } from '../src/ports/index.ts';
import type { JobContext } from '../src/ports/warehouse.ts';
import type { EarlyEvaluationActivities, EvaluateExportInput } from './early-evaluation-contract.ts';
import type { EvaluateInput, EvaluationActivities } from './evaluation-contract.ts';
import { evaluationRows, modelRow, outputsOf, valuesOf } from './evaluation/ledger-rows.ts';
import type { RowContext } from './evaluation/ledger-rows.ts';
import { clusterHint } from './evaluation/cluster-hint.ts';
import { measure, removeScores, scoresOf } from './evaluation/measure.ts';
import type { Measured, MeasureInput } from './evaluation/measure.ts';
import type { Measurement } from './evaluation/measurements.ts';
import { baselineOf, measureScores } from './evaluation/score-tables.ts';
import { openTestSet } from './evaluation/test-set.ts';
import { evaluationName } from './evaluation/names.ts';
import { baselineName, candidatesOf, MODEL, trialOf } from './evaluation/scorers.ts';
import { failure, translated } from './failures.ts';
import { withHeartbeat } from './heartbeat.ts';
import { labelsOf } from './queries.ts';
import type { WorkResult } from './queries.ts';
import { withTestSet } from './scoring.ts';
import { rowKey } from './step-rows.ts';

export const createEvaluationActivities = (ports: Ports): EvaluationActivities & Omit<EarlyEvaluationActivities, 'planScores'> =>
  translated({
    /** A step: the model beside its baseline and what it is compared with; the model becomes a candidate in the registry. */
    async evaluateModel(input: EvaluateInput): Promise<WorkResult> {
      const { spec } = input;
      checkNames(spec);
      return withHeartbeat(async (context) => {
        const [warehouse, store] = await Promise.all([ports.warehouse(input.profile), ports.store(input.profile)]);
        const name = evaluationName(input);
        const ofTables = spec.scores !== undefined;
        const measured = ofTables
          ? await measureScores(warehouse, { spec, name, labels: labelsOf(input) }, context)
          : await measureExport(warehouse, store, input, name, context);
        const subject = ofTables ? measured.scores : (spec.model ?? '');
        const row = rowContext(input, { export: subject, trial: trialOf(subject), early: false, samples: null });
        await warehouse.append('evaluations', evaluationRows(measured.measurements, row), rowKey('evaluations', input.run, input.step));
        // A table of scores is no model that anyone could serve.
        if (!ofTables) await register(warehouse, measured.measurements, row);
        const names = metricsOfTask(spec.task, { k: spec.k, metrics: spec.metrics, scaled: spec.scale !== undefined });
        const baseline = ofTables || spec.task !== 'ranking' ? baselineOf(spec) : baselineName(spec);
        const hint = await clusterHint(warehouse, spec, measured.scores, context);
        for (const scores of input.scored ?? []) await removeScores(store, scores);
        return { outputs: outputsOf(measured.measurements, { names, baseline, scores: measured.scores, hint }) };
      });
    },

    /** While training goes on: the same metrics of an export that just became ready. Tables of scores are not kept: there may be hundreds. */
    async evaluateExport(input: EvaluateExportInput): Promise<{ readonly metrics: Readonly<Record<string, number>> }> {
      const { spec } = input;
      checkNames(spec);
      return withHeartbeat(async (context) => {
        const [warehouse, store] = await Promise.all([ports.warehouse(input.profile), ports.store(input.profile)]);
        const candidates = [{ scorer: MODEL, export: input.export }];
        const name = evaluationName(input);
        const given = { spec, candidates, scored: input.scored, name, labels: labelsOf(input) };
        const measured = await measure(warehouse, store, given, context);
        const row = rowContext(input, { export: input.export, trial: input.trial, early: true, samples: input.samples });
        await warehouse.append('evaluations', evaluationRows(measured.measurements, row), rowKey('evaluations', input.run, input.key));
        // In this order no other attempt makes a table of what is left of the parts: while there are some, there is the table.
        for (const scores of input.scored ?? []) await removeScores(store, scores);
        for (const table of measured.tables) await warehouse.drop(table);
        return { metrics: valuesOf(measured.measurements, MODEL) };
      });
    },
  });

async function measureExport(
  warehouse: Warehouse,
  store: ObjectStore,
  input: EvaluateInput,
  name: string,
  context: JobContext,
): Promise<Measured> {
  const spec = withTestSet(input.spec);
  if (spec.model === undefined) throw failure('InvalidInput', 'evaluate: expected model, or scores');
  await requireExport(store, spec.model);
  const candidates = await candidatesOf(spec.model, spec.compareWith, input.pipeline, warehouse);
  const given = { spec, candidates, scored: input.scored, name, labels: labelsOf(input) };
  return spec.task === 'ranking' ? measure(warehouse, store, given, context) : measureExamples(warehouse, store, given, context);
}

/** Of another task than a ranking: each candidate of the feature table's layout is an example. */
async function measureExamples(
  warehouse: Warehouse,
  store: ObjectStore,
  input: MeasureInput & { readonly spec: EvaluateSpec & EvaluationSpec },
  context: JobContext,
): Promise<Measured> {
  const { spec, candidates, name, labels } = input;
  const testSet = await openTestSet(spec, warehouse, store);
  const tables: Record<string, string> = {};
  for (const candidate of candidates)
    tables[candidate.scorer] = (await scoresOf(warehouse, store, input, candidate, testSet, context)).table;
  const columns = { id: testSet.carried.includes(spec.id) ? spec.id : 'item', label: 'label', score: 'score', group: 'session' };
  const exports = Object.fromEntries(candidates.map((candidate) => [candidate.scorer, candidate.export]));
  return measureScores(warehouse, { spec: { ...spec, ...columns, scores: tables }, name, labels, exports }, context);
}

function checkNames(spec: Pick<EvaluateSpec, 'baseline' | 'k' | 'segments'>): void {
  if (spec.baseline && spec.baseline.name === MODEL)
    throw failure('InvalidInput', `baseline.name: expected another name than "${MODEL}", which is the evaluated one's`);
  for (const [path, values] of [
    ['k', spec.k],
    ['segments', spec.segments],
  ] as const) {
    if (new Set<unknown>(values).size < values.length)
      throw failure('InvalidInput', `${path}: expected each once, found ${values.join(', ')}`);
  }
}

/** A run document may come from anywhere: the model is looked for before a scorer is started for it. */
async function requireExport(store: ObjectStore, uri: string): Promise<void> {
  if (!uri.startsWith(`${store.root}/`)) return;
  for await (const _object of store.list(`${uri.replace(/\/+$/, '')}/`)) return;
  throw failure('InvalidInput', `model: there is no model export at ${uri}`);
}

function rowContext(
  input: { readonly pipeline: string; readonly run: string; readonly step: string },
  rest: Pick<RowContext, 'export' | 'trial' | 'early' | 'samples'>,
): RowContext {
  const { pipeline, run, step } = input;
  return { pipeline, run, step, time: new Date().toISOString(), ...rest };
}

/** A model that someone promoted keeps its stage, also when another run evaluates it again. */
async function register(warehouse: Warehouse, measurements: readonly Measurement[], context: RowContext): Promise<void> {
  const row = modelRow(measurements, context);
  const known = (await warehouse.ledger('models', { pipeline: context.pipeline })).find((one) => one.model === row.model);
  if (known && known.stage !== 'candidate') return;
  await warehouse.append('models', [row], rowKey('models', context.run, context.step));
}
