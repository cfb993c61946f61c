import { randomUUID } from 'node:crypto';
import type { DoctorCheck } from '../../ports/doctor.ts';
import { faultOf } from '../google/faults.ts';
import type { Fault } from '../google/faults.ts';
import { withRetries } from '../google/retry.ts';
import { createClient } from './client.ts';
import type { BigqueryConfig, Client } from './client.ts';
import { withPermission } from './errors.ts';
import { NO_CONTEXT, runJob } from './jobs.ts';
import { encryption } from './settings.ts';

/** Whoever runs the command must put its own account here. */
const MEMBER = 'serviceAccount:ACCOUNT';

/** Asks BigQuery for real: a job, the data set, a table in it. Each check is one permission of the worker. */
export async function checkBigquery(config: BigqueryConfig): Promise<DoctorCheck[]> {
  const client = createClient(config);
  const job = await check(`BigQuery project ${config.project}: bigquery.jobs.create`, () => query(client, 'SELECT 1 AS one'), {
    detail: `a job ran in ${config.location}`,
    remedy: () => `gcloud projects add-iam-policy-binding ${config.project} --member=${MEMBER} --role=roles/bigquery.jobUser`,
  });
  const name = `BigQuery data set ${config.project}.${config.dataset}`;
  const create = `bq --location=${config.location} mk --dataset ${config.project}:${config.dataset}`;
  const grant = `bq add-iam-policy-binding --member=${MEMBER} --role=roles/bigquery.dataEditor ${config.project}:${config.dataset}`;
  const remedy = ({ status }: Fault): string => (status === 404 ? create : grant);
  const dataset = await datasetCheck(client, name, remedy);
  if (!job.ok || !dataset.ok) return [job, dataset];
  const table = `\`${config.project}.${config.dataset}.longhaul_doctor_${randomUUID().slice(0, 8)}\``;
  const write = await check(
    `${name}: bigquery.tables.create, bigquery.tables.updateData, bigquery.tables.delete`,
    () => query(client, `CREATE TABLE ${table} AS SELECT 1 AS one; DROP TABLE ${table};`),
    { detail: 'a table was made and dropped', remedy },
  );
  return [job, dataset, write];
}

async function datasetCheck(client: Client, name: string, remedy: (fault: Fault) => string): Promise<DoctorCheck> {
  const { bigquery, config } = client;
  let location = '';
  const found = await check(
    name,
    async () => {
      const answer = await withRetries(() => bigquery.dataset(config.dataset).getMetadata());
      location = (answer[0] as { location?: string }).location ?? '';
    },
    { detail: 'it answers', remedy },
  );
  if (!found.ok || location.toLowerCase() === config.location.toLowerCase())
    return { ...found, detail: found.ok ? `it is in ${location}` : found.detail };
  return {
    name,
    ok: false,
    detail: `it is in ${location}, the profile says ${config.location}: jobs would not find it`,
    remedy: `set warehouse.location: ${location} in the profile`,
  };
}

async function query(client: Client, sql: string): Promise<void> {
  const configuration = { query: { query: sql, useLegacySql: false, ...encryption(client.config) }, labels: { longhaul: 'doctor' } };
  await runJob(client, { id: `longhaul-doctor-${randomUUID()}`, configuration }, NO_CONTEXT);
}

async function check(
  name: string,
  ask: () => Promise<unknown>,
  { detail, remedy }: { readonly detail: string; readonly remedy: (fault: Fault) => string },
): Promise<DoctorCheck> {
  try {
    await ask();
    return { name, ok: true, detail };
  } catch (error) {
    const fault = faultOf(error);
    return { name, ok: false, detail: withPermission(fault.message), remedy: remedy(fault) };
  }
}
