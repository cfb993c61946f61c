/**
 * Checks GoogleSQL for the embedded warehouse while compiling: only its adapter knows what it can translate, and a statement that it
 * cannot must be refused before anything starts. Hence the one import of an adapter here.
 */
import { createSqlChecker, type SqlChecker } from '../adapters/duckdb/check-sql.ts';

export function openSqlChecker(): SqlChecker & AsyncDisposable {
  const checker = createSqlChecker();
  return { check: (sql, file) => checker.check(sql, file), close: () => checker.close(), [Symbol.asyncDispose]: () => checker.close() };
}
