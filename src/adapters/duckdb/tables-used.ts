/** Which tables the statements of a script read and change. */
import { SqlProblem, positionAt } from '../google-sql/placeholders.ts';
import type { Quoted } from '../google-sql/placeholders.ts';
import type { TranslatedStatement } from './translate.ts';

/**
 * The cache is honest only if every table that is read is declared.
 *
 * @throws SqlProblem for a table that is neither an alias nor made by the script itself.
 */
export function refuseUndeclared(sql: string, file: string, quoted: Quoted, statements: readonly TranslatedStatement[]): void {
  const made = new Set(statements.flatMap((each) => (each.target === null ? [] : [aliasOf(each.target)])));
  for (const [index, each] of statements.entries()) {
    const foreign = [...each.reads, ...(each.target?.includes('.') ? [each.target] : [])].find(
      (name) => !quoted.aliases.has(aliasOf(name)) && !made.has(aliasOf(name)),
    );
    const undeclared = foreign ?? (each.target !== null && each.target.includes('.') ? each.target : undefined);
    if (undeclared === undefined) continue;
    throw new SqlProblem({
      file,
      ...positionAt(sql, quoted.statements[index] ?? 0),
      message: `the table ${undeclared} is not declared`,
      expected: 'an alias in braces, so that the cache knows what is read',
      hint: `add tables: { name: ${undeclared} } to the step and write {name}`,
    });
  }
}

export const aliasOf = (name: string): string => name.replaceAll(/[`"]/g, '').replace(/^\{(\w+)\}$/, '$1');

export const isSelect = (statement: TranslatedStatement): boolean =>
  /^(?:select|query|with|union|except|intersect|values|subquery)$/i.test(statement.kind);
