import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { RunDocument } from '../../src/contract/run-document.ts';

/** A chain: nothing runs in parallel, so that every millisecond of overhead shows. New content each time, so that nothing is cached. */
export function noopDocument(folder: string, count: number): RunDocument {
  const nonce = randomUUID();
  const steps = Array.from({ length: count }, (_, index) => ({
    id: `step-${index}`,
    dependsOn: index === 0 ? [] : [`step-${index - 1}`],
    spec: {
      kind: 'script' as const,
      language: 'shell' as const,
      file: 'noop.sh',
      source: `: ${nonce} ${index}`,
      output: `file://${folder}/store/out-{key}`,
    },
  }));
  return RunDocument.parse({
    schemaVersion: 1,
    pipeline: 'noop',
    profileName: 'local',
    profile: {
      warehouse: { kind: 'duckdb', path: join(folder, 'warehouse') },
      storage: { kind: 'directory', path: join(folder, 'store') },
      compute: { kind: 'process', path: join(folder, 'jobs') },
    },
    steps,
    source: { file: 'noop.yaml', commit: null, dirty: false },
    hash: nonce,
  });
}
