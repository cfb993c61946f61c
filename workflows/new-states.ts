/** What a run looks like before anything has happened. Pure. */
import type { RunDocument } from '../src/contract/run-document.ts';
import type { RunGraph, StepState } from '../src/contract/state.ts';
import type { Step } from '../src/contract/steps.ts';
import { edgesOf, toNode } from '../src/rules/dag.ts';

export function graphOf(document: RunDocument): RunGraph {
  const nodesOf = (steps: readonly Step[], onExit: boolean): RunGraph['nodes'] =>
    steps.map((step) => ({ id: step.id, kind: step.spec.kind, onExit }));
  return {
    nodes: [...nodesOf(document.steps, false), ...nodesOf(document.onExit, true)],
    edges: edgesOf([...document.steps, ...document.onExit].map(toNode)),
  };
}

export function newStepState(step: Step): StepState {
  return {
    id: step.id,
    kind: step.spec.kind,
    status: 'pending',
    startedAt: null,
    endedAt: null,
    cacheKey: null,
    cacheHit: false,
    outputs: {},
    reason: null,
    workflowId: null,
    cost: 0,
  };
}
