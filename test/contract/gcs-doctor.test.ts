import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkGcs, placesOfBucket } from '../../src/adapters/gcs/doctor.ts';
import type { DoctorCheck } from '../../src/ports/doctor.ts';
import { apiError, startRecordedApi } from '../support/recorded-api.ts';
import type { ApiAnswer, RecordedApi } from '../support/recorded-api.ts';

/** The emulator knows no permissions: recorded answers. */
describe('checks of a bucket', () => {
  let api: RecordedApi;
  beforeEach(async () => void (api = await startRecordedApi()));
  afterEach(() => api.close());
  const check = (prefix = ''): Promise<DoctorCheck[]> => checkGcs({ kind: 'gcs', bucket: 'models', prefix, apiEndpoint: api.url });
  const answering = (permissions: readonly string[], bucket: ApiAnswer): void => {
    api.answer = ({ path }) => (path.endsWith('/iam/testPermissions') ? { json: { permissions } } : bucket);
  };
  const all = ['create', 'delete', 'get', 'list'].map((name) => `storage.objects.${name}`);

  it('tell each permission, and the command that grants a missing one', async () => {
    answering(all.slice(0, 3), { json: {} });
    const checks = await check();
    expect(checks.map(({ name, ok }) => [name, ok])).toEqual([
      ['bucket gs://models', true],
      ['bucket gs://models: storage.objects.create', true],
      ['bucket gs://models: storage.objects.delete', true],
      ['bucket gs://models: storage.objects.get', true],
      ['bucket gs://models: storage.objects.list', false],
      ['bucket gs://models: lifecycle rules', true],
      ['bucket gs://models: soft delete', true],
    ]);
    expect(checks[4]?.remedy).toBe(
      'gcloud storage buckets add-iam-policy-binding gs://models --member=serviceAccount:ACCOUNT --role=roles/storage.objectUser',
    );
  });

  it('print the lifecycle rules', async () => {
    answering(all, { json: { lifecycle: { rule: [{ action: { type: 'Delete' }, condition: { age: 30, matchesPrefix: ['runs/'] } }] } } });
    expect((await check()).at(-2)).toMatchObject({ ok: true, detail: 'Delete when age 30 and matchesPrefix ["runs/"]' });
  });

  it('print the rule that is advised where there is none', async () => {
    answering(all, { json: {} });
    expect((await check('longhaul')).at(-2)).toMatchObject({
      ok: true,
      remedy: `echo '{"rule":[{"action":{"type":"Delete"},"condition":{"age":30,"matchesPrefix":["longhaul/jobs/"]}}]}' > lifecycle.json && gcloud storage buckets update gs://models --lifecycle-file=lifecycle.json`,
    });
  });

  it('say that replaced checkpoints are kept and billed where they are', async () => {
    answering(all, { json: { softDeletePolicy: { retentionDurationSeconds: '604800' } } });
    const found = (await check()).at(-1);
    expect(found).toMatchObject({ ok: true, remedy: 'gcloud storage buckets update gs://models --clear-soft-delete' });
    expect(found?.detail).toContain('are billed, for 7 days');
  });

  it('do not ask for more rights than the work needs, and say what is not known without them', async () => {
    answering(all, apiError(403, 'forbidden', 'does not have storage.buckets.get access'));
    const checks = await check();
    expect(checks.every(({ ok }) => ok)).toBe(true);
    expect(checks.at(-1)).toMatchObject({ name: 'bucket gs://models: storage.buckets.get' });
    expect(checks.at(-1)?.detail).toContain('lifecycle rules, soft delete and location cannot be read');
  });

  it('tell the regions of a bucket, and nothing of one that may not be read', async () => {
    const places = (): Promise<readonly string[]> => placesOfBucket({ kind: 'gcs', bucket: 'models', prefix: '', apiEndpoint: api.url });
    answering(all, { json: { location: 'EUROPE-WEST4' } });
    expect(await places()).toEqual(['EUROPE-WEST4']);
    answering(all, { json: { location: 'US', customPlacementConfig: { dataLocations: ['US-EAST1', 'US-WEST1'] } } });
    expect(await places()).toEqual(['US-EAST1', 'US-WEST1']);
    answering(all, apiError(403, 'forbidden', 'does not have storage.buckets.get access'));
    expect(await places()).toEqual([]);
  });

  it('name the command that makes a missing bucket', async () => {
    api.answer = () => apiError(404, 'notFound', 'The specified bucket does not exist.');
    expect(await check()).toEqual([
      {
        name: 'bucket gs://models',
        ok: false,
        detail: 'The specified bucket does not exist.',
        remedy: 'gcloud storage buckets create gs://models --uniform-bucket-level-access',
      },
    ]);
  });
});
