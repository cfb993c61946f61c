/** Who scores with an export: the warehouse itself, or a Job. Pure. */
import type { Warehouse } from '../contract/profile.ts';

/** Formats that BigQuery ML imports, by `READY.scorer.kind`. */
export const MODEL_TYPES = {
  'saved-model': 'TENSORFLOW',
  onnx: 'ONNX',
  xgboost: 'XGBOOST',
  'tensorflow-lite': 'TENSORFLOW_LITE',
} as const;
export type ImportedKind = keyof typeof MODEL_TYPES;

export const isImported = (kind: string | null): kind is ImportedKind => kind !== null && kind in MODEL_TYPES;

/** @param kind of READY.scorer; null: it says nothing */
export function scoredByWarehouse(warehouse: Warehouse, kind: string | null): boolean {
  if (warehouse.kind !== 'bigquery' || warehouse.predict !== 'bigquery-ml' || !isImported(kind)) return false;
  return kind === 'saved-model' || (warehouse.imports ?? []).includes(kind);
}
