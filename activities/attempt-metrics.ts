/** What attempts tell Prometheus. Names and meanings: docs/telemetry.md. */
import { metricMeter } from '@temporalio/activity';
import type { AttemptInput, AttemptReport } from '../src/contract/attempts.ts';
import type { ProgressRecord } from '../src/contract/trial.ts';

/** Bounds of the histograms, by name: seconds, and amounts of the profile's currency. */
export const HISTOGRAM_BUCKETS: Record<string, number[]> = {
  longhaul_recovery: [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600],
  longhaul_checkpoint: [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60],
  longhaul_attempt: [10, 60, 300, 900, 3600, 4 * 3600, 12 * 3600, 86_400],
  longhaul_attempt_cost: [0.001, 0.01, 0.1, 0.5, 1, 5, 10, 50, 100],
  longhaul_attempt_on_demand_cost: [0.001, 0.01, 0.1, 0.5, 1, 5, 10, 50, 100],
};

interface AttemptMeter {
  /** Each progress record once, in order. */
  readonly record: (record: ProgressRecord) => void;
  readonly end: (report: AttemptReport) => void;
}

/** Pools and ends are few; runs and trials are many, and live in the ledger. */
export function attemptMeter(input: AttemptInput): AttemptMeter {
  const { pool, trial } = input;
  const tags = { pool: pool.name, spot: pool.spot };
  const money = { ...tags, currency: trial.profile.currency };
  let position: { readonly epoch: number; readonly part: number; readonly samples: number } | null = null;
  let recovering = input.preemptedAt ?? null;
  return {
    record: (record) => {
      if (record.kind === 'checkpoint' && record.checkpointSeconds !== undefined)
        metricMeter
          .createHistogram('longhaul_checkpoint', 'float', 'seconds', 'Time that a checkpoint held up training')
          .record(record.checkpointSeconds, tags);
      if (record.kind === 'start') return;
      if (recovering !== null) {
        const seconds = Math.max(0, record.time - recovering / 1000);
        metricMeter
          .createHistogram('longhaul_recovery', 'float', 'seconds', 'From the end of a preempted attempt until the next one trains')
          .record(seconds, tags);
        recovering = null;
      }
      if (position) {
        const parts = record.epoch === position.epoch ? record.part - position.part : record.part;
        count('longhaul_parts', 'Parts of the data set read', parts, tags);
        count('longhaul_samples', 'Sessions trained on', record.samples - position.samples, tags);
      } else count('longhaul_samples', 'Sessions trained on', record.samples - input.samples, tags);
      position = record;
    },
    end: (report) => {
      const { verdict } = report;
      count('longhaul_attempts', 'Attempts that ended', 1, { ...tags, end: verdict });
      if (verdict === 'preempted') count('longhaul_preemptions', 'Attempts that were preempted', 1, tags);
      count('longhaul_lost_samples', 'Sessions that have to be trained on again', report.lostSamples, tags);
      const seconds = report.startedAt === null ? 0 : (report.endedAt - report.startedAt) / 1000;
      metricMeter.createHistogram('longhaul_attempt', 'float', 'seconds', 'How long attempts ran').record(seconds, tags);
      // Counters hold whole numbers: the sum of a histogram is the amount.
      metricMeter.createHistogram('longhaul_attempt_cost', 'float', undefined, 'What attempts cost').record(report.cost, money);
      metricMeter
        .createHistogram('longhaul_attempt_on_demand_cost', 'float', undefined, 'What the same time costs on demand')
        .record(report.onDemandCost, money);
    },
  };
}

/** A counter that was never raised is not there; zero makes it appear, and rates of it right. */
function count(name: string, description: string, by: number, tags: Record<string, string | boolean>): void {
  metricMeter.createCounter(name, undefined, description).add(Math.max(0, Math.round(by)), tags);
}
