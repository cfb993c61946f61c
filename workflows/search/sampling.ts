/** New trials: the ones given by hand first, then the sampler's suggestions. */
import type { AskedTrial, AskInput } from '../../src/contract/sampler.ts';
import type { TrialRecord } from '../../src/contract/search.ts';
import type { Json } from '../../src/contract/values.ts';
import { violations } from '../../src/rules/best-trials.ts';
import { bestOf } from '../../src/rules/curves.ts';
import { samplerStateOf } from '../../src/rules/trial-ends.ts';
import { searching } from '../policies.ts';
import { askSampler } from './asking.ts';
import { decided, untilDrained, isOver, newRecord, objectivesOf, occupying, queuedRecords } from './state.ts';
import type { SearchRun } from './state.ts';
import { newTrialsLeft, startsLeft } from './places.ts';
import { promoteNext } from './rungs.ts';
import { start } from './trials.ts';

/** More starts at once make a Temporal server slower, not faster. */
const MAX_STARTING = 25;

/** Fills free places with waiting trials, and asks for more. */
export function fillPlaces(run: SearchRun): void {
  const { memory } = run;
  if (memory.status !== 'running' || memory.finishing !== null || run.draining) return;
  const free = memory.parallel - occupying(run).length;
  let queue = queuedRecords(run);
  while (queue.length < free && promoteNext(run)) queue = queuedRecords(run);
  // What goes on was counted when it began.
  const begun = run.rules === 1 ? 0 : queue.filter(({ state }) => state.startedAt !== null).length;
  const startable = Math.min(free, MAX_STARTING - run.busy.starting, startsLeft(run) + begun);
  for (const record of queue.slice(0, Math.max(0, startable))) start(run, record);
  const wanted = Math.min(free - queue.length, newTrialsLeft(run), startsLeft(run) - (queue.length - begun));
  if (wanted > 0 && run.busy.asking === 0 && !memory.exhausted) untilDrained(run, 'asking', () => addTrials(run, wanted));
}

async function addTrials(run: SearchRun, wanted: number): Promise<void> {
  const { memory, input } = run;
  const given = input.spec.sampler.enqueue.slice(memory.records.filter((record) => record.state.origin === 'enqueue').length);
  if (given.length > 0) {
    for (const parameters of given.slice(0, wanted)) newRecord(run, parameters, 'enqueue');
    return;
  }
  memory.warm ??= await searching.readWarmStart({
    profile: input.profile,
    runs: input.spec.sampler.warmStart,
    objectives: objectivesOf(run),
  });
  const request = askInput(run, wanted);
  const version = memory.spaceVersion;
  const tells = memory.tells;
  const answer = await askSampler(run, `${wanted} new trials`, request);
  if (answer === null || version !== memory.spaceVersion) return;
  if (memory.sampler !== answer.sampler) decided(run, null, `sampler: ${answer.sampler}`);
  memory.sampler = answer.sampler;
  memory.exhausted = answer.exhausted || answer.suggestions.length === 0;
  if (memory.exhausted) decided(run, null, 'the space has no further set of parameters');
  for (const parameters of answer.suggestions) newRecord(run, parameters, 'sampler', { space: version, asked: tells });
}

export function askInput(run: SearchRun, count: number): AskInput {
  const { memory, input } = run;
  const { sampler: configured } = input.spec;
  return {
    study: run.id,
    space: memory.space,
    // Another space begins anew with another seed, or the first suggestions would come again.
    sampler: { ...configured, enqueue: [], warmStart: [], seed: configured.seed + memory.spaceVersion },
    ...(configured.code === undefined ? {} : { storage: input.profile.storage }),
    objectives: objectivesOf(run),
    plannedTrials: memory.plannedTrials,
    trials: memory.records.map((record) => askedTrial(run, record)),
    warm: memory.warm ?? [],
    count,
  };
}

function askedTrial(run: SearchRun, record: TrialRecord): AskedTrial {
  const { fixed } = run.input.spec;
  const parameters: Record<string, Json> = {};
  for (const name of Object.keys(run.memory.space)) {
    const value = record.state.parameters[name];
    if (value !== undefined && !(name in fixed)) parameters[name] = value;
  }
  return {
    trial: record.state.trial,
    parameters,
    suggested: record.space === run.memory.spaceVersion,
    asked: record.asked,
    told: record.told,
    state: stateForSampler(run, record),
    values: record.values,
    last: record.state.status === 'stopped' && record.curve.length > 0 ? [record.curve.length, lastValue(run, record)] : null,
    ...violationsOf(run, record),
    ...(record.halving ? { rungs: record.halving.rungs } : {}),
  };
}

function violationsOf({ input }: SearchRun, { state, told, halving }: TrialRecord): Pick<AskedTrial, 'violations'> {
  const constraints = input.spec.metricConstraints ?? [];
  const heard = told !== null || (halving?.rungs.length ?? 0) > 0;
  return constraints.length > 0 && heard ? { violations: violations(constraints, state.metrics, state.offline) } : {};
}

/** A stopped trial is as good as its best point. */
const lastValue = (run: SearchRun, { curve }: TrialRecord): number | null =>
  run.rules === 1 ? (curve.at(-1) ?? null) : bestOf(curve, run.input.spec.objective.goal);

function stateForSampler(run: SearchRun, record: TrialRecord): AskedTrial['state'] {
  if (!isOver(record)) return 'running';
  if (run.rules !== 1) return samplerStateOf(record);
  if (record.state.status === 'succeeded') return 'complete';
  return record.state.status === 'stopped' ? 'pruned' : 'failed';
}
