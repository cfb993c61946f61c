import type { Problem } from '../../contract/errors.ts';
import type { Binder } from './made-columns.ts';
import { SqlProblem } from '../google-sql/placeholders.ts';
import { refuseUndeclared } from './tables-used.ts';
import { createTranslator } from './translate.ts';

export interface SqlChecker {
  /** What is wrong with GoogleSQL for the embedded warehouse, as far as can be told without tables. */
  check(sql: string, file: string): Promise<Problem[]>;
  /** The same with the columns of what it reads, where those are known; which columns it makes. */
  bind: Binder['bind'];
  close(): Promise<void>;
}

/**
 * Checks SQL files when a pipeline is compiled.
 *
 * @example
 * const checker = createSqlChecker();
 * await checker.check('SELECT 1', 'sql/one.sql'); // []
 * await checker.close();
 */
export function createSqlChecker(): SqlChecker {
  const translator = createTranslator();
  let binder: Promise<Binder> | undefined;
  return {
    async check(sql, file) {
      try {
        const { quoted, translation } = await translator.translate(sql, file);
        refuseUndeclared(sql, file, quoted, translation.statements);
        return [];
      } catch (error) {
        if (error instanceof SqlProblem) return [error.problem];
        throw error;
      }
    },
    async bind(statement, known) {
      // Loaded here: most commands compile nothing, and DuckDB is large.
      binder ??= import('./made-columns.ts').then(({ createBinder }) => createBinder(translator));
      return (await binder).bind(statement, known);
    },
    async close() {
      await (await binder)?.close();
      await translator.close();
    },
  };
}
