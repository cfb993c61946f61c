import { BIGINT, DuckDBScalarFunction, VARCHAR } from '@duckdb/node-api';
import type { DuckDBConnection } from '@duckdb/node-api';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bigqueryFingerprint } from 'farmhash-modern';
import { TRAINER_DIRECTORY } from '../python.ts';

/** Macros that translated statements call; they lie beside the rules of the translator that write them. */
const PRELUDE = join(TRAINER_DIRECTORY, 'longhaul_sql', 'prelude.sql');

/** Gives a new database the functions of GoogleSQL that DuckDB does not have. */
export async function addFunctions(connection: DuckDBConnection): Promise<void> {
  connection.registerScalarFunction(
    DuckDBScalarFunction.create({
      name: 'longhaul_farm_fingerprint',
      parameterTypes: [VARCHAR],
      returnType: BIGINT,
      // Called for a chunk of rows; NULLs are answered by DuckDB itself.
      mainFunction: (_info, input, output) => {
        const texts = input.getColumnVector(0);
        for (let row = 0; row < input.rowCount; row++) {
          const text = texts.getItem(row);
          output.setItem(row, typeof text === 'string' ? bigqueryFingerprint(text) : null);
        }
        output.flush();
      },
    }),
  );
  await connection.run(await readFile(PRELUDE, 'utf8'));
}
