/** Every deterministic id in one place. Free of imports, so that workflows may load it. */

/** FNV-1a, 32 bit, 8 hex digits: shortens names, not a secret. */
export function shortHash(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}

/** A DNS-1123 label of at most `limit` characters; longer or foreign ones are cut and get a hash of the whole. */
export function dnsLabel(text: string, limit = 63): string {
  const clean = text
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .replace(/^-+|-+$/g, '');
  if (clean === text && clean.length <= limit) return clean;
  return `${clean.slice(0, limit - 9).replace(/-+$/, '')}-${shortHash(text)}`;
}

export const searchWorkflowId = (run: string, step: string): string => `${run}/${step}`;
export const trialWorkflowId = (run: string, step: string, trial: number): string => `${run}/${step}/trial-${trial}`;
/** The same finished trials have the same importances: asked twice, the second answer is the first one's. */
export const importanceWorkflowId = (run: string, step: string, input: string): string => `${run}/${step}/importance-${shortHash(input)}`;
/** The same question has the same answer: a search that is replayed again asks nothing anew. */
export const suggestionsWorkflowId = (run: string, step: string, input: string): string => `${run}/${step}/suggestions-${shortHash(input)}`;
/** `nightly-20261124-030000` of the workflow that a schedule starts, `nightly-2026-11-24T03:00:00Z`. */
export const scheduledRunName = (workflowId: string): string =>
  workflowId.replace(/-(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z$/, '-$1$2$3-$4$5$6');

/** One TensorBoard a pipeline, whatever the number of its runs. */
export const tensorboardWorkflowId = (pipeline: string): string => `longhaul-tensorboard-${pipeline}`;
export const poolGateWorkflowId = (pool: string): string => `longhaul-pool-${pool}`;

/** One attempt, one Job: made from run, trial and the logical attempt, never from Temporal's retry count. */
export const attemptJobName = (run: string, step: string, trial: number, attempt: number): string =>
  dnsLabel(`${dnsLabel(`${run}-${step.replaceAll('.', '-')}`, 48)}-t${trial}-a${attempt}`);

/** The Job that looks for a machine of another pool while an attempt runs. */
export const capacityJobName = (run: string, step: string, trial: number, attempt: number): string =>
  dnsLabel(`${dnsLabel(`${run}-${step.replaceAll('.', '-')}`, 48)}-t${trial}-c${attempt}`);

export const stepJobName = (run: string, step: string, attempt: number): string =>
  dnsLabel(`${dnsLabel(`${run}-${step.replaceAll('.', '-')}`, 54)}-s${attempt}`);

export const trialOutput = (searchOutput: string, trial: number): string => `${searchOutput}/trial-${trial}`;

/** Key of an idempotent ledger append. */
export const ledgerKey = (...parts: readonly (string | number)[]): string => parts.join('/');
