import { WorkflowFailedError } from '@temporalio/client';
import type { ApplicationFailure } from '@temporalio/common';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunDocument } from '../../src/contract/run-document.ts';
import { documentOf, script } from './documents.ts';
import { startHarness } from './environment.ts';
import type { Harness } from './environment.ts';
import { createMemoryPorts } from './memory-ports.ts';
import type { MemoryPorts } from './memory-ports.ts';

describe('trainingPipeline, long waits', () => {
  let ports: MemoryPorts;
  let harness: Harness;
  beforeEach(async () => {
    ports = createMemoryPorts();
    harness = await startHarness(ports, 'skipping');
  });
  afterEach(() => harness.stop());

  const failing = async (document: RunDocument): Promise<ApplicationFailure> => {
    const error: unknown = await (await harness.start(document)).result().then(
      () => new Error('the run succeeded'),
      (reason: unknown) => reason,
    );
    if (!(error instanceof WorkflowFailedError)) throw error;
    return error.cause as ApplicationFailure;
  };

  it('gives a crashing script its retries, with the end of its log when they are used up', async () => {
    ports.onJob = async () => ({ state: 'failed', exitCode: 1, logTail: 'Traceback\nValueError: x' });
    const failure = await failing(documentOf([script('crash', { retry: { attempts: 2 } })]));
    expect(failure.type).toBe('JobFailed');
    expect(failure.message).toContain('ValueError: x');
    expect(ports.calls.filter((call) => call.startsWith('create'))).toHaveLength(2);
  });

  it('takes exit code 75 of a script for its own: no trial is there that another attempt could take over', async () => {
    ports.onJob = async () => ({ state: 'failed', exitCode: 75 });
    const failure = await failing(documentOf([script('tempfail', { retry: { attempts: 2 } })]));
    expect(failure.message).toContain('exit code 75');
    expect(failure.message).not.toContain('later attempt');
    expect(ports.calls.filter((call) => call.startsWith('create'))).toHaveLength(2);
  });

  it('ends a step at its time limit and removes its Job', async () => {
    ports.onJob = () => new Promise(() => undefined);
    const failure = await failing(documentOf([script('slow', { timeoutSeconds: 2 })]));
    expect(failure.message).toContain('step slow failed: not done within its time limit of 2 s');
    expect(ports.calls.some((call) => call.startsWith('remove'))).toBe(true);
  });

  it('takes no answer within the time limit for a no', async () => {
    const approval = { id: 'ask', spec: { kind: 'approval' as const, message: 'Promote?', timeoutSeconds: 86_400 } };
    const failure = await failing(documentOf([approval]));
    expect(failure.type).toBe('Rejected');
    expect(failure.message).toContain('no answer within 86400 s');
  });
});
