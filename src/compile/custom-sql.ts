/** SQL that a step brings beside its own statement: metrics of one's own, rules of a check. */
import type { LeafStep } from './expand.ts';
import { join } from './problems.ts';
import { checkNames, readSql } from './sql-files.ts';
import { child, type MapNode } from './tree.ts';
import type { BuildContext, FileOf } from './build-context.ts';

export async function customMetrics(fields: MapNode, path: string, context: BuildContext): Promise<{ file: string; sql: string }[]> {
  const node = child(fields, 'customMetrics');
  if (node?.kind !== 'list') return [];
  const texts = await Promise.all(node.items.map((item, i) => readSql(item, join(path, i), context)));
  return texts.flatMap((text, i) => {
    if (!text) return [];
    checkNames(text, ['scores'], [], join(path, i), context.problems);
    context.sqlChecks?.add(text, join(path, i));
    return [{ file: text.name, sql: text.sql }];
  });
}

/** Rules in SQL are read; the others are as they stand. */
export async function checkRules(leaf: LeafStep, fields: MapNode, file: FileOf<'check'>, context: BuildContext): Promise<object[]> {
  const node = child(fields, 'rules');
  const items = node?.kind === 'list' ? node.items : [];
  const built = await Promise.all(
    file.rules.map(async (rule, index) => {
      if (rule.check !== 'sql') return rule;
      const path = join(leaf.path, 'rules', index, 'sql');
      const item = items[index];
      const sqlNode = item?.kind === 'map' ? child(item, 'sql') : undefined;
      const text = sqlNode ? await readSql(sqlNode, path, context) : null;
      if (!text) return null;
      checkNames(text, ['table'], [], path, context.problems);
      context.sqlChecks?.add(text, path);
      return { ...rule, file: text.name, sql: text.sql };
    }),
  );
  return built.filter((rule) => rule !== null);
}
