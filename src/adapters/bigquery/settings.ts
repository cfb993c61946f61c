import type { BigqueryConfig } from './client.ts';
import type { JobMetadata } from '@google-cloud/bigquery';
import { labelsOf, literal } from './names.ts';

export type JobConfiguration = NonNullable<JobMetadata['configuration']>;

/**
 * What the profile says of every job, unless the job says its own. Every job passes here, so that no kind of job can be forgotten:
 * docs/bigquery.md has the table of what reaches which, made by a test.
 */
export function withSettings(config: BigqueryConfig, configuration: JobConfiguration): JobConfiguration {
  const { query, load, ...rest } = configuration;
  return {
    ...rest,
    labels: { ...labelsOf(config.labels ?? {}), longhaul: 'job', ...configuration.labels },
    ...timeLimit(config),
    ...(config.reservation === undefined ? {} : { reservation: config.reservation }),
    ...(query === undefined ? {} : { query: { ...queryLimits(config), ...query } }),
    ...(load === undefined ? {} : { load: { ...load, ...encryption(config) } }),
  };
}

const timeLimit = ({ jobTimeoutSeconds }: BigqueryConfig): { readonly jobTimeoutMs?: string } =>
  jobTimeoutSeconds === undefined ? {} : { jobTimeoutMs: String(Math.ceil(jobTimeoutSeconds * 1000)) };

const queryLimits = ({
  maximumBytesBilled,
  priority,
}: BigqueryConfig): { readonly priority: string; readonly maximumBytesBilled?: string } => ({
  priority,
  ...(maximumBytesBilled === undefined ? {} : { maximumBytesBilled: String(maximumBytesBilled) }),
});

/** Of what a job writes that is no statement's own table. */
export const encryption = ({
  kmsKey,
}: BigqueryConfig): { readonly destinationEncryptionConfiguration?: { readonly kmsKeyName: string } } =>
  kmsKey === undefined ? {} : { destinationEncryptionConfiguration: { kmsKeyName: kmsKey } };

/** Of a table or model that a statement creates: an item of its OPTIONS. */
export const kmsOption = ({ kmsKey }: BigqueryConfig): string[] => (kmsKey === undefined ? [] : [`kms_key_name = ${literal(kmsKey)}`]);
