/** A document of one release, read by another: the schemas are strict, so that what a release does not know is refused and never left out of account. */

const UNKNOWN = /Unrecognized keys?: |^schemaVersion: /m;
const OLDER_WORKERS =
  'If nobody wrote these by hand, the workers are of an earlier release than what compiled the document: update them (docs/upgrade.md), or compile it with their release.';

/** @param message of workers that refused a document; with what to do where they are older than the client */
export function withOlderWorkers(message: string): string {
  return UNKNOWN.test(message) && !message.includes(OLDER_WORKERS) ? `${message}\n${OLDER_WORKERS}` : message;
}
