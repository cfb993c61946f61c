/**
 * The one place of the CLI that opens adapters: logs are with the compute, checkpoints and reports in the store, the ledger in the warehouse,
 * and none of these has a server between it and its readers. Which adapter, the run's own profile says.
 */
import { openPorts as open, type OpenPorts } from '../adapters/open.ts';

export type { OpenPorts };

export function openPorts(): OpenPorts & AsyncDisposable {
  const ports = open();
  return { ...ports, [Symbol.asyncDispose]: () => ports.close() };
}
