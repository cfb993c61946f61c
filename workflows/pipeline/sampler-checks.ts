/** Whether the sampler can do what a run's searches ask of it: known when the run begins, and not after the data sets were built. */
import { ActivityFailure, ApplicationFailure } from '@temporalio/common';
import { isCancellation, log } from '@temporalio/workflow';
import type { AskInput } from '../../src/contract/sampler.ts';
import type { Sampler } from '../../src/contract/search-space.ts';
import type { Profile } from '../../src/contract/profile.ts';
import type { RunDocument } from '../../src/contract/run-document.ts';
import type { SearchSpec } from '../../src/contract/steps.ts';
import { preparing, suggesting } from '../policies.ts';

/** What they need may not be there: PyTorch, a finite space, a single objective. The others take every space. */
const MAY_BE_REFUSED: readonly Sampler['kind'][] = ['gp', 'grid', 'cmaes'];

/** @throws {ApplicationFailure} of type InvalidInput, with the step and the sampler's own words */
export async function checkSamplers(run: string, document: RunDocument): Promise<void> {
  for (const { id, spec } of document.steps)
    if (spec.kind === 'search' && (spec.sampler.class !== undefined || MAY_BE_REFUSED.includes(spec.sampler.kind)))
      await checkSampler(run, id, spec, document.profile);
}

async function checkSampler(run: string, step: string, spec: SearchSpec, profile: Profile): Promise<void> {
  const asking = spec.sampler.class === undefined ? suggesting : preparing;
  try {
    await asking.ask.executeWithOptions({ summary: `check the sampler of ${step}` }, [firstQuestion(run, step, spec, profile)]);
  } catch (error) {
    if (isCancellation(error)) throw error;
    const refusal = error instanceof ActivityFailure && error.cause instanceof ApplicationFailure ? error.cause : null;
    if (refusal?.nonRetryable) throw ApplicationFailure.nonRetryable(`step ${step}: ${refusal.message}`, refusal.type);
    // Its worker is away: the search itself will wait for it.
    log.warn('the sampler did not answer', { step, error });
  }
}

const firstQuestion = (
  run: string,
  step: string,
  { space, sampler, objective, alsoOptimize, trials }: SearchSpec,
  { storage }: Profile,
): AskInput => ({
  study: `${run}/${step}/check`,
  space,
  sampler: { ...sampler, enqueue: [], warmStart: [] },
  ...(sampler.code === undefined ? {} : { storage }),
  objectives: [objective, ...alsoOptimize],
  plannedTrials: trials,
  trials: [],
  warm: [],
  count: 1,
});
