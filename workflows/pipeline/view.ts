/** A run as others see it: the answers of its queries, its search attributes, its table in the Temporal web UI. */
import { setCurrentDetails, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import type { SearchAttributeUpdatePair } from '@temporalio/common';
import type { RunDocument } from '../../src/contract/run-document.ts';
import type { RunState, RunStatus, StepState, RunGraph } from '../../src/contract/state.ts';
import { ATTRIBUTE_KEYS } from '../search-attributes.ts';
import type { Step } from '../../src/contract/steps.ts';
import { edgesOf, toNode } from '../../src/rules/dag.ts';
import { jsonBytes } from '../../src/rules/packed-json.ts';

/** Search attribute values are limited to about 2 KB. */
const RUNNING_STEPS_SHOWN = 20;
const DETAIL_ROWS = 100;
/** Queries and results must stay below 2 MiB. */
const MAX_STATE_BYTES = 1_500_000;

export interface RunView {
  readonly state: RunState;
  readonly step: (id: string) => StepState;
  readonly find: (id: string) => StepState | undefined;
  /** Shows what changed since the last time; one history event at most. */
  readonly publish: () => void;
}

export function createRunView(document: RunDocument): RunView {
  const info = workflowInfo();
  const state: RunState = {
    run: info.workflowId,
    pipeline: document.pipeline,
    documentHash: document.hash,
    profile: document.profileName,
    status: 'running',
    startedAt: info.startTime.getTime(),
    endedAt: null,
    cost: 0,
    reason: null,
    steps: [...document.steps, ...document.onExit].map(newStepState),
    approvals: [],
  };
  const byId = new Map(state.steps.map((step) => [step.id, step]));
  const shown = new Map<string, string>();
  return {
    state,
    find: (id) => byId.get(id),
    step: (id) => {
      const found = byId.get(id);
      if (!found) throw new Error(`no step ${id}`);
      return found;
    },
    publish: () => {
      state.cost = state.steps.reduce((sum, step) => sum + step.cost, 0);
      const changed = attributesOf(state).filter((pair) => shown.get(pair.key.name) !== JSON.stringify(pair.value));
      for (const pair of changed) shown.set(pair.key.name, JSON.stringify(pair.value));
      if (changed.length > 0) upsertSearchAttributes(changed);
      setCurrentDetails(detailsOf(state));
    },
  };
}

/** What the run is doing: paused by someone, waiting for a person, or at work. */
export function statusOf(state: RunState, paused: boolean): RunStatus {
  if (paused) return 'paused';
  const waits = state.approvals.length > 0 && !state.steps.some((step) => step.status === 'running');
  return waits ? 'waiting' : 'running';
}

/** The steps, without their outputs when those are too large for a payload. */
export function boundedSteps(steps: readonly StepState[]): StepState[] {
  if (jsonBytes(steps) <= MAX_STATE_BYTES) return [...steps];
  return steps.map((step) => ({ ...step, outputs: {}, reason: step.reason && step.reason.slice(0, 500) }));
}

function attributesOf(state: RunState): SearchAttributeUpdatePair[] {
  const active = state.steps.filter((step) => step.status === 'running' || step.status === 'waiting').map((step) => step.id);
  const best = state.steps.map((step) => step.outputs.best_objective).findLast((value) => typeof value === 'number');
  return [
    { key: ATTRIBUTE_KEYS.pipeline, value: state.pipeline },
    { key: ATTRIBUTE_KEYS.run, value: state.run },
    { key: ATTRIBUTE_KEYS.status, value: state.status },
    { key: ATTRIBUTE_KEYS.step, value: active.slice(0, RUNNING_STEPS_SHOWN) },
    ...(best === undefined ? [] : [{ key: ATTRIBUTE_KEYS.bestObjective, value: best }]),
  ];
}

function detailsOf(state: RunState): string {
  const rows = state.steps
    .slice(0, DETAIL_ROWS)
    .map((step) => `| ${step.id} | ${step.kind} | ${step.status} | ${secondsOf(step)} | ${cell(step.reason ?? '')} |`);
  const more = state.steps.length - rows.length;
  return [
    `**${state.pipeline}**: ${state.status}${state.reason ? `, ${cell(state.reason)}` : ''}`,
    '',
    '| step | kind | status | seconds | note |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
    ...(more > 0 ? ['', `and ${more} more`] : []),
  ].join('\n');
}

const secondsOf = (step: StepState): string =>
  step.startedAt === null || step.endedAt === null ? '' : ((step.endedAt - step.startedAt) / 1000).toFixed(1);

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ').slice(0, 200);

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
