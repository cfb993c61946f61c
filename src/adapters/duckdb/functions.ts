import { BIGINT, BLOB, DuckDBBlobValue, VARCHAR } from '@duckdb/node-api';
import type { DuckDBConnection } from '@duckdb/node-api';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bigqueryFingerprint } from 'farmhash-modern';
import { TRAINER_DIRECTORY } from '../python.ts';
import { BIT_FUNCTIONS } from './google/bits.ts';
import { CAST_FORMATS } from './google/cast-formats.ts';
import { FORMAT_FUNCTIONS } from './google/format.ts';
import { JSON_FUNCTIONS } from './google/json.ts';
import { REGEXP_FUNCTIONS } from './google/regexp.ts';
import { addScalars } from './google/scalar.ts';
import type { ScalarFunction } from './google/scalar.ts';
import { TEXT_FUNCTIONS } from './google/text.ts';
import { TIME_FORMATS } from './google/time-formats.ts';
import { TIME_PARSING } from './google/time-parsing.ts';

/** Macros that translated statements call lie beside the rules of the translator that write them. */
const RULES = join(TRAINER_DIRECTORY, 'longhaul_sql');

const FINGERPRINTS = [VARCHAR, BLOB].map((type): ScalarFunction => ({
  name: 'longhaul_farm_fingerprint',
  parameters: [type],
  returns: BIGINT,
  call: ([value]) => bigqueryFingerprint(value instanceof DuckDBBlobValue ? value.bytes : (value as string)),
}));

/** Gives a new database the functions of GoogleSQL that DuckDB does not have. */
export async function addFunctions(connection: DuckDBConnection): Promise<void> {
  addScalars(connection, [
    ...FINGERPRINTS,
    ...TEXT_FUNCTIONS,
    ...REGEXP_FUNCTIONS,
    ...FORMAT_FUNCTIONS,
    ...JSON_FUNCTIONS,
    ...BIT_FUNCTIONS,
    ...CAST_FORMATS,
    ...TIME_FORMATS,
    ...TIME_PARSING,
  ]);
  const preludes = (await readdir(RULES)).filter((name) => /^prelude.*\.sql$/.test(name)).sort();
  const macros = (await Promise.all(preludes.map((name) => readFile(join(RULES, name), 'utf8')))).join('\n');
  await connection.run(macros);
  await connection.run(withoutErrors(macros));
}

/** The macros once more, as `safely_…` and with NULL where they raise an error: TRY takes no call of error(). */
function withoutErrors(macros: string): string {
  const names = [...macros.matchAll(/\bCREATE OR REPLACE MACRO (longhaul_\w+)/g)].map(([, name = '']) => name);
  const renamed = macros.replaceAll(/\blonghaul_\w+/g, (name) => (names.includes(name) ? name.replace('longhaul_', 'safely_') : name));
  let text = '';
  for (let rest = renamed; ;) {
    const [before = '', ...after] = rest.split(/\berror\(/);
    text += before;
    if (after.length === 0) return text;
    const open = rest.slice(before.length);
    const end = closing(open);
    text += 'NULL';
    rest = open.slice(end + 1);
  }
}

/** Place of the parenthesis that closes the first one; texts may have some too. */
function closing(text: string): number {
  let depth = 0;
  let quoted = false;
  for (const [i, each] of Array.from(text).entries()) {
    if (each === "'") quoted = !quoted;
    if (quoted) continue;
    if (each === '(') depth++;
    if (each === ')' && --depth === 0) return i;
  }
  return text.length;
}
