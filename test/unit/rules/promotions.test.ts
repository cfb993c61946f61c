import { describe, expect, it } from 'vitest';
import { promotionRows } from '../../../src/rules/promotions.ts';
import type { LedgerRow } from '../../../src/contract/ledger.ts';

const model = (name: string, stage: string, pipeline = 'p'): LedgerRow<'models'> => ({
  pipeline,
  run: 'r',
  time: '2026-01-01T00:00:00.000Z',
  model: name,
  stage,
  export: `file:///${name}`,
});
const promotion = { time: '2026-01-02T00:00:00.000Z', by: 'ada', why: 'better' };

describe('promotion of a model', () => {
  it('makes it the champion and the one before a candidate again', () => {
    const rows = promotionRows([model('a', 'champion'), model('b', 'candidate'), model('c', 'champion', 'other')], {
      ...promotion,
      model: 'b',
    });
    expect(rows).toMatchObject([
      { model: 'a', stage: 'candidate', time: promotion.time, why: 'b took its place' },
      { model: 'b', stage: 'champion', promoted_by: 'ada', why: 'better', export: 'file:///b' },
    ]);
  });

  it('of the champion changes nothing', () => {
    expect(promotionRows([model('a', 'champion')], { ...promotion, model: 'a' })).toEqual([]);
  });

  it('of an unknown model names those that there are', () => {
    expect(() => promotionRows([model('a', 'candidate')], { ...promotion, model: 'z' })).toThrow('there is no model z; the newest are a');
    expect(() => promotionRows([], { ...promotion, model: 'z' })).toThrow('evaluate a model first');
  });
});
