/** A run document in the shape of the grocery example. */
import { RunDocument } from '../../src/contract/run-document.ts';

interface DocumentOptions {
  readonly pipeline: string;
  readonly trials: number;
  readonly parallel: number;
  /** Further query steps beside the others. */
  readonly moreSteps: number;
}

const SPLITS = ['train', 'validation', 'test'] as const;
const DATA = 'file:///data/grocery-ranking';

export function groceryDocument({ pipeline, trials, parallel, moreSteps }: DocumentOptions): RunDocument {
  const query = (id: string, dependsOn: readonly string[]): object => ({
    id,
    dependsOn,
    spec: {
      kind: 'query',
      sql: 'SELECT * FROM {candidates}',
      sqlFile: 'sql/dataset.sql',
      destination: `grocery.${id.replaceAll('.', '_')}`,
    },
  });
  const evaluation = {
    table: '{steps.dataset.test.outputs.table}',
    features: '{steps.dataset.test.outputs.features}',
    data: '{steps.parts.test.outputs.uri}',
    segments: ['basket_size'],
    baseline: { name: 'popularity', column: 'popularity_4w' },
  };
  const search = {
    kind: 'search',
    data: { train: '{steps.parts.train.outputs.uri}', validation: '{steps.parts.validation.outputs.uri}' },
    features: '{steps.dataset.train.outputs.features}',
    objective: { metric: 'validation_ndcg_at_10', goal: 'maximize' },
    space: {
      learning_rate: { type: 'float', low: 1e-4, high: 0.03, log: true },
      units: {
        type: 'categorical',
        choices: [
          [64, 32],
          [128, 64],
          [256, 128],
        ],
      },
      dropout: { type: 'float', low: 0, high: 0.5 },
      batch_size: { type: 'categorical', choices: [64, 128, 256] },
      loss: { type: 'categorical', choices: ['softmax', 'pairwise'] },
      margin: { type: 'float', low: 0.1, high: 2, when: { parameter: 'loss', in: ['pairwise'] } },
    },
    trials,
    parallel,
    epochs: 2,
    stopping: [{ kind: 'median' }],
    budget: { cost: 60 },
    output: `${DATA}/search/{key}`,
    earlyEvaluation: evaluation,
  };
  return RunDocument.parse({
    schemaVersion: 1,
    pipeline,
    description: 'Ranks the front page of the weekly mailer for each household.',
    params: { epochs: 2, trials },
    profileName: 'gcp',
    profile: {
      warehouse: { kind: 'duckdb', path: '/data/warehouse' },
      storage: { kind: 'directory', path: '/data/store' },
      compute: { kind: 'kubernetes', image: 'europe-docker.pkg.dev/shop/longhaul/trainer@sha256:5f3c0a9d7c1e' },
      pools: [
        { name: 'spot-l4', spot: true, pricePerHour: 0.28, onDemandPricePerHour: 0.71 },
        { name: 'on-demand-l4', spot: false, pricePerHour: 0.71, onDemandPricePerHour: 0.71 },
      ],
    },
    steps: [
      query('candidates', []),
      ...Array.from({ length: moreSteps }, (_, at) =>
        query(`history.week-${at + 1}`, at % 4 === 0 ? [] : [`history.week-${at - (at % 4) + 1}`]),
      ),
      ...SPLITS.map((split) => query(`dataset.${split}`, ['candidates', ...(moreSteps > 0 ? [`history.week-${moreSteps}`] : [])])),
      ...SPLITS.map((split) => ({
        id: `parts.${split}`,
        dependsOn: [`dataset.${split}`],
        spec: { kind: 'export', table: `{steps.dataset.${split}.outputs.table}`, destination: `${DATA}/${split}/{key}` },
      })),
      { id: 'search', dependsOn: ['parts.train', 'parts.validation', 'dataset.train', 'parts.test', 'dataset.test'], spec: search },
      {
        id: 'evaluate',
        dependsOn: ['search', 'parts.test'],
        spec: { kind: 'evaluate', ...evaluation, model: '{steps.search.outputs.export}', compareWith: ['champion'] },
      },
      { id: 'release', dependsOn: ['evaluate'], spec: { kind: 'approval', message: 'Release the new ranking model?' } },
    ],
    onExit: [
      {
        id: 'clean-up',
        dependsOn: [],
        spec: { kind: 'container', image: 'busybox@sha256:77ad', command: ['true'], output: `${DATA}/clean-up` },
      },
    ],
    source: { file: 'examples/grocery-ranking/pipeline.yaml', commit: '4f1d2c7a90b3e5d8c6a17f20be94d3518ac07e62', dirty: false },
    hash: 'c0ffee5a7e1d4b2f8a6c3e9d0b1f2a3c4d5e6f708192a3b4c5d6e7f80910a1b2',
  });
}
