import { AdapterError, PreconditionFailedError } from '../../contract/errors.ts';
import { faultOf, isTransient } from '../google/faults.ts';
import { hasCode } from '../files.ts';

/** Errors of the storage client as ours. */
export function adapterError(error: unknown, uri: string): Error {
  if (error instanceof AdapterError || error instanceof PreconditionFailedError) return error;
  // Of the local file, not of the store.
  if (hasCode(error, 'EACCES', 'ENOSPC', 'EISDIR', 'EROFS')) return error as Error;
  const { status, message } = faultOf(error);
  if (status === 412) return new PreconditionFailedError(uri, message);
  if (status === 401 || status === 403) return new AdapterError('AccessDenied', `${uri}: ${permission(message)}`, { cause: error });
  if (status === 404) return new AdapterError('InvalidInput', `${uri}: ${message}`, { cause: error });
  if (isTransient(error)) return new AdapterError('Unavailable', `${uri}: ${message}`, { cause: error });
  if (status === 400) return new AdapterError('InvalidInput', `${uri}: ${message}`, { cause: error });
  return error instanceof Error ? error : new Error(message);
}

/** GCS names it: `… does not have storage.objects.get access to the Google Cloud Storage object.` */
function permission(message: string): string {
  const missing = /storage\.[A-Za-z]+\.[A-Za-z]+/.exec(message)?.[0];
  return missing ? `the permission ${missing} is missing (${message})` : message;
}
