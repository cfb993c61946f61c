import type { Storage as StorageConfig } from '../../contract/profile.ts';
import type { DoctorCheck } from '../../ports/doctor.ts';
import { faultOf } from '../google/faults.ts';
import { withRetries } from '../google/retry.ts';
import type { BucketMetadata } from '@google-cloud/storage';
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
  return [{ name, ok: true, detail: 'it answers' }, ...permissions, ...(await settings(bucket, name, config))];
}

const grant = (bucket: string, role = ROLE): string =>
  `gcloud storage buckets add-iam-policy-binding gs://${bucket} --member=${MEMBER} --role=${role}`;

type Bucket = ReturnType<ReturnType<typeof createStorage>['bucket']>;

/** What removes objects, and what keeps them. Told, not judged, where it is a choice. */
async function settings(bucket: Bucket, name: string, config: GcsConfig): Promise<DoctorCheck[]> {
  try {
    const [metadata] = await withRetries(() => bucket.getMetadata());
    return [lifecycle(metadata, name, config), softDelete(metadata, name, config)];
  } catch (error) {
    // A worker does its work without this right.
    const detail = `lifecycle rules, soft delete and location cannot be read, so nothing is said of them: ${faultOf(error).message}`;
    return [{ name: `${name}: storage.buckets.get`, ok: true, detail, remedy: grant(config.bucket, 'roles/storage.legacyBucketReader') }];
  }
}

/** One that removes checkpoints after a day is a choice, and a surprise for a training of five. */
function lifecycle(metadata: BucketMetadata, name: string, config: GcsConfig): DoctorCheck {
  const check = `${name}: lifecycle rules`;
  const rules = metadata.lifecycle?.rule ?? [];
  if (rules.length === 0)
    return { name: check, ok: true, detail: 'none: objects stay until `longhaul gc` removes them. Advised:', remedy: advisedRule(config) };
  return { name: check, ok: true, detail: rules.map(ruleText).join('; ') };
}

const SECONDS_PER_DAY = 86_400;

/** New buckets keep what is deleted for a week, at the price of what is there: a checkpoint an hour is 168 of them. */
function softDelete(metadata: BucketMetadata, name: string, { bucket }: GcsConfig): DoctorCheck {
  const check = `${name}: soft delete`;
  const days = Number(metadata.softDeletePolicy?.retentionDurationSeconds ?? 0) / SECONDS_PER_DAY;
  if (days === 0) return { name: check, ok: true, detail: 'off' };
  return {
    name: check,
    ok: true,
    detail: `on: checkpoints that were replaced stay, and are billed, for ${days.toFixed(1).replace(/\.0$/, '')} days. Advised for a bucket of checkpoints:`,
    remedy: `gcloud storage buckets update gs://${bucket} --clear-soft-delete`,
  };
}

/** Regions or multi-regions of the bucket; empty: this account may not know. */
export async function placesOfBucket(config: GcsConfig): Promise<readonly string[]> {
  try {
    const [{ location, customPlacementConfig }] = await withRetries(() =>
      createStorage(config.apiEndpoint).bucket(config.bucket).getMetadata(),
    );
    return customPlacementConfig?.dataLocations ?? (location === undefined ? [] : [location]);
  } catch {
    return [];
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
