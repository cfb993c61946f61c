import { expect, it } from 'vitest';
import { chosen } from '../../../src/cli/commands/checkpoints.ts';

const kept = (step: string, checkpoint: string) => ({
  ...{ step, trial: 4, checkpoint, trained: 1, samples: 1, reason: 'interval', bytes: 1, uri: `file:///${step}/${checkpoint}` },
});

it('downloads the newest checkpoint, or the one that is named', () => {
  const both = [kept('small', 'b'), kept('small', 'a')];
  expect(chosen(both, { trial: 4 }).checkpoint).toBe('b');
  expect(chosen(both, { trial: 4, checkpoint: 'a' }).checkpoint).toBe('a');
  expect(() => chosen(both, { trial: 4, checkpoint: 'c' })).toThrow('trial 4 has no such checkpoint; there are: b, a');
  expect(() => chosen([], { trial: 4 })).toThrow('there are: none');
});

it('asks which search is meant where several have a trial of that number', () => {
  expect(() => chosen([kept('small', 'b'), kept('large', 'z')], { trial: 4 })).toThrow('say --step small or --step large');
});
