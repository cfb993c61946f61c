/** Names from outside stay names: neither a column, an alias nor a literal ends its quotation, in either dialect. */
import { DuckDBInstance } from '@duckdb/node-api';
import { describe, expect, it } from 'vitest';
import { checkSql, ranksSql } from '../../../activities/evaluation/metric-sql.ts';
import { identifier as googleIdentifier, literal as googleLiteral } from '../../../src/adapters/bigquery/names.ts';
import { identifier, literal } from '../../../src/adapters/duckdb/engine.ts';
import { quoteAliases, requireAliases } from '../../../src/adapters/google-sql/placeholders.ts';
import { HOSTILE } from '../../support/hostile-names.ts';

/** What is left of an SQL text when its quoted parts and comments are taken out, by the rules of each dialect. */
const outsideGoogle = (sql: string): string => sql.replace(/`(?:\\[\s\S]|[^`\\])*`|'(?:\\[\s\S]|[^'\\])*'/g, '');
const outsideDuckdb = (sql: string): string => sql.replace(/"(?:""|[^"])*"|'(?:''|[^'])*'/g, '');

describe.each(HOSTILE)('%j', (name) => {
  it('ends no quotation of either dialect', () => {
    for (const quote of [googleIdentifier, googleLiteral]) expect(outsideGoogle(`SELECT ${quote(name)} FROM t`)).toBe('SELECT  FROM t');
    for (const quote of [identifier, literal]) expect(outsideDuckdb(`SELECT ${quote(name)} FROM t`)).toBe('SELECT  FROM t');
  });

  it('as a column that cuts or ranks an evaluation is one column, and the SQL one statement', () => {
    const scorers = [{ scorer: name, alias: 'scores', column: name }];
    for (const sql of [ranksSql({ scorers, segments: [name], labelType: 'INT64' }), checkSql([name], 'INT64')]) {
      expect(quoteAliases(sql).statements).toHaveLength(1);
      expect(outsideGoogle(sql)).not.toMatch(/DROP|evil/);
    }
  });

  it('comes back from DuckDB as it went in', async () => {
    const connection = await (await DuckDBInstance.create(':memory:')).connect();
    const reader = await connection.runAndReadAll(`SELECT ${literal(name)} AS ${identifier(name)}`);
    expect(reader.getRowObjects()).toEqual([{ [name]: name }]);
    connection.closeSync();
  });

  it('is no alias of a table', () => {
    const { aliases } = quoteAliases(`SELECT * FROM {${name}}`);
    for (const alias of aliases) expect(alias).toMatch(/^\w+$/);
  });
});

it('an alias inside of a string, a comment or a quoted name is just text', () => {
  const sql = `SELECT '{a}', "{b}", \`{c}\` -- {d}\nFROM {e} /* {f} */`;
  expect([...quoteAliases(sql).aliases]).toEqual(['e']);
});

it.each(['__proto__', 'constructor', 'toString'])('the alias {%s} is refused like any other that no one declared', (alias) => {
  const sql = `SELECT * FROM {${alias}}`;
  expect(() => requireAliases(sql, 'x.sql', quoteAliases(sql), ['train'])).toThrow(alias);
});
