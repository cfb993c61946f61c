/** Trials with attempts, preemptions, curves and ends, as a search on spot machines makes them. */
import type { AttemptVerdict } from '../../src/contract/jobs.ts';
import type { LedgerRow } from '../../src/contract/ledger.ts';
import type { TrialState } from '../../src/contract/state.ts';
import type { Json } from '../../src/contract/values.ts';
import type { Random } from './random.ts';

interface SearchOptions {
  readonly pipeline: string;
  readonly run: string;
  readonly step: string;
  readonly trials: number;
  readonly parallel: number;
  readonly pointsPerTrial: number;
  /** ms since 1970. */
  readonly startedAt: number;
  /** What has not ended by then still runs. */
  readonly until: number;
}

export interface MadeSearch {
  readonly states: TrialState[];
  readonly trials: LedgerRow<'trials'>[];
  readonly attempts: LedgerRow<'attempts'>[];
  readonly progress: LedgerRow<'progress'>[];
  readonly endedAt: number;
}

const HOUR = 3_600_000;
const SAMPLES = 81_812;
const SPOT_PRICE = 0.28;
const ON_DEMAND_PRICE = 0.71;

export const iso = (milliseconds: number): string => new Date(milliseconds).toISOString();

export function makeSearch(options: SearchOptions, generator: Random): MadeSearch {
  const made: MadeSearch & { endedAt: number } = { states: [], trials: [], attempts: [], progress: [], endedAt: options.startedAt };
  const free = Array.from({ length: options.parallel }, () => options.startedAt);
  for (let trial = 0; trial < options.trials; trial++) {
    const lane = free.indexOf(Math.min(...free));
    const beginsAt = (free[lane] ?? 0) + generator.between(2000, 9000);
    if (beginsAt > options.until) break;
    free[lane] = makeTrial(options, trial, beginsAt, generator, made);
    made.endedAt = Math.max(made.endedAt, free[lane] ?? 0);
  }
  made.endedAt = Math.min(made.endedAt, options.until);
  return made;
}

function parametersOf(generator: Random): Record<string, Json> {
  const loss = generator.pick(['softmax', 'softmax', 'pairwise']);
  return {
    learning_rate: Number((10 ** generator.between(-4, -1.6)).toPrecision(4)),
    units: generator.pick([
      [64, 32],
      [128, 64],
      [256, 128],
    ]),
    dropout: Number(generator.between(0, 0.5).toFixed(3)),
    batch_size: generator.pick([64, 128, 256]),
    loss,
    ...(loss === 'pairwise' ? { margin: Number(generator.between(0.1, 2).toFixed(2)) } : {}),
  };
}

/** Best near a learning rate of 0.002, a little better with wide layers and little dropout. */
function qualityOf(parameters: Record<string, Json>, generator: Random): number {
  const rate = Math.log10(Number(parameters.learning_rate)) + 2.7;
  const wide = JSON.stringify(parameters.units) === '[256,128]' ? 0.008 : 0;
  return 0.565 + wide - 0.045 * rate * rate - 0.02 * Number(parameters.dropout) + 0.004 * generator.normal();
}

function makeTrial(options: SearchOptions, trial: number, beginsAt: number, generator: Random, made: MadeSearch): number {
  const parameters = parametersOf(generator);
  const quality = qualityOf(parameters, generator);
  const key = { pipeline: options.pipeline, run: options.run, step: options.step, trial };
  const fate: 'succeeded' | 'stopped' | 'failed' =
    generator.next() < 0.03 ? 'failed' : quality < 0.5 && generator.next() < 0.85 ? 'stopped' : 'succeeded';
  const share = fate === 'succeeded' ? 1 : fate === 'stopped' ? generator.between(0.25, 0.5) : generator.between(0.05, 0.4);
  const hours = generator.between(0.5, 0.9) * share;
  const totals = { cost: 0, onDemand: 0, lost: 0, seconds: 0, preemptions: 0, points: 0 };
  let at = beginsAt;
  let done = 0;
  let n = 0;
  let attempt = 0;
  let pool = 'spot-l4';
  let last: Record<string, number> = {};
  while (done < share && at < options.until) {
    attempt++;
    pool = totals.preemptions >= 3 ? 'on-demand-l4' : 'spot-l4';
    const preempted = pool === 'spot-l4' && generator.next() < 0.22;
    const fraction = preempted ? Math.min(share - done, share * generator.between(0.1, 0.6)) : share - done;
    const finish = at + fraction * (hours / share) * HOUR;
    const endedAt = Math.min(finish, options.until);
    const running = finish > options.until;
    const reached = done + fraction * ((endedAt - at) / (finish - at));
    for (let point = Math.ceil(done * options.pointsPerTrial + 1e-9); point <= reached * options.pointsPerTrial; point++) {
      if (point === 0) continue;
      const progress = point / options.pointsPerTrial;
      last = metricsAt(progress, quality, generator);
      totals.points++;
      made.progress.push({
        ...key,
        attempt,
        n: ++n,
        kind: 'validation',
        epoch: Math.floor(progress * 2),
        part: point % 20,
        training_step: Math.round(progress * 2560),
        samples: Math.round(progress * SAMPLES),
        samples_per_second: Math.round(generator.between(14_000, 18_000)),
        metrics: JSON.stringify(last),
        time: iso(at + (endedAt - at) * Math.min(1, (progress - done) / Math.max(fraction, 1e-9))),
      });
    }
    const spent = (endedAt - at) / HOUR;
    const price = pool === 'spot-l4' ? SPOT_PRICE : ON_DEMAND_PRICE;
    const lostSamples = preempted && !running ? generator.integer(0, 900) : 0;
    totals.cost += spent * price;
    totals.onDemand += spent * ON_DEMAND_PRICE;
    totals.seconds += (endedAt - at) / 1000;
    totals.lost += spent * price * Math.min(1, lostSamples / Math.max(1, fraction * SAMPLES));
    done = running ? reached : done + fraction;
    if (running) {
      at = endedAt;
      break;
    }
    const verdict: AttemptVerdict = preempted && done < share ? 'preempted' : fate === 'failed' ? 'bad-input' : fate;
    made.attempts.push({
      ...key,
      attempt,
      job: `${options.run}-${options.step}-t${trial}-a${attempt}`,
      pool,
      spot: pool === 'spot-l4',
      node: `gke-${pool}-${generator.integer(100, 999)}`,
      verdict,
      cause: causeOf(verdict, pool),
      exit_code: verdict === 'preempted' ? 143 : verdict === 'bad-input' ? 65 : 0,
      started_at: iso(at),
      ended_at: iso(endedAt),
      seconds: (endedAt - at) / 1000,
      cost: spent * price,
      on_demand_cost: spent * ON_DEMAND_PRICE,
      lost_samples: lostSamples,
      time: iso(endedAt),
    });
    at = endedAt;
    if (verdict !== 'preempted') break;
    totals.preemptions++;
    at += generator.between(40_000, 400_000);
  }
  const ended = done >= share - 1e-9 && at < options.until;
  const status: TrialState['status'] = ended ? fate : 'running';
  const objective = fate === 'failed' || last.validation_ndcg_at_10 === undefined ? null : last.validation_ndcg_at_10;
  const reason = !ended
    ? null
    : fate === 'stopped'
      ? `stopped by rule median: ${(objective ?? 0).toFixed(4)} is below the median of 9 trials at this point`
      : fate === 'failed'
        ? 'exit code 65: bad data\npart-00017.parquet: expected column "popularity_4w" of type double, found string'
        : null;
  const output = `file:///data/grocery-ranking/search/3f2a91c04b7d/trial-${trial}`;
  const best = objective === null ? null : `${output}/exports/${Math.max(1, totals.points)}`;
  made.states.push({
    trial,
    parameters,
    origin: 'sampler',
    parent: null,
    output,
    workflowId: `${options.run}/${options.step}/trial-${trial}`,
    status,
    objective,
    points: totals.points,
    metrics: last,
    offline: {},
    reason,
    kept: false,
    priority: 0,
    attempts: attempt,
    preemptions: totals.preemptions,
    pool: ended ? null : pool,
    startedAt: beginsAt,
    endedAt: ended ? at : null,
    cost: totals.cost,
    onDemandCost: totals.onDemand,
    lostCost: totals.lost,
    bestExport: best,
  });
  if (ended)
    made.trials.push({
      ...key,
      time: iso(at),
      status,
      parameters: JSON.stringify(parameters),
      objective_metric: 'validation_ndcg_at_10',
      objective,
      metrics: JSON.stringify(last),
      reason,
      origin: 'sampler',
      parent_trial: null,
      output,
      export: best,
      weights_sha256: fate === 'succeeded' ? `${trial.toString(16).padStart(4, '0')}a7c3`.repeat(8) : null,
      attempts: attempt,
      seconds: totals.seconds,
      cost: totals.cost,
      on_demand_cost: totals.onDemand,
      lost_cost: totals.lost,
      started_at: iso(beginsAt),
      ended_at: iso(at),
    });
  return ended ? at : options.until;
}

function metricsAt(progress: number, quality: number, generator: Random): Record<string, number> {
  const learned = 1 - Math.exp(-5 * progress);
  const ndcg = 0.17 + (quality - 0.17) * learned + 0.002 * generator.normal();
  const loss = 4.2 - 2.1 * learned * (quality / 0.57) + 0.02 * generator.normal();
  const round = (value: number): number => Number(value.toPrecision(9));
  return { loss: round(loss), validation_loss: round(loss + 0.08), validation_ndcg_at_10: round(ndcg), validation_mrr: round(ndcg * 0.88) };
}

function causeOf(verdict: AttemptVerdict, pool: string): string {
  if (verdict === 'preempted') return `DeletionByTaintManager on gke-${pool}-417`;
  if (verdict === 'bad-input') return 'exit code 65: bad data';
  return verdict === 'stopped' ? 'stopped with a checkpoint' : 'finished';
}
