import { ApplicationFailure, WorkflowFailedError } from '@temporalio/client';
import { describe, expect, it } from 'vitest';
import { TASK_QUEUES, WORKFLOWS } from '../../src/contract/names.ts';
import { codeUri } from '../../src/contract/code.ts';
import { ROOT } from './memory-ports.ts';
import { documentOf, query } from './documents.ts';
import { specOf } from './search-harness.ts';
import { sharedSearchHarness } from './shared-search-harness.ts';

const REFUSAL = 'sampler.kind: gp needs PyTorch, which the sampler’s environment does not have';

describe('a sampler that cannot do what a search asks', () => {
  const harness = sharedSearchHarness();
  const documentWith = (kind: string) =>
    documentOf([query('data'), { id: 'search', dependsOn: ['data'], spec: specOf({ trials: 1, sampler: { kind } }) }]);

  it('is refused when the run begins, before its first step', async () => {
    harness.world.ask = () => Promise.reject(ApplicationFailure.nonRetryable(REFUSAL, 'InvalidInput'));
    const run = await harness.start(documentWith('gp'));
    const error: unknown = await run.result().catch((failed: unknown) => failed);
    expect(error).toBeInstanceOf(WorkflowFailedError);
    expect((error as WorkflowFailedError).cause).toMatchObject({ type: 'InvalidInput', message: `step search: ${REFUSAL}` });
    const { status, steps } = await run.query<{ status: string; steps: { status: string }[] }>('state');
    expect([status, ...steps.map((step) => step.status)]).toEqual(['failed', 'blocked', 'blocked']);
  });

  it('refuses a question of replay-search in its own words', async () => {
    harness.world.ask = () => Promise.reject(ApplicationFailure.nonRetryable(REFUSAL, 'InvalidInput'));
    const question = harness.client.workflow.execute(WORKFLOWS.samplerSuggestions, {
      taskQueue: TASK_QUEUES.control,
      workflowId: 'question',
      args: [{}],
    });
    const error: unknown = await question.catch((failed: unknown) => failed);
    expect((error as WorkflowFailedError).cause).toMatchObject({ type: 'InvalidInput', message: REFUSAL });
  });

  it('of one’s own is refused likewise, and asked with the place of its code', async () => {
    const refusal = 'sampler.class: mine cannot be imported: ModuleNotFoundError';
    const code = { sha256: 'a'.repeat(64), bytes: 1, files: 1, from: 'mine.py' };
    const sampler = { class: 'mine:Mine', code };
    const own = documentOf([query('data'), { id: 'search', dependsOn: ['data'], spec: specOf({ trials: 1, sampler }) }]);
    harness.ports.objects.set(codeUri(ROOT, code), { data: new Uint8Array(), generation: '1' });
    harness.world.ask = () => Promise.reject(ApplicationFailure.nonRetryable(refusal, 'InvalidInput'));
    const error: unknown = await (await harness.start(own)).result().catch((failed: unknown) => failed);
    expect((error as WorkflowFailedError).cause).toMatchObject({ type: 'InvalidInput', message: `step search: ${refusal}` });
    harness.reset();
    harness.ports.objects.set(codeUri(ROOT, code), { data: new Uint8Array(), generation: '1' });
    await (await harness.start(own)).result();
    expect(harness.world.asked.map(({ storage }) => storage)).toEqual([own.profile.storage, own.profile.storage]);
  });

  it('is asked beforehand only where it may refuse', async () => {
    await (await harness.start(documentWith('gp'))).result();
    expect(harness.world.asked.map(({ study }) => study.endsWith('/check'))).toEqual([true, false]);
    harness.world.asked.length = 0;
    await (await harness.start(documentWith('tpe'))).result();
    expect(harness.world.asked.map(({ study }) => study.endsWith('/check'))).toEqual([false]);
  });
});
