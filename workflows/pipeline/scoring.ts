/** Exports that an evaluation compares are scored by Jobs in the compute of the profile, one after the other; each may be preempted. */
import type { PlanScoresInput, Scored } from '../../activities/scoring.ts';
import type { Shipped } from '../../src/contract/code.ts';
import { shortHash } from '../../src/contract/ids.ts';
import { evaluating } from '../policies.ts';
import { createJobRunner } from './jobs.ts';
import type { JobHost } from './jobs.ts';

/** What trained a model can load it, too: its image, code, requirements and interpreter. */
export interface Trainer extends Shipped {
  readonly image?: string | undefined;
}

/**
 * @param trainerOf a model, where it is known
 * @returns scores every export that the warehouse does not score itself, and tells where the scores lie
 */
export function createScoring(
  host: JobHost,
  trainerOf: (model: string) => Trainer | undefined,
): (input: PlanScoresInput) => Promise<readonly Scored[]> {
  const runners = new Map<string, ReturnType<typeof createJobRunner>>();
  return async (input) => {
    const plan = await evaluating.planScores.executeWithOptions({ summary: `${input.step}: who is scored by a Job` }, [input]);
    for (const { model, document, output } of plan) {
      const { scorer } = input.spec;
      const { image: trained, code, requirements, python } = trainerOf(model) ?? {};
      const image = scorer?.image ?? trained;
      const spec = {
        kind: 'score' as const,
        document,
        output,
        ...(image === undefined ? {} : { image }),
        ...(code === undefined ? {} : { code }),
        ...(requirements === undefined ? {} : { requirements }),
        ...(python === undefined ? {} : { python }),
        resources: scorer?.resources ?? DEFAULT_RESOURCES,
        inputs: {},
        outputs: {},
      };
      // Each export has attempts of its own, counted over all tries of the step; that of the model are the step's.
      const step = model === input.spec.model ? input.step : `${input.step}--${shortHash(document)}`;
      const { run, pipeline, key, profile } = input;
      const runner = runners.get(document) ?? createJobRunner(host, { run, pipeline, key, profile, step, spec });
      runners.set(document, runner);
      await runner();
    }
    return plan.map(({ model, output }) => ({ model, output }));
  };
}

const DEFAULT_RESOURCES = { cpu: 1, memoryMb: 2048, gpu: 0 };
