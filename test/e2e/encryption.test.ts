import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startStack, type Stack } from '../../src/stack/stack.ts';
import { connect, type Longhaul } from '../../src/client/index.ts';
import { KEYS_VARIABLE } from '../../src/codec/keys.ts';
import { searchWorkflowId, trialWorkflowId } from '../../src/contract/ids.ts';
import { tinyProfile, tinySearch } from '../support/tiny-search.ts';
import { documentOf } from '../workflow/documents.ts';

describe('a run with encrypted payloads', () => {
  const folder = mkdtempSync(join(tmpdir(), 'longhaul-encryption-'));
  let stack: Stack;
  let longhaul: Longhaul;

  beforeAll(async () => {
    // The stack's workers, the Python sampler among them, take the environment of this process.
    process.env[KEYS_VARIABLE] = `test=${randomBytes(32).toString('base64')}`;
    stack = await startStack({ directory: folder });
    await stack.ready;
    longhaul = await connect({ directory: folder });
  });
  afterAll(async () => {
    delete process.env[KEYS_VARIABLE];
    await longhaul.close();
    await stack.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('ends as any other, and Temporal can read nothing of it', async () => {
    const run = await longhaul.start(documentOf([tinySearch(folder, { trials: 2 })], { profile: tinyProfile(folder) }));
    expect((await run.result()).status).toBe('succeeded');
    expect((await run.state()).steps[0]?.outputs.best_objective).toBe(1);

    for (const id of [run.id, searchWorkflowId(run.id, 'search'), trialWorkflowId(run.id, 'search', 0)]) {
      const { events } = await longhaul.client.workflow.getHandle(id).fetchHistory();
      const payloads = [...payloadsIn(events)];
      expect(payloads.length).toBeGreaterThan(2);
      // Encodings of what is not a user's value: search attributes, markers and versions of the SDK.
      const plain = payloads.filter(({ encoding }) => encoding !== 'binary/encrypted').map(({ data }) => data);
      expect(plain.filter((data) => data.includes(folder) || data.includes('score') || data.includes('best'))).toEqual([]);
    }
  });
});

interface Found {
  readonly encoding: string;
  readonly data: string;
}

/** Every payload anywhere in a history. */
function* payloadsIn(value: unknown): Generator<Found> {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return;
  const { metadata, data } = value as { metadata?: Record<string, unknown>; data?: unknown };
  if (metadata?.encoding instanceof Uint8Array && data instanceof Uint8Array)
    yield { encoding: Buffer.from(metadata.encoding).toString(), data: Buffer.from(data).toString() };
  else for (const part of Object.values(value)) yield* payloadsIn(part);
}
