import { Readable } from 'node:stream';
import type { JobMetadata } from '@google-cloud/bigquery';
import type { Client } from './client.ts';

type Configuration = NonNullable<JobMetadata['configuration']>;

/**
 * Starts a load job whose data comes with the request. The client's own way puts all options into `configuration.load`, where labels, limits and
 * reservation count nothing, and leaves the job's location out.
 */
export async function uploadJob(
  { bigquery, config }: Client,
  id: string,
  configuration: Configuration,
  data: string,
): Promise<JobMetadata> {
  const job = { jobReference: { jobId: id, projectId: config.project, location: config.location }, configuration };
  // Headers of a part are its other fields, which the types leave out.
  const part = (type: string, body: unknown): { readonly body: string } => ({ 'Content-Type': type, body }) as { readonly body: string };
  return new Promise((resolve, reject) => {
    bigquery.request(
      {
        method: 'POST',
        uri: `${bigquery.apiEndpoint}/upload/bigquery/v2/projects/${config.project}/jobs`,
        qs: { uploadType: 'multipart' },
        multipart: [part('application/json', JSON.stringify(job)), part('application/octet-stream', Readable.from([data]))],
      },
      (error: Error | null, body?: unknown) => {
        if (error) reject(error);
        else resolve(body as JobMetadata);
      },
    );
  });
}
