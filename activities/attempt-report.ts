/** What an attempt cost, lost and left behind: for the trial's workflow and the ledger's `attempts`. */
import { ledgerKey, livesOf } from '../src/contract/ids.ts';
import type { AttemptVerdict, JobEnd, NodeEnd } from '../src/contract/jobs.ts';
import type { LedgerRow } from '../src/contract/ledger.ts';
import type { Pool } from '../src/contract/profile.ts';
import type { AttemptInput, AttemptReport } from '../src/contract/attempts.ts';
import type { Json } from '../src/contract/values.ts';
import { AttemptUse, type TrialResult } from '../src/contract/trial.ts';
import type { Warehouse } from '../src/ports/index.ts';
import { inFlavor } from '../src/rules/flavors.ts';
import type { Followed } from './progress-follower.ts';
import { exportUri } from './trial-files.ts';

const MS_PER_HOUR = 3_600_000;
const SECONDS_PER_HOUR = 3600;
const MAX_METRICS = 40;
const LOG_TAIL_CHARACTERS = 4096;

interface AttemptFacts {
  readonly input: AttemptInput;
  readonly verdict: AttemptVerdict;
  readonly cause: string;
  readonly awaits?: 'registry';
  readonly end: JobEnd;
  readonly followed: Followed;
  /** Samples in the last committed checkpoint. */
  readonly committedSamples: number;
  readonly result: TrialResult | null;
  readonly bestExport: string | null;
  /** Null: there is but one cluster. */
  readonly moveBytes: number | null;
}

export function attemptReport(facts: AttemptFacts): AttemptReport {
  const { input, verdict, end, followed, result } = facts;
  const endedAt = endOf(end);
  const hours = end.startedAt === null ? 0 : (endedAt - end.startedAt) / MS_PER_HOUR;
  const machines = machineHours(input, end, endedAt, hours);
  const pool = inFlavor(input.pool, end.flavor);
  const cost = machines * pool.pricePerHour;
  const lostSamples = verdict === 'succeeded' ? 0 : Math.max(0, followed.samples - Math.max(facts.committedSamples, input.samples));
  return {
    verdict,
    ...(end.letGo ? { letGo: true as const } : {}),
    cause: facts.cause,
    ...(verdict === 'no-capacity' && facts.awaits !== undefined ? { awaits: facts.awaits } : {}),
    exitCode: end.exitCode,
    pool: input.pool.name,
    node: end.node,
    ...(end.flavor === undefined ? {} : { flavor: end.flavor }),
    image: end.image,
    startedAt: end.startedAt,
    endedAt,
    cost,
    onDemandCost: machines * onDemandPrice(pool),
    lostSamples,
    ...(facts.moveBytes === null ? {} : { moveBytes: facts.moveBytes }),
    ...(followed.use === null ? {} : { use: boundedUse(followed.use) }),
    lostCost: cost * lostShare(verdict, followed.samples - input.samples, lostSamples),
    logTail: verdict === 'succeeded' || verdict === 'stopped' || verdict === 'preempted' ? '' : end.logTail.slice(-LOG_TAIL_CHARACTERS),
    result: result && bounded(result),
    lastProgress: followed.lastProgress,
    samples: verdict === 'succeeded' ? followed.samples : Math.max(facts.committedSamples, input.samples),
    done: verdict === 'succeeded' ? 1 : followed.done,
    ...trainedTime(end.startedAt, hours, followed),
    metrics: metricsOf(result?.metrics ?? followed.metrics),
    objective: result?.objective ?? null,
    bestExport: result?.bestExport ? exportUri(input.trial.output, result.bestExport) : facts.bestExport,
    weightsSha256: result?.weightsSha256 ?? null,
  };
}

/** Two machines' clocks, or one that was set back between them. */
const endOf = ({ endedAt, startedAt }: JobEnd): number => Math.max(endedAt, startedAt ?? 0);

/** Share of the attempt that has to be done again. */
function lostShare(verdict: AttemptVerdict, trained: number, lost: number): number {
  if (verdict === 'succeeded' || verdict === 'stopped') return 0;
  return trained > 0 ? Math.min(1, lost / trained) : 1;
}

/** A trainer that does not say when it begins is taken to train from the start of its container. No clock that was set makes it more than its machine's time. */
function trainedTime(
  startedAt: number | null,
  hours: number,
  { trainingFrom, recordedAt }: Followed,
): Pick<AttemptReport, 'trainedSeconds'> {
  const from = trainingFrom ?? startedAt;
  if (from === null || recordedAt === null) return {};
  return { trainedSeconds: Math.min(Math.max(0, recordedAt - from), hours * MS_PER_HOUR) / 1000 };
}

/** Of all machines of the attempt, each held from when it began until the attempt was over. */
function machineHours({ trial }: AttemptInput, { nodes }: JobEnd, endedAt: number, hours: number): number {
  if (!nodes) return hours * (trial.spec.resources.nodes ?? 1);
  return nodes.reduce((sum, each) => sum + heldSeconds(each, endedAt) / SECONDS_PER_HOUR, 0);
}

const heldSeconds = ({ startedAt }: NodeEnd, endedAt: number): number => (startedAt === null ? 0 : Math.max(0, endedAt - startedAt) / 1000);

const onDemandPrice = (pool: Pool): number => pool.onDemandPricePerHour ?? pool.pricePerHour;

const metricsOf = (metrics: Readonly<Record<string, number | null>>): Record<string, number | null> =>
  Object.fromEntries(Object.entries(metrics).slice(0, MAX_METRICS));

const USE_FIELDS = {
  seconds: 'measured_seconds',
  cpu: 'cpu_used',
  cpuPeak: 'cpu_peak',
  memoryMb: 'memory_used_mb',
  memoryPeakMb: 'memory_peak_mb',
  gpu: 'gpu_used',
  gpuMemoryPeakMb: 'gpu_memory_peak_mb',
  receivedMb: 'received_mb',
  sentMb: 'sent_mb',
  waitShare: 'wait_share',
} as const satisfies Partial<Record<keyof AttemptUse, keyof LedgerRow<'attempts'>>>;

const boundedUse = (use: AttemptUse): AttemptUse => AttemptUse.strip().parse(use);

/** Known fields only: a trainer may add what it likes to result.json, histories stay small. */
function bounded(result: TrialResult): Record<string, Json> {
  const { objective, bestStep, steps, samples, epochs, bestExport, weightsSha256 } = result;
  return { metrics: metricsOf(result.metrics), objective, bestStep, steps, samples, epochs, bestExport, weightsSha256 };
}

const iso = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());

interface RecordOptions {
  /** `lost`: with its cluster, or it has let go, so that another row takes the place of this one when its end is known. */
  readonly stage?: 'lost' | 'ended';
}

/** @param job the name of its Job */
export async function recordAttempt(
  warehouse: Warehouse,
  input: AttemptInput,
  report: AttemptReport,
  job: string,
  { stage = 'ended' }: RecordOptions = {},
): Promise<void> {
  const { trial, attempt } = input;
  const pool = inFlavor(input.pool, report.flavor);
  const row: LedgerRow<'attempts'> = {
    pipeline: trial.pipeline,
    run: trial.run,
    time: new Date(timeOf(report)).toISOString(),
    step: trial.step,
    trial: trial.trial,
    attempt,
    job,
    pool: pool.name,
    spot: pool.spot,
    flavor: report.flavor ?? null,
    node: report.node,
    image: report.image ?? null,
    code: trial.spec.code?.sha256 ?? null,
    verdict: report.verdict,
    cause: report.cause,
    exit_code: report.exitCode,
    started_at: iso(report.startedAt),
    ended_at: iso(report.endedAt),
    seconds: report.startedAt === null ? 0 : (report.endedAt - report.startedAt) / 1000,
    cost: report.cost,
    on_demand_cost: report.onDemandCost,
    lost_samples: report.lostSamples,
    cpu_requested: trial.spec.resources.cpu,
    memory_requested_mb: input.memoryMb,
    gpus_requested: trial.spec.resources.gpu,
    ...Object.fromEntries(Object.entries(USE_FIELDS).map(([field, column]) => [column, report.use?.[field] ?? null])),
  };
  await warehouse.append('attempts', [row], keyOf(input, stage === 'lost' ? [stage] : []));
}

/** Before whatever end is found later: of two rows the later one counts. */
const timeOf = ({ letGo, startedAt, endedAt }: Pick<AttemptReport, 'letGo' | 'startedAt' | 'endedAt'>): number =>
  letGo ? (startedAt ?? endedAt) : endedAt;

const keyOf = ({ trial, attempt }: AttemptInput, more: readonly string[] = []): string =>
  ledgerKey(trial.run, trial.step, ...livesOf(trial), trial.trial, attempt, ...more);

/** Of an attempt on several machines a row for each. */
export async function recordNodes(warehouse: Warehouse, input: AttemptInput, end: JobEnd, job: string): Promise<void> {
  const pool = inFlavor(input.pool, end.flavor);
  const rows = (end.nodes ?? []).map((node) => ({
    ...nodeRow({ ...input, pool }, endOf(end), job, node),
    time: new Date(timeOf({ ...end, endedAt: endOf(end) })).toISOString(),
  }));
  if (rows.length > 0) await warehouse.append('attempt_nodes', rows, keyOf(input, end.letGo ? ['lost'] : []));
}

function nodeRow(
  { trial, attempt, pool }: AttemptInput,
  endedAt: number,
  job: string,
  node: NodeEnd,
): Omit<LedgerRow<'attempt_nodes'>, 'time'> {
  const seconds = heldSeconds(node, endedAt);
  return {
    pipeline: trial.pipeline,
    run: trial.run,
    step: trial.step,
    trial: trial.trial,
    attempt,
    rank: node.rank,
    job,
    pool: pool.name,
    spot: pool.spot,
    node: node.node,
    exit_code: node.exitCode,
    cause: node.message,
    started_at: iso(node.startedAt),
    ended_at: iso(node.endedAt),
    seconds,
    cost: (seconds / SECONDS_PER_HOUR) * pool.pricePerHour,
    on_demand_cost: (seconds / SECONDS_PER_HOUR) * onDemandPrice(pool),
  };
}
