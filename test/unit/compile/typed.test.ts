import { expect, test } from 'vitest';
import type { Pipeline } from '../../../src/contract/pipeline.ts';

const SPLITS = ['train', 'test'];

/** tsc is the test: editors check a pipeline in TypeScript by this type. */
const pipeline = {
  version: 1,
  name: 'typed',
  params: { trials: 4, mode: { default: 'fast', choices: ['fast', 'full'] } },
  steps: {
    dataset: {
      kind: 'query',
      sql: 'sql/d.sql',
      forEach: { split: SPLITS },
      with: { split: '{split}', day: { type: 'DATE', value: '2024-01-01' } },
    },
    parts: { uses: 'components/parts.yaml', forEach: { split: SPLITS }, with: { table: '{steps.dataset.{split}.outputs.table}' } },
    search: {
      kind: 'search',
      data: '{steps.parts.outputs.uri}',
      features: '{steps.dataset.train.outputs.features}',
      objective: { metric: 'validation_mrr', direction: 'maximize' },
      n_trials: '{params.trials}',
      space: { rate: { type: 'float', low: 0.001, high: 0.1, log: true } },
      timeout: '{params.timeout}',
    },
  },
} satisfies Pipeline;

const wrong = {
  version: 1,
  name: 'wrong',
  steps: {
    ask: {
      kind: 'approval',
      message: 'ok?',
      // @ts-expect-error a field that approvals do not have
      mesage: 'ok?',
    },
    // @ts-expect-error a text that is neither a number nor a reference
    parts: {
      kind: 'export',
      table: 'a.b',
      rowsPerPart: 'many',
    },
  },
} satisfies Pipeline;

test('a pipeline in TypeScript keeps the types of its parts', () => {
  expect(pipeline.steps.search.n_trials).toBe('{params.trials}');
  expect(wrong.steps.parts.kind).toBe('export');
});
