/** Builders of run documents for tests. */
import { RunDocument } from '../../src/contract/run-document.ts';
import type { z } from 'zod';

export type StepInput = z.input<typeof RunDocument>['steps'][number];

export const query = (id: string, fields: Partial<StepInput> & { sql?: string; tables?: Record<string, string> } = {}): StepInput => {
  const { sql = `SELECT '${id}'`, tables = {}, ...step } = fields;
  return { id, ...step, spec: { kind: 'query', sql, sqlFile: `${id}.sql`, tables, destination: `d.${id.replaceAll('.', '_')}_{key}` } };
};

export const script = (
  id: string,
  fields: Partial<StepInput> & {
    source?: string;
    inputs?: Record<string, never>;
    outputs?: Record<string, 'int' | 'string' | 'json'>;
  } = {},
): StepInput => {
  const { source = 'true', inputs = {}, outputs = {}, ...step } = fields;
  return {
    id,
    ...step,
    spec: {
      kind: 'script',
      language: 'shell',
      file: `${id}.sh`,
      source,
      inputs,
      outputs,
      output: `file:///memory/scripts-out/${id}-{key}`,
    },
  };
};

export function documentOf(steps: StepInput[], rest: Partial<z.input<typeof RunDocument>> = {}): RunDocument {
  return RunDocument.parse({
    schemaVersion: 1,
    pipeline: 'test',
    profileName: 'local',
    profile: {
      warehouse: { kind: 'duckdb', path: '/memory/warehouse' },
      storage: { kind: 'directory', path: '/memory' },
      compute: { kind: 'process', path: '/memory/jobs' },
    },
    steps,
    source: { file: 'pipeline.yaml', commit: null, dirty: false },
    hash: 'hash',
    ...rest,
  });
}

export const exportStep = (id: string, table: string, fields: Partial<StepInput> = {}): StepInput => ({
  id,
  ...fields,
  spec: { kind: 'export', table, destination: `file:///memory/exports/${id}-{key}` },
});
