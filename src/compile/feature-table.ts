/** Feature tables: in the pipeline or in a file of their own, and what a schema cannot say about them. */
import { FeatureTable } from '../contract/features.ts';
import { loadFile, type Loader } from './load.ts';
import { join, type Problems } from './problems.ts';
import { applySchema } from './schema-problems.ts';
import { child, nearest, show, type Node } from './tree.ts';

/** null: there is a mistake in it, and that is told. @param node a path or the table itself */
export async function featureTable(node: Node, path: string, loader: Loader): Promise<FeatureTable | null> {
  if (node.kind === 'map') return check(node, path, loader.problems);
  if (node.kind !== 'scalar' || typeof node.value !== 'string') return null;
  const file = await loader.files.read(node.value, node.at, path);
  const table = file && (await loadFile(file, 'features', loader));
  return table && check(table, '', loader.problems);
}

function check(node: Node, path: string, problems: Problems): FeatureTable | null {
  const table = applySchema(FeatureTable, node, path, problems);
  if (!table) return null;
  const seen = new Set<string>();
  const before = problems.count;
  for (const [i, feature] of table.features.entries()) {
    const tell = (field: string, message: string, details: { expected?: string; found?: string }): void => {
      const at = nearest(child(node, 'features') ?? node, [i, field]).node.at;
      problems.add(at, join(path, 'features', i, field), message, details);
    };
    if (seen.has(feature.name)) tell('name', 'two features have this name', { found: feature.name });
    seen.add(feature.name);
    // null stands for 0.
    if (feature.type === 'numeric' && feature.default !== null && typeof feature.default !== 'number')
      tell('default', 'the default of a numeric feature has the wrong type', { expected: 'a number', found: show(feature.default) });
    if (feature.type === 'numeric' && feature.buckets !== undefined) tell('buckets', 'a numeric feature has no buckets', {});
    for (const field of ['mean', 'stddev'] as const)
      if (feature.type === 'categorical' && feature[field] !== undefined) tell(field, `a categorical feature has no ${field}`, {});
  }
  return problems.count === before ? table : null;
}
