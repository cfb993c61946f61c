/** One step from its first look at the cache to its row in the ledger. */
import { CancellationScope, isCancellation, patched } from '@temporalio/workflow';
import { ApplicationFailure } from '@temporalio/common';
import type { Prepared } from '../../activities/steps.ts';
import { outputsOf } from '../../src/contract/outputs.ts';
import type { StepState, StepStatus } from '../../src/contract/state.ts';
import type { Step, StepSpec } from '../../src/contract/steps.ts';
import type { Json, OutputType } from '../../src/contract/values.ts';
import { bindSpec, referencesOf } from '../../src/rules/bind.ts';
import { control, waitingForOthers } from '../policies.ts';
import { lastOptions, notify } from './run.ts';
import { withinTime } from './time-limit.ts';
import type { Run } from './run.ts';
import { stepFailureOf } from '../failures.ts';
import { workWithRetries } from './work.ts';

interface Made {
  outputs: Record<string, Json>;
  /** null: not to be put into the cache, no claim to give back. */
  digest: string | null;
  job: string | null;
  image: string | null;
  bytes: number | null;
}

interface Ending {
  readonly status: Extract<StepStatus, 'succeeded' | 'cached' | 'failed' | 'cancelled'>;
  readonly reason: string | null;
}

/** Never rejects for a failure of the step: that is in its state. @param prepared called once the first, short part is over. */
export async function executeStep(run: Run, step: Step, prepared: () => void): Promise<void> {
  const state = run.view.step(step.id);
  state.status = 'running';
  state.startedAt = Date.now();
  run.changed();
  const made: Made = { outputs: {}, digest: null, job: null, image: null, bytes: null };
  try {
    const status = await withinTime(run, step, () => perform(run, step, made, prepared));
    await conclude(run, step, made, { status, reason: null });
  } catch (error) {
    await concludeFailed(run, step, made, endingOf(error));
  }
}

async function perform(run: Run, step: Step, made: Made, prepared: () => void): Promise<'succeeded' | 'cached'> {
  const state = run.view.step(step.id);
  try {
    const bound = bindSpec(step.spec, { run: run.name, output: ({ step: id, output }) => run.view.step(id).outputs[output] });
    if (bound.kind === 'approval') {
      prepared();
      made.outputs = await approve(run, step, bound);
      return 'succeeded';
    }
    const preparation = await prepare(run, step, bound);
    state.cacheKey = preparation.key;
    prepared();
    if (preparation.outcome === 'hit') {
      made.outputs = preparation.outputs;
      state.cacheHit = true;
      return 'cached';
    }
    made.digest = step.cache ? preparation.digest : null;
    const spec = bindSpec(bound, { run: run.name, key: preparation.key, output: () => undefined });
    const result = await workWithRetries(run, step, spec, preparation.key);
    made.outputs = result.outputs;
    made.job = result.job ?? null;
    made.image = result.image ?? null;
    made.bytes = result.bytes ?? null;
    state.cost += result.cost ?? 0;
    return 'succeeded';
  } finally {
    prepared();
  }
}

/** Looks into the cache; while another run makes the same output, waits for it. */
async function prepare(run: Run, step: Step, spec: StepSpec): Promise<Exclude<Prepared, { outcome: 'busy' }>> {
  const { document, name } = run;
  const state = run.view.step(step.id);
  const input = {
    run: name,
    pipeline: document.pipeline,
    profile: document.profile,
    step: { id: step.id, cache: step.cache && run.retry?.from !== step.id, spec },
    references: typedReferences(run, step),
    startedAt: state.startedAt ?? Date.now(),
  };
  const first = await control.prepareStep.executeWithOptions({ summary: `${step.id}: look into the cache` }, [{ ...input, wait: false }]);
  if (first.outcome !== 'busy') return first;
  state.status = 'waiting';
  state.reason = `${first.holder} is making the same output`;
  run.changed();
  const { prepareStep } = patched('one-wait-for-others') ? waitingForOthers : control;
  const second = await prepareStep.executeWithOptions({ summary: `${step.id}: wait for ${first.holder}` }, [{ ...input, wait: true }]);
  state.status = 'running';
  state.reason = null;
  run.changed();
  if (second.outcome === 'busy') throw ApplicationFailure.nonRetryable('the cache answered busy to a wait', 'Unexpected');
  return second;
}

function typedReferences(run: Run, step: Step): { type: OutputType; value: Json }[] {
  const specs = new Map([...run.document.steps, ...run.document.onExit].map((other) => [other.id, other.spec]));
  return referencesOf(step.spec).flatMap(({ step: id, output }) => {
    const spec = specs.get(id);
    const type = spec && outputsOf(spec)[output];
    const value = run.view.find(id)?.outputs[output];
    return type && value !== undefined ? [{ type, value }] : [];
  });
}

async function approve(run: Run, step: Step, spec: Extract<StepSpec, { kind: 'approval' }>): Promise<Record<string, Json>> {
  const state = run.view.step(step.id);
  state.status = 'waiting';
  state.reason = `waits for a person: ${spec.message}`;
  const telling = notify(run, 'approval', `step ${step.id} waits for your decision: ${spec.message}`);
  const [answer] = await Promise.all([run.approvals.ask(step.id, spec), telling]);
  state.reason = null;
  return { ...answer };
}

function endingOf(error: unknown): Ending & { type: string } {
  if (isCancellation(error)) return { status: 'cancelled', reason: 'cancelled', type: 'Cancelled' };
  const failure = stepFailureOf(error);
  if (!failure) throw error;
  return { status: 'failed', reason: failure.message, type: failure.type };
}

/** Record, ledger and claim first, then the state that lets other steps start. A cached step's row was written when it was found. */
async function conclude(run: Run, step: Step, made: Made, ending: Ending): Promise<void> {
  const state = run.view.step(step.id);
  run.beforeWaits.delete(step.id);
  delete state.waitingSince;
  const ended: StepState = { ...state, ...ending, endedAt: Date.now(), outputs: ending.status === 'failed' ? {} : made.outputs };
  if (ending.status !== 'cached') {
    const { document, name } = run;
    const input = {
      run: name,
      pipeline: document.pipeline,
      profile: document.profile,
      state: ended,
      endedAt: Date.now(),
      digest: made.digest,
      outputTypes: outputsOf(step.spec),
      job: made.job,
      image: made.image,
      bytes: made.bytes,
    };
    await CancellationScope.nonCancellable(() =>
      control.finishStep.executeWithOptions({ summary: `${step.id}: ${ending.status}`, ...lastOptions(run) }, [input]),
    );
  }
  Object.assign(state, { ...ended, endedAt: Date.now() });
  run.changed();
}

async function concludeFailed(run: Run, step: Step, made: Made, ending: Ending & { type: string }): Promise<void> {
  run.failureTypes.set(step.id, ending.type);
  run.view.step(step.id).errorType = ending.type;
  try {
    await conclude(run, step, made, { status: ending.status, reason: ending.reason });
  } catch (error) {
    const failure = stepFailureOf(error);
    if (!failure) throw error;
    const reason = `${ending.reason ?? ending.status}; and it could not be recorded: ${failure.message}`;
    Object.assign(run.view.step(step.id), { status: ending.status, reason, endedAt: Date.now() });
    run.changed();
  }
}
