import { describe, expect, it } from 'vitest';
import { isTracing } from '../../../src/telemetry/tracing.ts';
import { contextOf, fieldsOf } from '../../../workers/log-context.ts';
import { metricsOptions } from '../../../workers/metrics.ts';

describe('telemetry', () => {
  it('is off unless the environment asks for it', () => {
    expect(metricsOptions({})).toBeUndefined();
    expect(isTracing({})).toBe(false);
    expect(isTracing({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' })).toBe(true);
    expect(isTracing({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318', OTEL_SDK_DISABLED: 'true' })).toBe(false);
    expect(isTracing({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://collector:4318/v1/traces', OTEL_TRACES_EXPORTER: 'none' })).toBe(false);
  });

  it('serves metrics on loopback, or where it is told', () => {
    expect(metricsOptions({ LONGHAUL_METRICS_PORT: '9464' })).toMatchObject({ prometheus: { bindAddress: '127.0.0.1:9464' } });
    expect(metricsOptions({ LONGHAUL_METRICS_PORT: '9464', LONGHAUL_METRICS_HOST: '0.0.0.0' })).toMatchObject({
      prometheus: { bindAddress: '0.0.0.0:9464' },
    });
    expect(() => metricsOptions({ LONGHAUL_METRICS_PORT: 'http' })).toThrow(
      'LONGHAUL_METRICS_PORT: expected a port from 1 to 65535, found "http"',
    );
  });
});

describe('a line of the log', () => {
  it('names run, step and trial of the workflow that it is about', () => {
    expect(contextOf('shop-20261124-k3f9')).toEqual({ run: 'shop-20261124-k3f9' });
    expect(contextOf('shop-20261124-k3f9/search.a/trial-12')).toEqual({ run: 'shop-20261124-k3f9', step: 'search.a', trial: 12 });
    expect(contextOf(undefined)).toEqual({});
  });

  it("tells the trial's attempt from Temporal's retries", () => {
    expect(fieldsOf({ workflowId: 'r/s/trial-0', attempt: 3, trialAttempt: 2 })).toMatchObject({
      run: 'r',
      attempt: 2,
      temporalAttempt: 3,
    });
    expect(fieldsOf({ workflowId: 'r', attempt: 3 })).not.toHaveProperty('attempt');
  });
});
