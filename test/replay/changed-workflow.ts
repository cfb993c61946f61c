/** What a careless change looks like: the same workflow types, with one command before all others. */
import { sleep } from '@temporalio/workflow';
import type { RunDocument } from '../../src/contract/run-document.ts';
import type { SearchInput, SearchResult } from '../../src/contract/search.ts';
import type { TrialInput, TrialSummary } from '../../src/contract/trial-run.ts';
import type { RunResult } from '../../src/contract/state.ts';
import { hyperparameterSearch as unchangedSearch } from '../../workflows/search/hyperparameter-search.ts';
import { trainingPipeline as unchangedPipeline } from '../../workflows/pipeline/training-pipeline.ts';
import { trial as unchangedTrial } from '../../workflows/trial/trial.ts';

export async function trainingPipeline(document: RunDocument): Promise<RunResult> {
  await sleep(1);
  return unchangedPipeline(document);
}

export async function hyperparameterSearch(input: SearchInput): Promise<SearchResult> {
  await sleep(1);
  return unchangedSearch(input);
}

export async function trial(input: TrialInput): Promise<TrialSummary> {
  await sleep(1);
  return unchangedTrial(input);
}
