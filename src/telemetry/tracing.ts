/**
 * OpenTelemetry traces over clients, workflows and activities, where the standard environment variables ask for them
 * (OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT). Without them nothing is loaded, and workflows run without interceptors.
 */
import type { ClientPlugin } from '@temporalio/client';
import type { WorkerPlugin } from '@temporalio/worker';
import { GRACES } from '../rules/durations.ts';

export interface Tracing {
  /** For a client or a worker. */
  readonly plugin: ClientPlugin & WorkerPlugin;
  /** Sends what is left. */
  readonly flush: () => Promise<void>;
}

export function isTracing(environment: NodeJS.ProcessEnv = process.env): boolean {
  if (environment.OTEL_SDK_DISABLED === 'true' || environment.OTEL_TRACES_EXPORTER === 'none') return false;
  return Boolean(environment.OTEL_EXPORTER_OTLP_ENDPOINT ?? environment.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT);
}

let opened: Promise<Tracing> | null = null;

/** One provider a process, whoever asks. @param service name of the process in traces, unless OTEL_SERVICE_NAME gives one. */
export async function openTracing(service: string): Promise<Tracing | null> {
  if (!isTracing()) return null;
  opened ??= open(service);
  return opened;
}

async function open(service: string): Promise<Tracing> {
  const [{ OTLPTraceExporter }, { Resource, envDetectorSync }, { BatchSpanProcessor, NodeTracerProvider }, { OpenTelemetryPlugin }] =
    await Promise.all([
      import('@opentelemetry/exporter-trace-otlp-http'),
      import('@opentelemetry/resources'),
      import('@opentelemetry/sdk-trace-node'),
      import('@temporalio/interceptors-opentelemetry'),
    ]);
  const resource = new Resource({ 'service.name': service, 'service.namespace': 'longhaul', ...envDetectorSync.detect().attributes });
  const spanProcessor = new BatchSpanProcessor(new OTLPTraceExporter());
  const provider = new NodeTracerProvider({ resource, spanProcessors: [spanProcessor] });
  provider.register();
  return {
    plugin: new OpenTelemetryPlugin({ resource, spanProcessor }),
    flush: async () => {
      const patience = AbortSignal.timeout(GRACES.tracesFlushMs);
      const over = new Promise<void>((resolve) => patience.addEventListener('abort', () => resolve()));
      await Promise.race([provider.forceFlush().catch(() => undefined), over]);
    },
  };
}
