import { describe, expect, it } from 'vitest';
import { Warehouse } from '../../../src/contract/profile.ts';
import { scoredByWarehouse } from '../../../src/rules/scorers.ts';

const bigquery = (changes: object = {}): Warehouse => Warehouse.parse({ kind: 'bigquery', project: 'p', ...changes });

describe('who scores', () => {
  it.each<[Warehouse, string | null, boolean]>([
    [bigquery(), 'saved-model', true],
    [bigquery(), 'onnx', false],
    [bigquery({ imports: ['onnx'] }), 'onnx', true],
    [bigquery({ imports: ['onnx'] }), 'xgboost', false],
    [bigquery({ imports: ['onnx', 'xgboost', 'tensorflow-lite'] }), 'lightgbm', false],
    [bigquery({ predict: 'scorer', imports: ['onnx'] }), 'onnx', false],
    [bigquery({ predict: 'scorer' }), 'saved-model', false],
    [bigquery(), null, false],
    [Warehouse.parse({ kind: 'duckdb', path: '/w' }), 'saved-model', false],
  ])('%o, %s: the warehouse %s', (warehouse, kind, expected) => {
    expect(scoredByWarehouse(warehouse, kind)).toBe(expected);
  });
});
