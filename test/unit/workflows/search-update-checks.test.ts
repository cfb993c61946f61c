import { describe, expect, it } from 'vitest';
import { checkedSpace, checkedStopping } from '../../../workflows/search/updates/checks.ts';

describe('what set-space and set-stopping refuse', () => {
  const deep = { type: 'categorical', choices: [true, false] };

  it('a condition that never holds', () => {
    const layers = { type: 'int', low: 1, high: 3, when: { parameter: 'deep', in: [1] } };
    expect(() => checkedSpace({ deep, layers })).toThrow(
      'space.layers.when.in.0: deep never has this value; expected one of true, false, found 1',
    );
    expect(checkedSpace({ deep, layers: { ...layers, when: { parameter: 'deep', in: [true] } } })).toHaveProperty('layers');
  });

  it('not the names that the pipeline file has', () => {
    const [rule] = checkedStopping([{ kind: 'asha', reduction_factor: 5 }]);
    expect(rule).toEqual(checkedStopping([{ kind: 'asha', reductionFactor: 5 }])[0]);
    expect(rule).toMatchObject({ reductionFactor: 5 });
  });

  it('a direction that there is not', () => {
    const rule = { kind: 'underfitting', metric: 'churn', worseThan: 1, afterSteps: 2 };
    expect(checkedStopping([rule])).toEqual([rule]);
    expect(checkedStopping([{ ...rule, direction: 'minimize' }])).toEqual([{ ...rule, direction: 'minimize' }]);
    expect(() => checkedStopping([{ ...rule, direction: 'down' }])).toThrow(
      'stopping[0].direction: expected maximize or minimize, found "down"',
    );
  });
});
