import { AdapterError } from '../../contract/errors.ts';

interface StatusBody {
  readonly message?: string;
  readonly reason?: string;
  readonly details?: { readonly causes?: readonly { readonly reason?: string }[] };
}

/** The API server's answer that is no success. */
export class KubeError extends Error {
  override readonly name = 'KubeError';
  readonly status: number;
  readonly reason: string;
  /** Reasons of the parts, `NamespaceTerminating` for example. */
  readonly causes: readonly string[];

  constructor(status: number, reason: string, message: string, causes: readonly string[] = []) {
    super(message);
    this.status = status;
    this.reason = reason;
    this.causes = causes;
  }

  static of(status: number, text: string, what: string): KubeError {
    try {
      const body = JSON.parse(text) as StatusBody;
      const causes = (body.details?.causes ?? []).flatMap((cause) => (cause.reason === undefined ? [] : [cause.reason]));
      return new KubeError(status, body.reason ?? '', body.message ?? `${what}: HTTP ${status}`, causes);
    } catch {
      return new KubeError(status, '', `${what}: HTTP ${status} ${text.slice(0, 200)}`.trim());
    }
  }
}

export const hasStatus = (error: unknown, status: number): boolean => error instanceof KubeError && error.status === status;

/**
 * A list or watch has to begin anew: what it asks for was compacted away, or is yet to come, where the server was set back to an older state.
 */
export const isGone = (error: unknown): boolean =>
  error instanceof KubeError &&
  (error.status === 410 || error.reason === 'Expired' || error.reason === 'Gone' || /Too large resource version/.test(error.message));

/**
 * For the user, in one place. `what` begins the message: `Job x in namespace y`.
 *
 * @param isProven it worked before: a refusal is a token that expired, a role that is being written anew, and passes
 */
export function translate(error: unknown, what: string, namespace: string, isProven = false): AdapterError {
  if (error instanceof AdapterError) return error;
  if (!(error instanceof KubeError)) {
    const message = error instanceof Error ? error.message : String(error);
    return new AdapterError('Unavailable', `${what}: the Kubernetes API server cannot be reached (${message})`, { cause: error });
  }
  const { status, message } = error;
  if (error.causes.includes('NamespaceTerminating') || /because it is being terminated/.test(message)) {
    return new AdapterError(
      'InvalidInput',
      `${what}: namespace ${namespace} is being deleted; create it again when it is gone, or name another in compute.namespace`,
      { cause: error },
    );
  }
  if (status === 404 && /namespaces? .*not found/.test(message)) {
    return new AdapterError('InvalidInput', `${what}: there is no namespace ${namespace}; hint: kubectl create namespace ${namespace}`, {
      cause: error,
    });
  }
  // A quota on the number of Jobs empties as Jobs end.
  if (status === 403 && /exceeded quota/.test(message)) return new AdapterError('Unavailable', `${what}: ${message}`, { cause: error });
  if (/admission webhook .* denied/.test(message)) return new AdapterError('InvalidInput', `${what}: ${message}`, { cause: error });
  if (!isProven && (status === 401 || status === 403))
    return new AdapterError('AccessDenied', `${what}: ${message}; \`longhaul doctor\` prints what is missing`, { cause: error });
  if (status === 400 || status === 404 || status === 405 || status === 413 || status === 415 || status === 422)
    return new AdapterError('InvalidInput', `${what}: ${message}`, { cause: error });
  return new AdapterError('Unavailable', `${what}: ${message} (HTTP ${status})`, { cause: error });
}
