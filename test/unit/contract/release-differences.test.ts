import { WorkflowFailedError } from '@temporalio/client';
import { MockActivityEnvironment } from '@temporalio/testing';
import { ApplicationFailure } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import { createRunActivities } from '../../../activities/runs.ts';
import { exitCodeOf } from '../../../src/cli/exit.ts';
import { about } from '../../../src/client/failures.ts';
import { readDocument } from '../../../src/client/read-document.ts';
import { jsonSchemas } from '../../../src/contract/json-schemas.ts';
import { documentOf, query } from '../../workflow/documents.ts';
import { createMemoryPorts } from '../../workflow/memory-ports.ts';

const UPDATE = 'the workers are of an earlier release than what compiled the document: update them (docs/upgrade.md)';

/** Paths of objects with named fields that take others too. */
function open(schema: unknown, path = '$'): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const { properties, additionalProperties } = schema as { readonly properties?: unknown; readonly additionalProperties?: unknown };
  const isOpen = typeof properties === 'object' && additionalProperties !== false;
  return [...(isOpen ? [path] : []), ...Object.entries(schema).flatMap(([key, value]) => open(value, `${path}.${key}`))];
}

describe('a run document of a newer release', () => {
  it('has no place where a field that workers do not know goes unseen', () => {
    expect(open(jsonSchemas()['run-document'])).toEqual([]);
  });

  const validated = async (change: (document: ReturnType<typeof documentOf>) => object): Promise<unknown> => {
    const { validateRun } = createRunActivities(createMemoryPorts(), { viewOf: () => Promise.resolve(null) });
    const input = { run: 'newer', document: change(documentOf([query('a')])), startedAt: 0 };
    return new MockActivityEnvironment().run(validateRun, input).then(
      () => null,
      (error: unknown) => error,
    );
  };
  const inSteps = (document: ReturnType<typeof documentOf>, field: object): object => ({
    ...document,
    steps: document.steps.map((step) => ({ ...step, spec: { ...step.spec, ...field } })),
  });

  it.each([
    [
      'a field of a step',
      'steps.0.spec: Unrecognized key: "laterField"',
      (document: ReturnType<typeof documentOf>) => inSteps(document, { laterField: 1 }),
    ],
    ['a version', 'schemaVersion: ', (document: ReturnType<typeof documentOf>) => ({ ...document, schemaVersion: 2 })],
  ])('is refused for %s, with what to do', async (_what, named, change) => {
    const error = await validated(change);
    expect(error).toMatchObject({ type: 'InvalidDocument', nonRetryable: true });
    expect(String(error)).toContain(named);
    expect(String(error)).toContain(UPDATE);
  });

  it('that is wrong in another way is told without', async () => {
    const error = await validated((document) => inSteps(document, { sql: 1 }));
    expect(error).toMatchObject({ type: 'InvalidDocument' });
    expect(String(error)).not.toContain(UPDATE);
  });

  it('is refused by workers of 0.1.0 without a word of why: the client says it, once', async () => {
    const refusedWith = (message: string): Promise<unknown> =>
      about('r', 'here', () =>
        Promise.reject(
          new WorkflowFailedError('failed', ApplicationFailure.nonRetryable(message, 'InvalidDocument'), 'NON_RETRYABLE_FAILURE'),
        ),
      ).catch((error: unknown) => error);
    const old = 'the run document is not valid:\nsteps.8.spec: Unrecognized key: "dataBy"';
    const told = await refusedWith(old);
    expect(String(told)).toContain(UPDATE);
    expect(exitCodeOf(told)).toBe(2);
    expect(String(await refusedWith((told as Error).message)).split(UPDATE)).toHaveLength(2);
    expect(String(await refusedWith('the run document is not valid: steps.a: there are two steps of this name'))).not.toContain(UPDATE);
  });

  it('is read by commands of this one with a message, exit code 2', () => {
    const read = (): unknown => readDocument(inSteps(documentOf([query('a')]), { laterField: 1 }), 'newer');
    expect(read).toThrow('the document of newer steps.0.spec: Unrecognized key: "laterField"');
    expect(read).toThrow('a newer release of Longhaul began this run');
    try {
      read();
    } catch (error) {
      expect(exitCodeOf(error)).toBe(2);
    }
  });
});
