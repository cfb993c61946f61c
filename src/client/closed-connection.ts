/**
 * Calls on a connection that is closed end as cancelled ones. Temporal's client tries a call again after a while (grpc-retry.js): where the server was away and
 * whoever asked has closed the connection meanwhile, gRPC would throw at nobody, and end the program.
 */
import { status } from '@grpc/grpc-js';
import { defaultGrpcRetryOptions, makeGrpcRetryInterceptor, type ConnectionOptions } from '@temporalio/client';

type Interceptor = NonNullable<ConnectionOptions['interceptors']>[number];
type NextCall = Parameters<Interceptor>[1];
type Call = ReturnType<NextCall>;

const tryAgain = makeGrpcRetryInterceptor(defaultGrpcRetryOptions());

/** The client's own way to try again, each time on a connection that may be closed by then. */
export const tryAgainWhileOpen: Interceptor = (options, next) => tryAgain(options, orEnded(next));

const orEnded =
  (next: NextCall): NextCall =>
  (options) => {
    try {
      return next(options);
    } catch (error) {
      return endedCall(error instanceof Error ? error.message : 'the connection is closed');
    }
  };

const NOTHING = (): void => undefined;

const endedCall = (details: string): Call => ({
  start: (metadata, listener) => listener?.onReceiveStatus?.({ code: status.CANCELLED, details, metadata }),
  ...{ cancelWithStatus: NOTHING, sendMessage: NOTHING, sendMessageWithContext: NOTHING, startRead: NOTHING, halfClose: NOTHING },
  getPeer: () => 'none',
  getAuthContext: () => null,
});
