/** The spec of a query step: its SQL, what that reads, and the table that it makes. */
import { hasDecimals, parseGoogleType } from '../contract/google-type.ts';
import type { QueryParameter } from '../contract/values.ts';
import { featureTable } from './feature-table.ts';
import type { LeafStep } from './expand.ts';
import { join } from './problems.ts';
import { queryParameter } from './query-parameters.ts';
import { checkNames, readSql } from './sql-files.ts';
import { identifier } from './step-fields.ts';
import { child, type MapNode, show } from './tree.ts';
import { type BuildContext, entriesOf, type FileOf } from './build-context.ts';

export async function querySpec(
  leaf: LeafStep,
  fields: MapNode,
  file: FileOf<'query'> | null,
  context: BuildContext,
): Promise<object | null> {
  const { problems } = context;
  const path = (name: string): string => join(leaf.path, name);
  const sqlNode = child(fields, 'sql');
  const text = sqlNode ? await readSql(sqlNode, path('sql'), context) : null;
  const parameters: Record<string, QueryParameter> = {};
  for (const [name, { value }] of entriesOf(fields, 'with')) {
    const parameter = queryParameter(value, join(path('with'), name), context.typeOf, problems);
    if (parameter) parameters[name] = parameter;
    const type = parameter && parseGoogleType(parameter.type);
    if (type && hasDecimals(type) && context.sqlChecks)
      problems.add(value.at, join(path('with'), name), 'the embedded warehouse does not compute decimals as BigQuery does', {
        expected: 'FLOAT64, INT64 or STRING',
        found: parameter.type,
        hint: 'see docs/sql.md',
      });
  }
  const featuresNode = child(fields, 'features');
  const features = featuresNode ? await featureTable(featuresNode, path('features'), context) : undefined;
  if (text) {
    const tables = [...entriesOf(fields, 'tables').keys(), ...entriesOf(fields, 'sources').keys()];
    const both = [...entriesOf(fields, 'tables')].find(([name]) => entriesOf(fields, 'sources').has(name));
    if (both) problems.add(both[1].key, join(path('tables'), both[0]), 'an alias is a table or a source, not both', { found: both[0] });
    checkNames(text, tables, [...entriesOf(fields, 'with').keys()], path('sql'), problems);
    context.sqlChecks?.add(text, path('sql'), leaf.id);
  }
  const destination = destinationOf(leaf, fields, context);
  if (!file || !text || features === null || destination === null) return null;
  return {
    kind: 'query',
    sql: text.sql,
    sqlFile: text.name,
    parameters,
    tables: file.tables ?? {},
    sources: file.sources ?? {},
    destination,
    ...(file.partitionBy === undefined
      ? {}
      : { partitioning: typeof file.partitionBy === 'string' ? { column: file.partitionBy } : file.partitionBy }),
    clustering: typeof file.clusterBy === 'string' ? [file.clusterBy] : (file.clusterBy ?? []),
    ...(file.expiration === undefined ? {} : { expirationDays: file.expiration }),
    ...(file.maximumBytesBilled === undefined ? {} : { maximumBytesBilled: file.maximumBytesBilled }),
    ...(features ? { features } : {}),
    statistics: file.statistics ?? false,
  };
}

const MAX_TABLE = 220;
const TABLE_PARTS = /^(?:(?:[A-Za-z0-9_-]+\.){1,2})?[A-Za-z0-9_-]+$/;

/** Only identifiers: the name of a table becomes part of SQL. What is made for a combination of params is called as in a run with these params alone: it is the same. */
function destinationOf(leaf: LeafStep, fields: MapNode, { dataset, pipeline, problems }: BuildContext): string | null {
  const node = child(fields, 'destination');
  if (!node) return `${dataset}.${identifier(pipeline)}_${identifier(leaf.template)}_{key}`;
  if (node.kind !== 'scalar' || node.broken || typeof node.value !== 'string') return null;
  const constant = node.value.replaceAll('{key}', 'k'.repeat(12)).replaceAll('{run}', 'r');
  if (TABLE_PARTS.test(constant) && constant.length <= MAX_TABLE) return constant.includes('.') ? node.value : `${dataset}.${node.value}`;
  problems.add(node.at, join(leaf.path, 'destination'), 'not the name of a table', {
    expected: `dataset.table of letters, digits, _ and - and {key}, at most ${MAX_TABLE} characters`,
    found: show(node.value),
  });
  return null;
}
