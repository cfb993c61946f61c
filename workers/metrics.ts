/** Prometheus metrics of a worker: those of Temporal's SDK and our own (activities/attempt-metrics.ts), on one port. */
import type { TelemetryOptions } from '@temporalio/worker';
import { HISTOGRAM_BUCKETS } from '../activities/attempt-metrics.ts';

const LOOPBACK = '127.0.0.1';
const HIGHEST_PORT = 65_535;

/**
 * LONGHAUL_METRICS_PORT switches metrics on; LONGHAUL_METRICS_HOST says where they are served (loopback unless told otherwise).
 * Throws a plain Error when the port is none.
 */
export function metricsOptions(environment: NodeJS.ProcessEnv = process.env): TelemetryOptions['metrics'] {
  const text = environment.LONGHAUL_METRICS_PORT;
  if (text === undefined || text === '') return undefined;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > HIGHEST_PORT)
    throw new Error(`LONGHAUL_METRICS_PORT: expected a port from 1 to ${HIGHEST_PORT}, found ${JSON.stringify(text)}`);
  return {
    prometheus: {
      bindAddress: `${environment.LONGHAUL_METRICS_HOST ?? LOOPBACK}:${port}`,
      countersTotalSuffix: true,
      unitSuffix: true,
      useSecondsForDurations: true,
      histogramBucketOverrides: HISTOGRAM_BUCKETS,
    },
    globalTags: { app: 'longhaul' },
  };
}
