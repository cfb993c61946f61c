import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobContext, PredictRequest, TableInfo } from '../../ports/warehouse.ts';
import { uniqueName } from '../temporaries.ts';
import { runScorer } from '../scorer.ts';
import { literal } from './engine.ts';
import { columnsOf } from './queries.ts';
import type { Parts } from './queries.ts';

/** Scores with the trainer's own scorer, and takes its parquet file for a table. */
export async function predictTable(parts: Parts, request: PredictRequest, context: JobContext): Promise<TableInfo> {
  await mkdir(parts.layout.temporary, { recursive: true });
  const file = join(parts.layout.temporary, `scores-${uniqueName('.parquet')}`);
  try {
    await runScorer(request, file, context);
    const { rows, columns } = await parts.engine.session(context, async (session) => {
      const counted = await session.run(`SELECT num_rows FROM parquet_file_metadata(${literal(file)})`);
      return { rows: Number(counted.getRows()[0]?.[0] ?? 0), columns: await columnsOf(session, file) };
    });
    return await parts.tables.exclusively([request.destination], () =>
      parts.tables.commit({
        table: request.destination,
        file,
        rows,
        columns,
        job: request.jobId,
        labels: request.labels,
        ...(request.expirationDays === undefined ? {} : { expirationDays: request.expirationDays }),
      }),
    );
  } finally {
    await rm(file, { force: true });
  }
}
