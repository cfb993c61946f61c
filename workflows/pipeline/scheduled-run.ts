/**
 * What a schedule starts: a run with a name that runs may have. Temporal names a schedule's workflow by the time at which it was due, with
 * colons, which no table or path of a run may hold. It lasts as long as the run, so that the schedule's overlap policy counts runs.
 */
import { startChild, workflowInfo } from '@temporalio/workflow';
import { scheduledRunName } from '../../src/contract/ids.ts';
import { WORKFLOWS } from '../../src/contract/names.ts';
import type { RunDocument } from '../../src/contract/run-document.ts';
import type { RunResult } from '../../src/contract/state.ts';
import { SCHEDULED_RUN_POLICY } from '../policies.ts';
import { ATTRIBUTE_KEYS } from '../search-attributes.ts';
import type { trainingPipeline } from './training-pipeline.ts';

export async function scheduledRun(document: RunDocument): Promise<RunResult['status']> {
  const run = scheduledRunName(workflowInfo().workflowId);
  const child = await startChild<typeof trainingPipeline>(WORKFLOWS.trainingPipeline, {
    ...SCHEDULED_RUN_POLICY,
    workflowId: run,
    args: [document],
    staticSummary: `${document.pipeline} on ${document.profileName}`,
    typedSearchAttributes: [
      { key: ATTRIBUTE_KEYS.pipeline, value: document.pipeline },
      { key: ATTRIBUTE_KEYS.run, value: run },
      { key: ATTRIBUTE_KEYS.status, value: 'running' },
    ],
  });
  return (await child.result()).status;
}
