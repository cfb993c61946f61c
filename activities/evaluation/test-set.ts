/** The test set of an evaluation, with everything checked that can be before a model is asked. */
import { FeatureTable } from '../../src/contract/features.ts';
import type { EvaluateSpec, EvaluationSpec } from '../../src/contract/steps.ts';
import type { ObjectStore, Warehouse } from '../../src/ports/index.ts';
import { failure } from '../failures.ts';
import { availableColumns } from './columns.ts';
import { OWN_COLUMNS } from './metric-sql.ts';

/** What the feature table calls its items is an id anyway. */
const ITEM = 'id';

interface TestSet {
  /** Columns that scores carry: segments of the spec and of the feature table, and the baseline's. */
  readonly carried: readonly string[];
  /** `dataset` or `project.dataset` of the table: scores lie beside it. */
  readonly dataset: string;
}

/** Columns of examples that other tasks than a ranking need. */
type Examples = Partial<Pick<EvaluateSpec, 'id' | 'weight' | 'time' | 'horizon' | 'scale'>>;

export async function openTestSet(spec: EvaluationSpec & Examples, warehouse: Warehouse, store: ObjectStore): Promise<TestSet> {
  const table = await warehouse.describe(spec.table);
  if (!table) throw failure('InvalidInput', `table: there is no table ${spec.table}`);
  const features = await readFeatures(spec.features, store);
  const available = availableColumns(table, features);
  const wanted = [
    ...spec.segments.map((column) => ({ column, path: 'segments' })),
    ...(spec.cluster === undefined ? [] : [{ column: spec.cluster, path: 'cluster' }]),
    ...(spec.baseline ? [{ column: spec.baseline.column, path: 'baseline.column' }] : []),
    ...(['id', 'weight', 'time', 'horizon', 'scale'] as const).flatMap((path) => {
      const column = spec[path];
      return column === undefined || column === ITEM || column === features.layout.item ? [] : [{ column, path }];
    }),
  ];
  for (const { column, path } of wanted) {
    if (!available.includes(column))
      throw failure('InvalidInput', `${path}: ${spec.table} has no column ${column}; expected one of ${available.join(', ')}`);
  }
  const carried = [...new Set([...wanted.map(({ column }) => column), ...features.segments])];
  const taken = carried.find((column) => OWN_COLUMNS.includes(column.toLowerCase()));
  if (taken !== undefined)
    throw failure('InvalidInput', `segments: the name ${taken} is taken in tables of scores; give the column another name in the data set`);
  return { carried, dataset: spec.table.split('.').slice(0, -1).join('.') };
}

async function readFeatures(uri: string, store: ObjectStore): Promise<FeatureTable> {
  const object = await store.read(uri);
  if (!object) throw failure('InvalidInput', `features: there is no ${uri}; expected the feature table of the test set`);
  const parsed = FeatureTable.safeParse(JSON.parse(new TextDecoder().decode(object.data)));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw failure('InvalidInput', `${uri}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not a feature table'}`);
}
