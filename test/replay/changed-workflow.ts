/** What a careless change looks like: the same workflow type, with one command before all others. */
import { sleep } from '@temporalio/workflow';
import type { RunDocument } from '../../src/contract/run-document.ts';
import type { RunResult } from '../../src/contract/state.ts';
import { trainingPipeline as unchanged } from '../../workflows/training-pipeline.ts';

export async function trainingPipeline(document: RunDocument): Promise<RunResult> {
  await sleep(1);
  return unchanged(document);
}
