import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findWord, positionAt, quoteAliases } from '../../src/adapters/google-sql/placeholders.ts';

describe('aliases in GoogleSQL', () => {
  it('become quoted identifiers of the same text', () => {
    const { sql, aliases } = quoteAliases('SELECT a.x FROM {train} AS a JOIN {test_2} AS b');
    expect(sql).toBe('SELECT a.x FROM `{train}` AS a JOIN `{test_2}` AS b');
    expect([...aliases]).toEqual(['train', 'test_2']);
  });

  it.each([
    `'{a}'`,
    `"{a}"`,
    `'it\\'s {a}'`,
    `r'{a}\\'{a}'`,
    `'''{a} ' {a}'''`,
    `"""{a} " {a}"""`,
    `rb"{a}"`,
    '`{a}`',
    '-- {a}',
    '# {a}',
    '/* {a}\n{a} */',
    '{ a }',
    '{1}',
    '{}',
    "'{a}",
  ])('are left alone in %s', (text) => {
    const { sql, aliases } = quoteAliases(`SELECT ${text}`);
    expect(sql).toBe(`SELECT ${text}`);
    expect(aliases.size).toBe(0);
  });

  it('are found again after strings and comments of every kind', () => {
    const { sql } = quoteAliases(`SELECT 'a\\\\', "b" -- c '\n, '''d'''\n FROM {t} /* ' */ JOIN {u}`);
    expect(sql).toBe(`SELECT 'a\\\\', "b" -- c '\n, '''d'''\n FROM \`{t}\` /* ' */ JOIN \`{u}\``);
  });

  it('do not move the places that errors name', () => {
    const original = 'SELECT {a}.x, {bb}.y FROM\n{a} AS a, {bb} AS bb WHERE oops';
    const quoted = quoteAliases(original);
    for (const word of ['x', 'y', 'FROM', 'AS', 'WHERE', 'oops']) {
      expect(quoted.original(positionAt(quoted.sql, quoted.sql.indexOf(word)))).toEqual(positionAt(original, original.indexOf(word)));
    }
    // The quote itself and the brace behind it are the placeholder's beginning.
    expect(quoted.original(positionAt(quoted.sql, quoted.sql.indexOf('`{bb}')))).toEqual(positionAt(original, original.indexOf('{bb}')));
    expect(quoted.original(positionAt(quoted.sql, quoted.sql.indexOf('{bb}')))).toEqual(positionAt(original, original.indexOf('{bb}')));
  });

  it('never change anything but themselves', () => {
    const piece = fc.constantFrom("'", '"', '`', '\\', '{a}', '{b}', '--', '#', '/*', '*/', '\n', ' ', ';', "'''", 'x', 'r');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const original = pieces.join('');
        const { sql, aliases } = quoteAliases(original);
        let restored = sql;
        for (const alias of aliases) restored = restored.replaceAll(`\`{${alias}}\``, `{${alias}}`);
        return restored === original.replaceAll(/`(\{[ab]\})`/g, (_, inner: string) => (aliases.has(inner[1]!) ? inner : `\`${inner}\``));
      }),
    );
  });

  it('tell where statements begin', () => {
    const sql = "-- first; not yet\nCREATE TEMP TABLE x AS SELECT ';' AS a;\n/* ; */ SELECT * FROM x ;  ";
    expect(quoteAliases(sql).statements.map((at) => sql.slice(at, at + 6))).toEqual(['CREATE', 'SELECT']);
  });

  it('and words are found outside of strings and comments', () => {
    const sql = "SELECT 'price' -- price\n, Price FROM t";
    expect(positionAt(sql, findWord(sql, 'price', 0))).toEqual({ line: 2, column: 3 });
    expect(findWord(sql, 'pric', 0)).toBe(-1);
  });
});
