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
/** @param life of a search that its step began once more: its trials are others */
export const trialWorkflowId = (run: string, step: string, trial: number, life?: string): string =>
  life === undefined ? `${run}/${step}/trial-${trial}` : `${run}/${step}/${life}/trial-${trial}`;
/** The same finished trials have the same importances: asked twice, the second answer is the first one's. */
export const importanceWorkflowId = (run: string, step: string, input: string): string => `${run}/${step}/importance-${shortHash(input)}`;
/** The same question has the same answer: a search that is replayed again asks nothing anew. */
export const suggestionsWorkflowId = (run: string, step: string, input: string): string => `${run}/${step}/suggestions-${shortHash(input)}`;
/** `nightly-20261124-030000` of the workflow that a schedule starts, `nightly-2026-11-24T03:00:00Z`. */
export const scheduledRunName = (workflowId: string): string =>
  workflowId.replace(/-(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z$/, '-$1$2$3-$4$5$6');

/** Of the workflow that owes a Job its end: an attempt of a trial or a step, or a look for another pool's machine. */
export const jobEndingWorkflowId = (
  of: { readonly run: string; readonly step: string; readonly trial?: number; readonly life?: string | undefined },
  kind: string,
  attempt: number,
): string =>
  `${of.trial === undefined ? searchWorkflowId(of.run, of.step) : trialWorkflowId(of.run, of.step, of.trial, of.life)}/end-of-${kind}-${attempt}`;

/** Feeds one of the trackers that the profile names. No step has a `~` in its id: a search `tracker-0` or `audit` is another workflow. */
export const trackerWorkflowId = (run: string, index: number): string => `${run}/~tracker-${index}`;

const AUDIT = '/~audit';
/** One audit of a run at a time. */
export const auditWorkflowId = (run: string): string => `${run}${AUDIT}`;
export const runOfAudit = (workflowId: string): string => workflowId.slice(0, -AUDIT.length);
/** Of its trainings and their rows, as a run's; `execution` is that of Temporal. */
export const auditName = (run: string, execution: string): string => `${run}.audit-${shortHash(execution)}`;
/** @param one of several of the same model */
export const promotionWorkflowId = (model: string, one: string): string => `longhaul-promotion-${model}-${one}`;
/** One TensorBoard a pipeline and home, whatever the number of its runs. @param home absent from searches that began before 0.2.0 */
export const tensorboardWorkflowId = (pipeline: string, home?: string): string =>
  home === undefined ? `longhaul-tensorboard-${pipeline}` : `longhaul-tensorboard-${pipeline}-${home}`;
/** Of its Deployment, Service or process. */
export const tensorboardName = (pipeline: string, home?: string): string =>
  home === undefined
    ? dnsLabel(`tensorboard-${pipeline.replaceAll('_', '-')}`)
    : `tensorboard-${readable(pipeline)}-${digest(JSON.stringify([home, pipeline]))}`;
/** @param team whose places it counts; null: those of all that ask */
export const poolGateWorkflowId = (pool: string, team: string | null = null): string =>
  team === null ? `longhaul-pool-${pool}` : `longhaul-team-${team}/pool-${pool}`;
/** Counts the trials of a team. */
export const quotaGateWorkflowId = (team: string): string => `longhaul-team-${team}/trials`;

/** FNV-1a, 64 bit, 12 digits of base 36 (62 bit): for names that must not meet. */
export function digest(text: string): string {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return (hash % 36n ** 12n).toString(36).padStart(12, '0');
}

/** Installations share a namespace, and keep apart by where they store things. */
export const homeOf = (storeRoot: string): string => digest(storeRoot);

/** The same, where nothing has opened the store yet. */
export const homeOfStorage = (
  storage:
    { readonly kind: 'directory'; readonly path: string } | { readonly kind: 'gcs'; readonly bucket: string; readonly prefix: string },
): string =>
  homeOf(storage.kind === 'gcs' ? `gs://${storage.bucket}/${storage.prefix}`.replace(/\/+$/, '') : storage.path.replace(/\/+$/, ''));

/** What a Job belongs to. */
interface JobPlace {
  /** `homeOf` the object store. */
  readonly home: string;
  readonly run: string;
  readonly step: string;
  /** Of a search that its step began once more. */
  readonly life?: string;
}

/** Pods' names are cut behind 57 characters. */
const MAX_READABLE = 28;

const readable = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+/, '')
    .slice(0, MAX_READABLE)
    .replace(/-+$/, '');

/** Readable for people; the digest of all parts keeps `a-b` of `c` and `a` of `b-c` apart. */
function jobName({ home, run, step, life }: JobPlace, suffix: string): string {
  return `${readable(`${run}-${step}`) || 'job'}-${digest(JSON.stringify([home, run, step, ...(life === undefined ? [] : [life])]))}-${suffix}`;
}

/** One attempt, one Job: made from run, trial and the logical attempt, never from Temporal's retry count. */
export const attemptJobName = (place: JobPlace, trial: number, attempt: number): string => jobName(place, `t${trial}-a${attempt}`);

/** The Job that looks for a machine of another pool, of which there may be several at once; `look` is absent where there is one. */
export const capacityJobName = (place: JobPlace, trial: number, attempt: number, look?: number): string =>
  jobName(place, `t${trial}-c${attempt}${look === undefined ? '' : `-${look}`}`);

export const stepJobName = (place: JobPlace, attempt: number): string => jobName(place, `s${attempt}`);

/** Names that release 0.1.0 gave: its Jobs are found by them, and are ours if they say so. */
export const FORMER_NAMES = {
  attempt: (run: string, step: string, trial: number, attempt: number): string =>
    dnsLabel(`${dnsLabel(`${run}-${step.replaceAll('.', '-')}`, 48)}-t${trial}-a${attempt}`),
  capacity: (run: string, step: string, trial: number, attempt: number): string =>
    dnsLabel(`${dnsLabel(`${run}-${step.replaceAll('.', '-')}`, 48)}-t${trial}-c${attempt}`),
  step: (run: string, step: string, attempt: number): string =>
    dnsLabel(`${dnsLabel(`${run}-${step.replaceAll('.', '-')}`, 54)}-s${attempt}`),
} as const;

export const trialOutput = (searchOutput: string, trial: number): string => `${searchOutput}/trial-${trial}`;

/** Key of an idempotent ledger append. */
export const ledgerKey = (...parts: readonly (string | number)[]): string => parts.join('/');

/** Part of the key of what a search's later life appends; the first one has none. */
export const livesOf = ({ life }: { readonly life?: string }): string[] => (life === undefined ? [] : [life]);

/** Of all tasks of a run, for Temporal's fairness: at most 64 bytes. */
export const fairnessKey = (run: string): string => (/^[ -~]{1,64}$/.test(run) ? run : digest(run));
