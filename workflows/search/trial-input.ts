/** What a trial's workflow begins with. */
import { ApplicationFailure } from '@temporalio/common';
import type { TrialInput } from '../../src/contract/trial-run.ts';
import type { TrialRecord } from '../../src/contract/search.ts';
import { trialSpec, type TrialSpec } from '../../src/contract/trial-spec.ts';
import { paramsOf, specOfTrial } from '../../src/rules/data-of-trial.ts';
import { inPools } from '../../src/rules/placement.ts';
import { lastMoment } from './last-moment.ts';
import { epochsOf } from './population-member.ts';
import type { SearchRun } from './state.ts';

export function trialInput(run: SearchRun, record: TrialRecord): TrialInput {
  const { input, memory } = run;
  const { deadlineSeconds } = input.profile.placement;
  const { parameters } = record.state;
  const spec = specOfTrial(input.spec, parameters);
  const params = paramsOf(input.spec, parameters);
  if (spec === null)
    throw ApplicationFailure.nonRetryable(
      `trial ${record.state.trial}: no data set was made for ${JSON.stringify(params)}`,
      'InvalidInput',
    );
  return {
    run: input.run,
    pipeline: input.pipeline,
    step: input.step,
    trial: record.state.trial,
    parameters,
    ...(Object.keys(params).length === 0 ? {} : { params }),
    profile: inPools(input.profile, input.spec.pools),
    spec: { ...trialSpec(spec), ...(record.seed === undefined ? {} : { seed: record.seed }), ...epochsFor(run, record) },
    output: record.state.output,
    commit: input.commit,
    search: run.id,
    priority: record.state.priority,
    deadlineAt: earlier(deadlineSeconds === undefined ? null : memory.startedAt + deadlineSeconds * 1000, lastMoment(run)),
    fork: record.fork,
    ...(run.givesMachines ? { yields: true } : {}),
    resumed: record.carried,
    ...(input.life === undefined ? {} : { life: input.life }),
    ...(input.factor === undefined ? {} : { factor: input.factor }),
  };
}

function epochsFor(run: SearchRun, record: TrialRecord): Partial<TrialSpec> {
  const epochs = epochsOf(run, record);
  return epochs === null ? {} : { epochs };
}

const earlier = (one: number | null, other: number | null): number | null =>
  one === null || other === null ? (one ?? other) : Math.min(one, other);
