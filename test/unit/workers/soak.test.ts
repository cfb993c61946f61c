import { afterEach, describe, expect, it } from 'vitest';
import { MockActivityEnvironment } from '@temporalio/testing';
import { createRunActivities } from '../../../activities/runs.ts';
import { InvalidInputError } from '../../../src/contract/errors.ts';
import { playFaster } from '../../../src/rules/durations.ts';
import { soakFactor } from '../../../workers/soak.ts';
import { documentOf, query } from '../../workflow/documents.ts';
import { createMemoryPorts } from '../../workflow/memory-ports.ts';

const validate = async (factor?: number): Promise<void> => {
  const ports = createMemoryPorts();
  const document = { ...documentOf([query('a')]), ...(factor === undefined ? {} : { factor }) };
  const { validateRun } = createRunActivities(ports, { viewOf: () => Promise.resolve(null) });
  await new MockActivityEnvironment().run(validateRun, { run: 'soak-1', document, startedAt: 0 });
};

describe('the factor of a soak', () => {
  afterEach(() => playFaster());

  it('is 1 where nothing is said', () => {
    expect(soakFactor({})).toBe(1);
    expect(soakFactor({ LONGHAUL_SOAK_FACTOR: '' })).toBe(1);
    expect(soakFactor({ LONGHAUL_SOAK_FACTOR: '1440' })).toBe(1440);
  });

  it.each(['0', '-2', 'fast', 'Infinity'])('keeps a worker with %s from starting', (text) => {
    expect(() => soakFactor({ LONGHAUL_SOAK_FACTOR: text })).toThrow(InvalidInputError);
    expect(() => soakFactor({ LONGHAUL_SOAK_FACTOR: text })).toThrow(`LONGHAUL_SOAK_FACTOR: is no factor; expected a number from 1, found`);
  });

  it('is refused by workers of another one, with what to do', async () => {
    await expect(validate(720)).rejects.toThrow(
      'factor: expected 1, found 720; only workers that were started with LONGHAUL_SOAK_FACTOR=720',
    );
    playFaster(720);
    await expect(validate()).rejects.toThrow('factor: expected 720, found 1');
  });

  it('is accepted by workers of the same one', async () => {
    await validate(1);
    playFaster(720);
    await validate(720);
  });
});
