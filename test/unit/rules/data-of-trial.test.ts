import { expect, test } from 'vitest';
import { missingData, paramsOf, specOfTrial, trainingParameters } from '../../../src/rules/data-of-trial.ts';

const dataBy = [
  { params: { weeks: 4, hot: true }, data: { train: 'a' }, features: 'fa' },
  { params: { weeks: 8, hot: true }, data: { train: 'b' }, features: 'fb' },
];
const spec = { data: { train: 'a' }, features: 'fa', dataBy };

test('a trial trains on what was made for its own params', () => {
  expect(specOfTrial(spec, { weeks: 8, hot: true, x: 1 })).toMatchObject({ data: { train: 'b' }, features: 'fb' });
  expect(specOfTrial({ data: { train: 'a' } }, { weeks: 8 })).toEqual({ data: { train: 'a' } });
});

test('nothing was made for others, even those that look alike', () => {
  expect(specOfTrial(spec, { weeks: '8', hot: true })).toBeNull();
  expect(specOfTrial(spec, { weeks: 8, hot: 1 })).toBeNull();
});

test('the trainer hears nothing of params of the pipeline', () => {
  expect(trainingParameters(spec, { weeks: 8, hot: true, x: 1 })).toEqual({ x: 1 });
  expect(paramsOf(spec, { weeks: 8, hot: true, x: 1 })).toEqual({ weeks: 8, hot: true });
});

test('another space keeps to what was made', () => {
  const hot = { type: 'categorical' as const, choices: [true] };
  expect(missingData(spec, { weeks: { type: 'categorical', choices: [8] }, hot })).toBeNull();
  expect(missingData(spec, { weeks: { type: 'int', low: 4, high: 8, log: false }, hot })).toContain(
    'space.weeks: expected a categorical of 4, 8',
  );
  expect(missingData(spec, { weeks: { type: 'categorical', choices: [8], when: { parameter: 'hot', in: [true] } }, hot })).toContain(
    'every trial needs one',
  );
});
