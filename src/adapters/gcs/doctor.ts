import type { Storage as StorageConfig } from '../../contract/profile.ts';
import type { DoctorCheck } from '../../ports/doctor.ts';
import { faultOf } from '../google/faults.ts';
import { withRetries } from '../google/retry.ts';
import { createStorage } from './client.ts';
import { GRACES } from '../../rules/durations.ts';

/** What Longhaul does with objects; `roles/storage.objectUser` has them all. */
const PERMISSIONS = ['storage.objects.create', 'storage.objects.delete', 'storage.objects.get', 'storage.objects.list'] as const;
const ROLE = 'roles/storage.objectUser';

/** Whoever runs the command must put its own account here. */
const MEMBER = 'serviceAccount:ACCOUNT';

type GcsConfig = Extract<StorageConfig, { kind: 'gcs' }>;

/** Asks the bucket for real: that it is there, what this account may do, and what removes objects by itself. */
export async function checkGcs(config: GcsConfig): Promise<DoctorCheck[]> {
  const bucket = createStorage(config.apiEndpoint).bucket(config.bucket);
  const name = `bucket gs://${config.bucket}`;
  const answer = await withRetries(() => bucket.iam.testPermissions([...PERMISSIONS])).then(
    ([granted]) => ({ granted, problem: null }),
    (error: unknown) => ({ granted: {}, problem: faultOf(error) }),
  );
  if (answer.problem !== null) {
    const { status, message } = answer.problem;
    const remedy =
      status === 404
        ? `gcloud storage buckets create gs://${config.bucket} --uniform-bucket-level-access`
        : status === 401 || status === 403
          ? grant(config.bucket)
          : undefined;
    return [{ name, ok: false, detail: message, ...(remedy === undefined ? {} : { remedy }) }];
  }
  const { granted } = answer;
  const permissions = PERMISSIONS.map((permission): DoctorCheck => {
    const ok = granted[permission] === true;
    return {
      name: `${name}: ${permission}`,
      ok,
      detail: ok ? 'granted' : 'missing',
      ...(ok ? {} : { remedy: grant(config.bucket) }),
    };
  });
  return [{ name, ok: true, detail: 'it answers' }, ...permissions, await lifecycle(bucket, name, config)];
}

const grant = (bucket: string): string => `gcloud storage buckets add-iam-policy-binding gs://${bucket} --member=${MEMBER} --role=${ROLE}`;

type Bucket = ReturnType<ReturnType<typeof createStorage>['bucket']>;

/** Rules are told, not judged: one that removes checkpoints after a day is a choice, and a surprise for a training of five. */
async function lifecycle(bucket: Bucket, name: string, config: GcsConfig): Promise<DoctorCheck> {
  const check = `${name}: lifecycle rules`;
  try {
    const [metadata] = await withRetries(() => bucket.getMetadata());
    const rules = metadata.lifecycle?.rule ?? [];
    if (rules.length === 0)
      return {
        name: check,
        ok: true,
        detail: 'none: objects stay until `longhaul gc` removes them. Advised:',
        remedy: advisedRule(config),
      };
    return { name: check, ok: true, detail: rules.map(ruleText).join('; ') };
  } catch (error) {
    // Reading them needs storage.buckets.get, which a worker does not need for its work.
    return { name: check, ok: true, detail: `cannot be read: ${faultOf(error).message}` };
  }
}

function advisedRule({ bucket, prefix }: GcsConfig): string {
  const matchesPrefix = [`${prefix === '' ? '' : `${prefix.replace(/\/+$/, '')}/`}jobs/`];
  const rules = { rule: [{ action: { type: 'Delete' }, condition: { age: GRACES.jobNotesDays, matchesPrefix } }] };
  return `echo '${JSON.stringify(rules)}' > lifecycle.json && gcloud storage buckets update gs://${bucket} --lifecycle-file=lifecycle.json`;
}

function ruleText(rule: { readonly action?: unknown; readonly condition?: unknown }): string {
  const { type, storageClass } = (rule.action ?? {}) as { type?: string; storageClass?: string };
  const conditions = Object.entries((rule.condition ?? {}) as Record<string, unknown>).map(
    ([key, value]) => `${key} ${JSON.stringify(value)}`,
  );
  return `${type ?? 'action'}${storageClass ? ` ${storageClass}` : ''} when ${conditions.join(' and ') || 'always'}`;
}
