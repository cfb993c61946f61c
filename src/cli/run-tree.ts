/** A run as lines of text: the tree that is repainted on a terminal. Pure. */
import type { UnservedCluster } from '../client/run.ts';
import type { RunState, SearchState, StepState, TrialState } from '../contract/state.ts';
import type { Json } from '../contract/values.ts';
import { between, count, duration, metric, money, oneLine } from '../present/format.ts';
import { costForecast, pointsPerMinute, remaining, trialsPerHour } from '../present/pace.ts';
import { reasonAt } from '../present/waits.ts';
import { silenceText } from '../rules/clusters.ts';
import type { Colors } from './terminal.ts';

/** What a run looks like at one moment. */
export interface Snapshot {
  readonly run: RunState;
  /** By step; of searches that run or ran here. */
  readonly searches: Readonly<Record<string, SearchState>>;
  /** Of several: those of which no worker asks for work. */
  readonly clusters?: readonly UnservedCluster[];
}

const SIGNS: Readonly<
  Record<StepState['status'] | TrialState['status'], readonly [sign: string, color: 'green' | 'red' | 'yellow' | 'cyan' | 'gray']>
> = {
  pending: ['·', 'gray'],
  queued: ['·', 'gray'],
  waiting: ['◌', 'yellow'],
  paused: ['‖', 'yellow'],
  running: ['●', 'cyan'],
  succeeded: ['✔', 'green'],
  cached: ['✔', 'green'],
  stopped: ['■', 'yellow'],
  skipped: ['○', 'gray'],
  failed: ['✘', 'red'],
  cancelled: ['✘', 'yellow'],
  blocked: ['✘', 'gray'],
};

/** More running trials than this are summed up: the tree must fit a screen. */
const TRIALS_SHOWN = 8;

export function treeLines(snapshot: Snapshot, colors: Colors, now: number, columns: number): string[] {
  const { run, searches } = snapshot;
  const width = Math.max(...run.steps.map((step) => step.id.length), 4);
  const cost = run.cost > 0 ? `  ${money(run.cost)}` : '';
  const lines = [`${colors.bold(run.run)}  ${run.status}  ${between(run.startedAt, run.endedAt, now)}${cost}`];
  for (const step of run.steps) {
    lines.push(stepLine(step, searches[step.id], colors, now, width));
    const search = searches[step.id];
    if (search && step.status === 'running') lines.push(...trialLines(search, colors, now));
    if (search?.tensorboard !== undefined && run.endedAt === null) lines.push(colors.dim(`  TensorBoard ${search.tensorboard}`));
  }
  const told = Object.values(searches).flatMap((search) => (search.clusters ?? []).map(({ name }) => name));
  for (const { name, silentSince } of (snapshot.clusters ?? []).filter((each) => !told.includes(each.name)))
    lines.push(
      colors.yellow(silentSince === null ? `cluster ${name} has no training worker` : silenceText(name, (now - silentSince) / 1000)),
    );
  for (const approval of run.approvals) {
    lines.push(colors.yellow(`? ${approval.step}: ${oneLine(approval.message, 100)} (longhaul approve ${run.run} ${approval.step})`));
  }
  return lines.map((line) => cut(line, columns - 1));
}

function stepLine(step: StepState, search: SearchState | undefined, colors: Colors, now: number, width: number): string {
  const [sign, color] = SIGNS[step.status];
  const took = step.status === 'cached' ? 'cached' : between(step.startedAt, step.endedAt, now);
  const note = noteOf(step, search, now);
  return `${colors[color](sign)} ${step.id.padEnd(width)}  ${colors.dim(step.kind.padEnd(9))}  ${took.padStart(8)}  ${note}`.trimEnd();
}

/** What a person wants to know of a step in a few words. */
export function noteOf(step: StepState, search: SearchState | undefined, now: number): string {
  if (step.reason !== null) return step.waitingSince === undefined ? oneLine(step.reason, 100) : reasonAt(step, now, 120);
  if (step.status === 'running' && search) return searchNote(search, now);
  const { rows, parts, best_objective: best, best_trial: trial, trials, passed, warned, results } = step.outputs;
  if (typeof best === 'number') return `best ${metric(best)} (trial ${JSON.stringify(trial)} of ${JSON.stringify(trials)})`;
  if (typeof passed === 'number' && typeof warned === 'number') return checkNote(passed, warned, results);
  if (typeof rows === 'number')
    return `${count(rows)} rows${typeof parts === 'number' ? ` in ${count(parts)} part${parts === 1 ? '' : 's'}` : ''}`;
  return '';
}

function checkNote(passed: number, warned: number, results: Json | undefined): string {
  const kept = `${count(passed)} rule${passed === 1 ? '' : 's'} kept`;
  if (warned === 0 || typeof results !== 'object' || results === null) return kept;
  const broken = Object.entries(results).flatMap(([name, result]) =>
    typeof result === 'object' && result !== null && !Array.isArray(result) && result.outcome === 'warn' ? [name] : [],
  );
  return oneLine(`${kept}, ${count(warned)} not (a warning): ${broken.join(', ')}`, 100);
}

function searchNote(search: SearchState, now: number): string {
  const with_ = (...statuses: TrialState['status'][]): number => search.trials.filter((trial) => statuses.includes(trial.status)).length;
  const ended = with_('succeeded', 'stopped', 'failed', 'cancelled');
  const parts = [`${ended} of ${search.plannedTrials} trials`];
  const held = search.trials.filter((trial) => trial.held).length;
  if (held > 0) parts.push(`${held} held`);
  if (search.status === 'paused' || search.status === 'waiting') parts.push(search.reason ?? search.status);
  else if (search.reason !== null) parts.push(oneLine(search.reason, 100));
  if (search.bestObjective !== null)
    parts.push(`best ${search.objective.metric} ${metric(search.bestObjective)} (trial ${search.bestTrial ?? '?'})`);
  const pace = trialsPerHour(search, now);
  if (pace !== null) parts.push(`${metric(Number(pace.toPrecision(2)))} trials/h`);
  const eta = remaining(search, now);
  if (eta !== null) parts.push(`about ${duration(eta)} left`);
  const forecast = costForecast(search);
  if (forecast !== null) parts.push(`${money(search.cost)} of about ${money(forecast)}`);
  return parts.join(', ');
}

function pointRate(trial: TrialState, now: number): string {
  const perMinute = pointsPerMinute(trial, now);
  return perMinute === null ? '' : `${metric(Number(perMinute.toPrecision(2)))} points/min`;
}

const OFFLINE_SHOWN = 2;

/** What early evaluation has found. */
const offlineNote = (trial: TrialState): string =>
  Object.entries(trial.offline)
    .filter(([, value]) => value !== null)
    .slice(0, OFFLINE_SHOWN)
    .map(([name, value]) => `offline ${name} ${metric(value)}`)
    .join(', ');

/** Why a trial waits for a person. */
const question = (trial: TrialState): string => (trial.status === 'paused' && trial.reason !== null ? oneLine(trial.reason, 100) : '');

/** What it waits for, and for how long; nothing of one that trains. */
const waitOf = (trial: TrialState, now: number): string => (trial.waitingSince === undefined ? '' : reasonAt(trial, now, 120));

function trialLines(search: SearchState, colors: Colors, now: number): string[] {
  const open = search.trials.filter((trial) => trial.status === 'running' || trial.status === 'paused');
  const active = [...open.filter(({ held }) => !held), ...open.filter(({ held }) => held)];
  const lines = active.slice(0, TRIALS_SHOWN).map((trial) => {
    const [sign, color] = SIGNS[trial.status];
    const value = trial.objective === null ? '' : `${search.objective.metric} ${metric(trial.objective)}`;
    const points = trial.points > 0 ? `point ${trial.points}` : '';
    const attempts = trial.preemptions > 0 ? `${trial.preemptions} preemptions` : '';
    const facts = [
      points,
      pointRate(trial, now),
      value,
      offlineNote(trial),
      question(trial),
      waitOf(trial, now),
      attempts,
      trial.pool ?? '',
      trial.cost > 0 ? money(trial.cost) : '',
    ].filter((fact) => fact !== '');
    return `  ${colors[color](sign)} trial ${String(trial.trial).padEnd(3)} ${between(trial.startedAt, trial.endedAt, now).padStart(8)}  ${facts.join(', ')}`;
  });
  const silent = (search.clusters ?? []).map(({ name, silentSince }) => silenceText(name, (now - silentSince) / 1000));
  lines.push(...silent.map((line) => colors.yellow(`  ${line}`)));
  if (active.length > TRIALS_SHOWN) lines.push(colors.dim(`  and ${active.length - TRIALS_SHOWN} more trials`));
  return lines;
}

/** Long lines would wrap and break the repainting. Colour codes are short of it, so cut by characters that are seen. */
function cut(line: string, columns: number): string {
  let seen = 0;
  return line.replace(/\u001b\[\d+m|[\s\S]/g, (part) => (part.length > 1 || ++seen <= columns ? part : ''));
}

/** What changed from one moment to the next, one line each, for logs and pipes. */
export function changes(before: Snapshot | null, after: Snapshot, now: number): string[] {
  const lines: string[] = [];
  const earlier = new Map(before?.run.steps.map((step) => [step.id, step]));
  for (const step of after.run.steps) {
    const old = earlier.get(step.id);
    const waits = step.waitingSince !== undefined && old?.waitingSince === undefined;
    if (step.status === 'pending' || (old?.status === step.status && !waits)) continue;
    const took = step.endedAt === null || step.status === 'cached' ? '' : ` in ${between(step.startedAt, step.endedAt, now)}`;
    const note = noteOf(step, undefined, now);
    lines.push(`${step.id} ${step.status}${took}${note ? `: ${note}` : ''}`);
  }
  for (const [id, search] of Object.entries(after.searches)) lines.push(...trialChanges(id, before?.searches[id], search, now));
  const known = new Set(before?.run.approvals.map((approval) => approval.step));
  for (const approval of after.run.approvals)
    if (!known.has(approval.step))
      lines.push(`${approval.step} asks: ${oneLine(approval.message)} (longhaul approve ${after.run.run} ${approval.step})`);
  return lines;
}

function trialChanges(step: string, before: SearchState | undefined, after: SearchState, now: number): string[] {
  const earlier = new Map(before?.trials.map((trial) => [trial.trial, trial]));
  return after.trials.flatMap((trial) => {
    const old = earlier.get(trial.trial);
    const name = `${step} trial ${trial.trial}`;
    const lines: string[] = [];
    if (trial.preemptions > (old?.preemptions ?? 0)) lines.push(`${name} was preempted (${trial.preemptions} times so far) and goes on`);
    const offline = offlineNote(trial);
    if (offline !== '' && offline !== (old ? offlineNote(old) : '')) lines.push(`${name}: ${offline}`);
    if (trial.waitingSince !== undefined && old?.waitingSince === undefined) lines.push(`${name}: ${reasonAt(trial, now, 200)}`);
    if (trial.status !== 'queued' && old?.status !== trial.status) {
      const took = trial.endedAt === null ? '' : ` in ${between(trial.startedAt, trial.endedAt, now)}`;
      const value = trial.objective === null ? '' : `, ${after.objective.metric} ${metric(trial.objective)}`;
      lines.push(`${name} ${trial.status}${took}${value}${trial.reason ? `: ${oneLine(trial.reason)}` : ''}`);
    }
    return lines;
  });
}
