/** Container and script steps: attempts in the pools of the profile until one succeeds or fails by its own fault. */
import { CancellationScope, patched, sleep } from '@temporalio/workflow';
import { ApplicationFailure } from '@temporalio/common';
import type { ScoreSpec, StepJobEnd, StepJobInput } from '../../activities/step-job-contract.ts';
import type { WorkInput, WorkResult } from '../../activities/queries.ts';
import type { PlacementState } from '../../src/contract/trial-run.ts';
import type { Profile } from '../../src/contract/profile.ts';
import type { ContainerSpec, ScriptSpec } from '../../src/contract/steps.ts';
import { profileIn } from '../../src/contract/clusters.ts';
import { lostAfterSeconds } from '../../src/rules/clusters.ts';
import {
  afterRegistryWait,
  fruitlessEnd,
  fruitlessPauseSeconds,
  registryEnd,
  registryPauseSeconds,
  withoutAbsence,
} from '../../src/rules/fruitless.ts';
import type { RegistryWait } from '../../src/rules/fruitless.ts';
import { grownMemoryMb, growsMemory } from '../../src/rules/memory-growth.ts';
import { afterAttemptV1, choosePoolV1, spotPositionsV1 } from '../../src/rules/placement-v1.ts';
import { afterAttempt, choosePool, initialPlacement, poolOrder } from '../../src/rules/placement.ts';
import { absenceMs } from '../absence.ts';
import { isClusterLost, isTimeout, stepFailureOf } from '../failures.ts';
import { handOver } from '../job-ending.ts';
import { control, jobs, MAX_TIME_FOR_A_WORKER, stepJobLimits, trainingQueue } from '../policies.ts';
import { inClusterThatAnswers, lostWith, noAnswer, noNews } from '../clusters.ts';
import type { ClusterNews } from '../clusters.ts';
import { cleanUpIfCancelled, cleanUpOnRequest } from '../clean-up.ts';
import { WAITS } from '../../src/rules/durations.ts';

/** A Job that others keep deleting is not started for ever. */
const MAX_DELETIONS = 5;
const LOG_LINES_SHOWN = 20;
/** A short script costs a history less than an activity that keeps it. */
const SOURCE_CHARACTERS_INLINE = 4000;

type JobOfStep = WorkInput<ContainerSpec | ScriptSpec | ScoreSpec>;
type JobWork = JobOfStep & Partial<Pick<StepJobInput, 'script'>>;

/** Whose Job it is: a step of a pipeline, or a search that has an export scored. */
export interface JobHost {
  readonly profile: Profile;
  /** False while a history of release 0.1 is replayed. */
  readonly reconciles: boolean;
  readonly timeoutSeconds: number | null;
  /** Of the run that this one takes up. */
  readonly attemptsBefore: number;
  begun(attempt: number): void;
  spent(cost: number): void;
  /** How the last attempt ended, in words. @param since what they say lasts, in ms since 1970 */
  told(reason: string, since?: number): void;
}

interface Fruitless {
  fruitless: number;
  withoutCapacitySince: number | null;
  registry: RegistryWait | null;
}

/** Every call runs the Job until it succeeds or fails by its own fault; attempts are counted over all calls, so that Job names never repeat. */
export function createJobRunner(host: JobHost, input: JobOfStep): () => Promise<WorkResult> {
  const { profile } = host;
  const counts = { attempts: host.attemptsBefore, deletions: 0, grown: 0 };
  const news = noNews();
  const fruitless: Fruitless = { fruitless: 0, withoutCapacitySince: null, registry: null };
  let placement: PlacementState = initialPlacement;
  let work: JobWork | null = null;

  return async () => {
    for (;;) {
      const placesByRates = patched('places-by-rates');
      const { placement: rules, pools } = profile;
      // A Job that can run anywhere is soon over: nothing is read for it, and nothing looked for beside it.
      const choice = await inClusterThatAnswers(profile, news, placement, (state) => {
        const moment = { rules, pools, state, now: Date.now(), deadlineAt: null, remainingSeconds: null };
        return placesByRates ? choosePool({ ...moment, rates: null }) : choosePoolV1({ ...moment, spreads: host.reconciles });
      });
      if (choice === null) {
        host.told(noAnswer(news));
        if (patched('jobs-without-clusters-end')) endWithoutCluster(host, noAnswer(news), fruitless);
        await rest(fruitless, WAITS.allPoolsEmptyMs);
        continue;
      }
      placement = choice.state;
      work ??= host.reconciles ? await withoutSource(input) : input;
      const attempt = ++counts.attempts;
      host.begun(attempt);
      const begun = Date.now();
      const bound = lostAfterSeconds(profile, choice.pool);
      const { resources } = work.spec;
      const end = await runJob(host, news, `${input.step}, attempt ${attempt} on ${choice.pool.name}`, {
        ...work,
        profile: profileIn(profile, choice.pool),
        spec: { ...work.spec, resources: { ...resources, memoryMb: grownMemoryMb(resources.memoryMb, counts.grown, profile) } },
        attempt,
        pool: choice.pool,
        noCapacitySeconds: choice.noCapacitySeconds,
        deadlineSeconds: host.timeoutSeconds,
        ...(bound === null ? {} : { lostAfterSeconds: bound }),
      });
      host.spent(end.cost);
      if (end.verdict === 'succeeded') return { outputs: end.outputs, job: end.job, image: end.image };
      // Asked only then: what workers of before answered is in no history.
      if (end.awaits === 'registry' && patched('registry-waits')) {
        placement = afterAttempt(choice, 'stopped');
        await waitForRegistry(host, end, fruitless);
        continue;
      }
      if (end.image !== null) fruitless.registry = null;
      placement = placesByRates
        ? afterAttempt(choice, end.verdict)
        : afterAttemptV1(
            rules,
            poolOrder(rules, pools).length,
            placement,
            end.verdict,
            Date.now(),
            host.reconciles ? spotPositionsV1(rules, pools) : [],
          );
      host.told(`attempt ${attempt}: ${end.cause}`);
      if (host.reconciles) await pauseWhereFruitless(host, end, fruitless, begun);
      if (growsMemory(end.verdict, counts.grown, profile)) counts.grown += 1;
      else if (end.verdict === 'no-capacity') {
        if (placement.emptyPools >= profile.pools.length) await rest(fruitless, WAITS.allPoolsEmptyMs);
      } else if (end.verdict !== 'preempted' && !(end.verdict === 'deleted' && ++counts.deletions <= MAX_DELETIONS)) {
        throw jobFailure(end);
      }
    }
  };
}

/** The source of a script goes through the object store once; each attempt only names it, so that the run's history stays small. */
async function withoutSource(input: JobOfStep): Promise<JobWork> {
  const { spec, profile, step } = input;
  if (spec.kind !== 'script' || spec.source.length < SOURCE_CHARACTERS_INLINE) return input;
  const script = await control.keepScript.executeWithOptions({ summary: `${step}: keep its script` }, [{ profile, spec }]);
  return { ...input, spec: { ...spec, source: '' }, script };
}

/** A Job that lasted a while has worked; it may have no checkpoints, so that this is all that is known. */
async function pauseWhereFruitless(host: JobHost, end: StepJobEnd, counted: Fruitless, begun: number): Promise<void> {
  const now = Date.now();
  const waited = end.verdict === 'no-capacity';
  counted.withoutCapacitySince = waited ? (counted.withoutCapacitySince ?? now) : null;
  if (!waited) counted.fruitless = now - begun >= WAITS.jobWorkedMs ? 0 : counted.fruitless + 1;
  const reason = fruitlessEnd(counted, end.verdict, host.profile.placement, now);
  if (reason !== null) throw jobFailure({ ...end, cause: `${reason}; the last time: ${end.cause}` });
  const seconds = waited ? 0 : fruitlessPauseSeconds(counted.fruitless);
  if (seconds > 0) await rest(counted, seconds * 1000);
}

/** The pool had a machine, which is given back meanwhile. */
async function waitForRegistry(host: JobHost, end: StepJobEnd, counted: Fruitless): Promise<void> {
  const now = Date.now();
  counted.withoutCapacitySince = null;
  counted.registry = afterRegistryWait(counted.registry, now);
  const reason = registryEnd(counted.registry, now);
  if (reason !== null) throw jobFailure({ ...end, cause: `${reason}; the last time: ${end.cause}` });
  host.told(end.cause, counted.registry.since);
  await rest(counted, registryPauseSeconds(counted.registry) * 1000);
}

async function rest(counted: Fruitless, ms: number): Promise<void> {
  const begun = Date.now();
  await sleep(ms);
  Object.assign(counted, withoutAbsence(counted, absenceMs(begun, ms)));
}

/** Not for ever, as with pools that have no machine. */
function endWithoutCluster(host: JobHost, silence: string, counted: Fruitless): void {
  const now = Date.now();
  counted.withoutCapacitySince ??= now;
  const reason = fruitlessEnd(counted, 'no-capacity', host.profile.placement, now);
  if (reason !== null) throw ApplicationFailure.nonRetryable(`${reason}; the last time: ${silence}`, 'JobFailed');
}

/** The activity gave up watching; of a Job that ended with a verdict, or without its outputs, nothing is left to end. */
function mayStillRun(error: unknown): boolean {
  const type = stepFailureOf(error)?.type;
  return type !== 'InvalidInput' && type !== 'JobFailed';
}

/** Being cancelled, or unable to watch the Job, it sees it ended also where the worker that watched it has gone and could not be told. */
async function runJob(host: JobHost, news: ClusterNews, summary: string, input: StepJobInput): Promise<StepJobEnd> {
  const taskQueue = trainingQueue(input.profile);
  const { profile, run: name, step, attempt, pool, lostAfterSeconds: bound } = input;
  const job = { profile, run: name, step, attempt };
  const bounded = bound === undefined ? job : { ...job, lostAfterSeconds: bound };
  const remove = async (): Promise<void> => {
    try {
      await jobs.removeStepJob.executeWithOptions({ taskQueue, scheduleToStartTimeout: MAX_TIME_FOR_A_WORKER }, [bounded]);
    } catch (error) {
      if (!(isTimeout(error) || isClusterLost(error)) || !patched('job-ending')) throw error;
      await handOver({ kind: 'step', input: job });
    }
  };
  // Who watches the Job sees it go, long before a heartbeat would tell of the cancellation.
  const asks = patched('ask-jobs-to-end');
  const over = asks ? cleanUpOnRequest(CancellationScope.current(), remove) : undefined;
  try {
    const end = await jobs.runStepJob.executeWithOptions({ taskQueue, summary, ...stepJobLimits(bound, asks) }, [input]);
    news.heard = pool.cluster ?? null;
    return end;
  } catch (error) {
    if (bound !== undefined && isClusterLost(error)) {
      const cause = lostWith(news, pool, bound);
      await handOver({ kind: 'step', input: job });
      return { verdict: 'preempted', cause, job: '', image: null, outputs: {}, cost: 0, logTail: '' };
    }
    if (host.reconciles && mayStillRun(error)) await CancellationScope.nonCancellable(remove).catch(() => undefined);
    else await cleanUpIfCancelled(remove);
    throw error;
  } finally {
    over?.();
  }
}

function jobFailure(end: StepJobEnd): ApplicationFailure {
  const tail = end.logTail.trimEnd().split('\n').slice(-LOG_LINES_SHOWN).join('\n');
  const message = tail ? `${end.cause}; its log ends:\n${tail}` : end.cause;
  return ApplicationFailure.nonRetryable(message, end.verdict === 'bad-input' ? 'InvalidInput' : 'JobFailed');
}
