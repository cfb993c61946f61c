import { EventEmitter } from 'node:events';
import { IdempotencyStrategy, Storage } from '@google-cloud/storage';
import { emulatorOptions } from '../google/auth.ts';
import { isTransient } from '../google/faults.ts';
import { GRACES } from '../../rules/durations.ts';

/** Google's client puts eleven listeners on the stream of a download: one too many for Node to stay silent. */
EventEmitter.defaultMaxListeners = Math.max(EventEmitter.defaultMaxListeners, 20);

/**
 * Google's client. Its own retries are only used inside of a resumable upload, where they go on from the last byte that was taken;
 * everything else is retried by this adapter, which knows what may be repeated.
 */
export function createStorage(apiEndpoint: string | undefined): Storage {
  return new Storage({
    ...emulatorOptions(apiEndpoint),
    ...(apiEndpoint === undefined ? {} : { projectId: 'emulator' }),
    timeout: GRACES.storeAnswerMs,
    retryOptions: {
      autoRetry: true,
      maxRetries: 6,
      retryDelayMultiplier: 2,
      maxRetryDelay: 16,
      idempotencyStrategy: IdempotencyStrategy.RetryConditional,
      retryableErrorFn: isTransient,
    },
  });
}
