/** Loaded into a worker before its own code (`node --import`): answers its parent's questions about event loop and requests. */
import { subscribe } from 'node:diagnostics_channel';
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** The histogram's own sampling, which it adds to what it measures. */
const RESOLUTION_MS = 10;

export interface Answer {
  readonly loopLagP99Ms: number;
  /** HTTP requests since the start: all go to the API server, the store is a directory and Temporal speaks gRPC. */
  readonly requests: number;
}

const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
delay.enable();
let requests = 0;
subscribe('http.client.request.start', () => {
  requests += 1;
});
process.on('message', (question) => {
  if (question === 'reset') delay.reset();
  else process.send?.({ loopLagP99Ms: Math.max(0, delay.percentile(99) / 1e6 - RESOLUTION_MS), requests } satisfies Answer);
});
// The worker ends when it wants to, not when its parent does.
process.channel?.unref();
