/** Decides what happens next to the steps of a run: start, skip, block or wait. Pure. */
import type { Condition, Step } from '../contract/steps.ts';
import type { StepStatus } from '../contract/state.ts';
import type { Json } from '../contract/values.ts';
import { referencesOf } from './bind.ts';
import { formatCondition, holds, referencesInCondition } from './conditions.ts';

export interface DagNode {
  readonly id: string;
  readonly when?: Condition;
  /** All steps that must end first: declared, referred to, or named by the condition. */
  readonly after: readonly string[];
  /** Steps whose outputs it takes: without them it cannot run. */
  readonly takes: readonly string[];
  /** Steps whose status its condition asks for: their failure is an answer, not an obstacle. */
  readonly asks: readonly string[];
}

export interface DagView {
  readonly status: (step: string) => StepStatus | undefined;
  readonly output: (step: string, name: string) => Json | undefined;
  /** `run.status` of onExit steps. */
  readonly runStatus: Json;
  /** Steps whose failure blocks nobody: the main steps as the onExit steps see them. */
  readonly forgiven: (step: string) => boolean;
}

export type Decision = { readonly kind: 'start' } | { readonly kind: 'skip' | 'block'; readonly reason: string };

const SETTLED: ReadonlySet<StepStatus> = new Set(['succeeded', 'cached', 'skipped', 'failed', 'cancelled', 'blocked']);
const UNFINISHED: ReadonlySet<StepStatus> = new Set(['failed', 'cancelled', 'blocked']);
const DONE: ReadonlySet<StepStatus> = new Set(['succeeded', 'cached']);

const STATUS_REFERENCE = /^steps\.(.+)\.status$/;
const OUTPUT_REFERENCE = /^steps\.(.+)\.outputs\.([^.]+)$/;

export const isSettled = (status: StepStatus): boolean => SETTLED.has(status);

export function toNode(step: Step): DagNode {
  const inCondition = step.when ? referencesInCondition(step.when) : [];
  const takes = [...new Set(referencesOf(step.spec).map((reference) => reference.step))];
  const asks = inCondition.flatMap((reference) => STATUS_REFERENCE.exec(reference)?.[1] ?? []);
  const conditionOutputs = inCondition.flatMap((reference) => OUTPUT_REFERENCE.exec(reference)?.[1] ?? []);
  return { id: step.id, when: step.when, takes, asks, after: [...new Set([...step.dependsOn, ...takes, ...asks, ...conditionOutputs])] };
}

/** null = not yet. */
export function decide(node: DagNode, view: DagView): Decision | null {
  for (const id of node.after) {
    const status = view.status(id);
    if (status !== undefined && UNFINISHED.has(status) && !node.asks.includes(id) && !view.forgiven(id)) {
      return { kind: 'block', reason: `it needs ${id}, which ${inWords(status)}` };
    }
  }
  if (node.after.some((id) => !SETTLED.has(view.status(id) ?? 'pending'))) return null;
  if (node.when && !holds(node.when, (reference) => lookUp(reference, view))) {
    return { kind: 'skip', reason: `its condition does not hold: ${formatCondition(node.when)}` };
  }
  const missing = node.takes.find((id) => !DONE.has(view.status(id) ?? 'pending'));
  if (missing !== undefined)
    return { kind: 'skip', reason: `it takes an output of ${missing}, which ${inWords(view.status(missing) ?? 'pending')}` };
  return { kind: 'start' };
}

export function edgesOf(nodes: readonly DagNode[]): { from: string; to: string }[] {
  return nodes.flatMap((node) => node.after.map((from) => ({ from, to: node.id })));
}

function lookUp(reference: string, view: DagView): Json {
  if (reference === 'run.status') return view.runStatus;
  const status = STATUS_REFERENCE.exec(reference);
  if (status?.[1]) return view.status(status[1]) ?? null;
  const output = OUTPUT_REFERENCE.exec(reference);
  return (output?.[1] && output[2] && view.output(output[1], output[2])) ?? null;
}

function inWords(status: StepStatus): string {
  if (status === 'failed') return 'failed';
  return status === 'pending' ? 'did not run' : `was ${status}`;
}
