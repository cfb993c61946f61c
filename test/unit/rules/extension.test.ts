import { describe, expect, it } from 'vitest';
import { extendedDocument, thawedDocument } from '../../../src/compile/extended.ts';
import type { SearchCarried, TrialRecord } from '../../../src/contract/search.ts';
import type { SearchSpec } from '../../../src/contract/steps.ts';
import { blankRecord } from '../../../src/rules/carried-trials.ts';
import { takeOver } from '../../../src/rules/extension.ts';
import { compileText, pipeline, stepOf } from '../compile/project.ts';
import { specOf } from '../../workflow/search-harness.ts';

const places = { output: 'file:///o', workflowId: (trial: number) => `new/s/trial-${trial}` };

function record(trial: number, status: string, more: object = {}, state: object = {}): TrialRecord {
  const blank = blankRecord(trial, places);
  Object.assign(blank, { told: trial, ...more });
  Object.assign(blank.state, { status, startedAt: 1, endedAt: 9, attempts: 3, cost: 7, objective: 0.5, ...state });
  return blank;
}
const memoryOf = (...records: TrialRecord[]): SearchCarried =>
  ({
    startedAt: 1,
    status: 'succeeded',
    reason: null,
    records,
    finishing: null,
    tells: 9,
    pausedMs: 5,
    exhausted: true,
  }) as unknown as SearchCarried;
const takingOver = (more: object = {}): SearchSpec => specOf({ trials: 12, takesOver: { run: 'old', step: 's' }, ...more });
const rungs = { bracket: 0, rungs: [[1, 2, 0.4]], expected: [0.4], held: false, allowed: 0 };

describe('a search that goes on with an ended one', () => {
  const ended = (): SearchCarried =>
    memoryOf(
      record(0, 'succeeded', { halving: { ...rungs } }),
      record(1, 'stopped', { halving: { ...rungs } }, { reason: 'held at rung 0 (point 2) with 0.4' }),
      record(2, 'stopped', {}, { reason: 'median: poor' }),
      record(3, 'failed'),
      record(4, 'cancelled'),
    );

  it('holds again what was held, and leaves the others as they ended', () => {
    const memory = ended();
    expect(takeOver(memory, takingOver({ scheduler: { kind: 'asha' } }), 100, true)).toEqual([1, 4]);
    expect(memory.records.map(({ state }) => state.status)).toEqual(['succeeded', 'paused', 'stopped', 'failed', 'queued']);
    expect(memory.records[1]).toMatchObject({ told: null, halving: { held: true, allowed: 1 }, carried: { attempts: 3 }, adopted: true });
    expect(memory).toMatchObject({ status: 'running', plannedTrials: 12, startedAt: 100, exhausted: false, tells: 9 });
  });

  it('lets only those go on whose curves are asked for, and no rule stop them', () => {
    const memory = ended();
    const thaw = [{ trial: 2, points: 4 }];
    expect(takeOver(memory, takingOver({ trials: 1, takesOver: { run: 'old', step: 's', thaw } }), 100, true)).toEqual([2]);
    expect(memory.records.map(({ state }) => state.status)).toEqual(['succeeded', 'stopped', 'queued', 'failed', 'cancelled']);
    expect(memory).toMatchObject({ plannedTrials: 5 });
    expect(memory.records[2]).toMatchObject({ adopted: true, state: { kept: true } });
  });

  it('starts what waited for a machine when the other run ended: nobody is asked any more who is to have one', () => {
    const memory = memoryOf(record(0, 'succeeded'), record(1, 'stopped', { withoutMachine: true }, { reason: 'enough' }));
    const thaw = [{ trial: 1, points: 4 }];
    expect(takeOver(memory, takingOver({ trials: 1, takesOver: { run: 'old', step: 's', thaw } }), 100, true)).toEqual([1]);
    expect(memory.records[1]).not.toHaveProperty('withoutMachine');
  });

  it('does not pay again what the other run has paid', () => {
    const memory = ended();
    takeOver(memory, takingOver(), 100, true);
    expect(memory.records.map(({ state }) => state.cost)).toEqual([0, 0, 0, 0, 0]);
  });

  it('goes on with finished trials where training is longer', () => {
    const memory = ended();
    expect(takeOver(memory, takingOver({ takesOver: { run: 'old', step: 's', longer: true } }), 100, true)).toContain(0);
    expect(memory.records[0]).toMatchObject({ told: null, state: { status: 'queued', objective: null }, carried: { attempts: 3 } });
  });
});

describe('the document of an extended search', () => {
  const text = (more: string): string =>
    pipeline(`search: { kind: search, data: { train: "{storage}/t", validation: "{storage}/v" }, features: "{storage}/f.json",
      objective: { metric: validation_mrr, direction: maximize }, space: { dropout: { type: float, low: 0, high: 1 } }, n_trials: 5, epochs: 16, ${more} }`);
  const extended = async (more: string, by: object): Promise<SearchSpec> => {
    const document = await compileText(text(more));
    const longer = extendedDocument(document, { run: 'old', step: 'search', trials: 0, planned: 5, epochs: null, ...by });
    expect(longer.hash).not.toBe(document.hash);
    return stepOf(longer, 'search', 'search').spec;
  };

  it('has more trials, and names what it takes over', async () => {
    expect(await extended('', { trials: 7 })).toMatchObject({
      trials: 12,
      epochs: 16,
      takesOver: { run: 'old', step: 'search', longer: false },
    });
  });

  it('has so many more than the ended one came to have, with replicates and what people added', async () => {
    expect(await extended('', { trials: 7, planned: 11 })).toMatchObject({ trials: 18 });
    expect(await extended('', { trials: 7, planned: 3 })).toMatchObject({ trials: 12 });
  });

  it('keeps no promise of the run before, whose end is over', async () => {
    const document = await compileText(text(''));
    const promise = { by: '2026-11-01T18:00:00.000Z', cost: 3, samples: [] };
    const steps = document.steps.map((step) => (step.spec.kind === 'search' ? { ...step, spec: { ...step.spec, promise } } : step));
    const longer = extendedDocument({ ...document, steps }, { run: 'old', step: 'search', trials: 2, planned: 5, epochs: null });
    expect(stepOf(longer, 'search', 'search').spec).not.toHaveProperty('promise');
  });

  it('is longer where the learning rate does not depend on the end, with the rungs where they were', async () => {
    const constant = 'fixed: { learning_rate_schedule: constant }';
    expect(await extended(`${constant}, scheduler: { kind: asha }`, { epochs: 32 })).toMatchObject({
      epochs: 32,
      takesOver: { longer: true },
      scheduler: { min: 2 },
    });
    await expect(extended(constant, { epochs: 8 })).rejects.toThrow('cannot be made shorter');
    await expect(extended(constant, { epochs: 16 })).rejects.toThrow('training is no longer than it was; expected more than 16, found 16');
    expect(await extended(constant, { epochs: 16, trials: 2 })).toMatchObject({ trials: 7, takesOver: { longer: false } });
    await expect(extended('', { epochs: 32 })).rejects.toThrow('would begin anew');
    await expect(extended('fixed: { learning_rate_schedule: linear }', { epochs: 32 })).rejects.toThrow('found "linear"');
  });
});

it('a document that trains parts of curves has only what the search needs, and no rule in it', async () => {
  const document = await compileText(
    pipeline(`search: { kind: search, data: { train: "{storage}/t", validation: "{storage}/v" }, features: "{storage}/f.json",
      objective: { metric: validation_loss, direction: minimize }, space: { learning_rate: { type: float, low: 0.1, high: 1 } }, n_trials: 20,
      pruner: [{ kind: median }], scheduler: { kind: asha } }`),
  );
  const [found] = document.steps;
  if (!found) throw new Error('no search');
  const later = { ...found, id: 'later', dependsOn: ['search'] };
  const steps = [
    { ...found, id: 'rows', dependsOn: [] },
    { ...found, id: 'table', dependsOn: ['rows'] },
    { ...found, dependsOn: ['table'] },
    { ...found, id: 'another-search', dependsOn: ['table'] },
    later,
    { ...later, id: 'last', dependsOn: ['later'] },
  ];
  const whole = { ...document, steps };
  const thawed = thawedDocument(whole, { run: 'r', step: 'search' }, [{ trial: 3, points: null }]);
  expect(thawed.steps.map(({ id }) => id)).toEqual(['rows', 'table', 'search']);
  const { spec } = stepOf(thawed, 'search', 'search');
  expect(spec).toMatchObject({ trials: 1, stopping: [], takesOver: { run: 'r', thaw: [{ trial: 3, points: null }] } });
  expect(spec).not.toHaveProperty('scheduler');
  expect(thawed.hash).not.toBe(document.hash);
});
