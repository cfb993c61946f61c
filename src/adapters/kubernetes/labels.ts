import { createHash } from 'node:crypto';
import type { JobSpec } from '../../contract/jobs.ts';
import { shortHash } from '../../contract/ids.ts';

/** Every Job and pod of Longhaul carries it; lists and watches select by it. */
const MANAGED_BY = { key: 'app.kubernetes.io/managed-by', value: 'longhaul' };
const PREFIX = 'longhaul.dev/';
/** On Jobs: decides about adoption. */
export const SPEC_HASH = `${PREFIX}spec-sha256`;
/** On Jobs: the labels as they are; values that Kubernetes refuses are cut in the labels themselves. */
export const EXACT_LABELS = `${PREFIX}labels`;
/** On pods: their end was asked for by us. */
export const TERMINATE_REQUESTED = `${PREFIX}terminate-requested`;
/** On pods, set by the Job controller. */
export const JOB_NAME = 'batch.kubernetes.io/job-name';
/** On pods of an Indexed Job, as label and annotation, set by the Job controller: their rank. */
export const COMPLETION_INDEX = 'batch.kubernetes.io/job-completion-index';
export const KUEUE_QUEUE = 'kueue.x-k8s.io/queue-name';

const MAX_VALUE = 63;

/** What a label may be: at most 63 of A–Z a–z 0–9 - _ . with a letter or digit at both ends; others are cut and get a hash of the whole. */
export function labelValue(text: string): string {
  const clean = text.replace(/[^A-Za-z0-9_.-]+/g, '-').replace(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '');
  if (clean === text && text.length <= MAX_VALUE) return text;
  return `${clean.slice(0, MAX_VALUE - 9).replace(/[^A-Za-z0-9]+$/, '')}-${shortHash(text)}`.replace(/^-/, '');
}

export function labelsOf(labels: JobSpec['labels']): Record<string, string> {
  const own = Object.entries(labels).map(([key, value]) => [PREFIX + key, labelValue(value)]);
  return { [MANAGED_BY.key]: MANAGED_BY.value, ...(Object.fromEntries(own) as Record<string, string>) };
}

export function selector(labels: Readonly<Record<string, string>> = {}): string {
  const wanted = Object.entries(labels).map(([key, value]) => `${PREFIX}${key}=${labelValue(value)}`);
  return [`${MANAGED_BY.key}=${MANAGED_BY.value}`, ...wanted].join(',');
}

export function exactLabels(annotations: Readonly<Record<string, string>> = {}): Record<string, string> {
  const text = annotations[EXACT_LABELS];
  return text === undefined ? {} : (JSON.parse(text) as Record<string, string>);
}

/** Equal for specs that differ in the order of their keys only. */
export function specHash(spec: JobSpec): string {
  return createHash('sha256').update(canonical(spec)).digest('hex');
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
