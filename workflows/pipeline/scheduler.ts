/** Starts the steps of a DAG as soon as they may, bounded in width, until all have ended. */
import { CancellationScope, condition, isCancellation } from '@temporalio/workflow';
import type { RunStatus } from '../../src/contract/state.ts';
import type { Step } from '../../src/contract/steps.ts';
import type { Json } from '../../src/contract/values.ts';
import { decide, isSettled, toNode } from '../../src/rules/dag.ts';
import type { DagNode, DagView, Decision } from '../../src/rules/dag.ts';
import { notify } from './run.ts';
import type { Run } from './run.ts';
import { beginPause, spentBy } from './pauses.ts';
import { executeStep } from './step.ts';
import { stepFailureOf } from '../failures.ts';

/** More at once are slower on a small Temporal server, not faster. */
const MAX_STARTING = 25;
/** Temporal advises fewer than 500 pending activities and children. */
const MAX_RUNNING = 400;

interface Phase {
  /** Steps whose failure blocks nobody here. */
  readonly forgiven: (step: string) => boolean;
  readonly runStatus: () => Json;
  /** False: neither a pause nor a budget holds up these steps. */
  readonly pausable: boolean;
  /** What the run's status is while this phase goes on. */
  readonly status: () => RunStatus;
}

interface Waiting {
  readonly step: Step;
  readonly node: DagNode;
}

/** A cancellation ends the running steps, which clean up, and is kept in `run.cancelled`. */
export async function runSteps(run: Run, steps: readonly Step[], phase: Phase): Promise<void> {
  // Some stand from an earlier life of the run.
  const open = steps.filter(({ id }) => !isSettled(run.view.step(id).status));
  const waiting = new Map(open.map((step): [string, Waiting] => [step.id, { step, node: toNode(step) }]));
  const flow = { starting: 0, running: 0 };
  const launch = (step: Step): void => {
    flow.starting++;
    flow.running++;
    let starting = true;
    const prepared = (): void => {
      if (starting) flow.starting--;
      starting = false;
      run.changed();
    };
    void executeStep(run, step, prepared).finally(() => {
      flow.running--;
      run.changed();
    });
  };
  const mayLaunch = (): boolean => !(phase.pausable && run.paused) && flow.starting < MAX_STARTING && flow.running < MAX_RUNNING;
  try {
    for (;;) {
      run.dirty = false;
      if (phase.pausable) await pauseAtBudget(run);
      advance(run, waiting, phase, launch, mayLaunch);
      run.view.state.status = phase.status();
      run.view.publish();
      if (waiting.size === 0 && flow.running === 0) return;
      await condition(() => run.dirty);
    }
  } catch (error) {
    if (!isCancellation(error)) throw error;
    run.cancelled = true;
    await CancellationScope.nonCancellable(() => condition(() => flow.running === 0));
    for (const id of waiting.keys())
      Object.assign(run.view.step(id), { status: 'cancelled', reason: 'the run was cancelled before it began' });
  }
}

/** One pass is enough: steps come after what they depend on. */
function advance(run: Run, waiting: Map<string, Waiting>, phase: Phase, launch: (step: Step) => void, mayLaunch: () => boolean): void {
  const view: DagView = {
    status: (id) => run.view.find(id)?.status,
    output: (id, name) => run.view.find(id)?.outputs[name],
    runStatus: phase.runStatus(),
    forgiven: phase.forgiven,
  };
  for (const [id, { step, node }] of waiting) {
    const decision = decideOrFail(run, node, view);
    if (!decision) continue;
    if (decision.kind === 'start') {
      if (!mayLaunch()) continue;
      waiting.delete(id);
      launch(step);
    } else {
      waiting.delete(id);
      Object.assign(run.view.step(id), { status: STATUS_OF[decision.kind], reason: decision.reason });
    }
  }
}

const STATUS_OF = { skip: 'skipped', block: 'blocked', fail: 'failed' } as const;

/** A condition that compares what has no order is a failure of its step. */
function decideOrFail(run: Run, node: DagNode, view: DagView): Decision | { kind: 'fail'; reason: string } | null {
  try {
    return decide(node, view);
  } catch (error) {
    const failure = stepFailureOf(error);
    if (!failure) throw error;
    run.failureTypes.set(node.id, failure.type);
    return { kind: 'fail', reason: failure.message };
  }
}

/** At the run's budget no further step starts until someone resumes the run. */
async function pauseAtBudget(run: Run): Promise<void> {
  const budget = run.reconciles ? run.budget : run.document.budget;
  const { state } = run.view;
  if (run.paused || (run.budgetWaived && !run.reconciles)) return;
  const { hours } = spentBy(run);
  const spent =
    budget.cost !== undefined && state.cost >= budget.cost
      ? `it cost ${state.cost.toFixed(2)} of ${budget.cost} ${run.document.profile.currency}`
      : budget.hours !== undefined && hours >= budget.hours
        ? `it took ${hours.toFixed(1)} of ${budget.hours} hours`
        : null;
  if (spent === null || state.steps.every((step) => isSettled(step.status))) return;
  beginPause(run);
  run.atBudget = true;
  state.reason = `paused at its budget: ${spent}; resume it to go on`;
  run.view.publish();
  await notify(run, 'budget', `${run.name} is ${state.reason}`);
}
