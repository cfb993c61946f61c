import { describe, expect, it } from 'vitest';
import { Policy } from '../../../src/contract/policy.ts';
import { Tracker } from '../../../src/contract/trackers.ts';
import { trackerViolations } from '../../../src/rules/policy.ts';

const violationsOf = (policy: object, tracker: object): string[] =>
  trackerViolations(Policy.parse(policy), [Tracker.parse(tracker)]).map(({ rule, path }) => `${rule} ${path}`);

describe('what a policy has to allow of a tracker', () => {
  it.each([
    ['the files of W&B', { trackers: ['offline'] }, { kind: 'wandb' }, []],
    [
      'the files of W&B, which are no service',
      { trackers: ['https://api.wandb.ai'] },
      { kind: 'wandb' },
      ['trackers profile.trackers.0.uri'],
    ],
    [
      'no files, whatever their address says',
      { trackers: ['https://own.example'] },
      { kind: 'wandb', uri: 'https://own.example' },
      ['trackers profile.trackers.0.uri'],
    ],
    [
      'the service of W&B and its key',
      { trackers: ['https://api.wandb.ai'], secrets: ['env:KEY'] },
      { kind: 'wandb', tokenEnv: 'KEY' },
      [],
    ],
    [
      'the key',
      { trackers: ['https://api.wandb.ai'], secrets: [] },
      { kind: 'wandb', tokenEnv: 'KEY' },
      ['secrets profile.trackers.0.tokenEnv'],
    ],
    [
      'another server',
      { trackers: ['https://api.wandb.ai'], secrets: ['env:KEY'] },
      { kind: 'wandb', uri: 'https://own.example', tokenEnv: 'KEY' },
      ['trackers profile.trackers.0.uri'],
    ],
    [
      'both variables of MLflow',
      { trackers: ['https://m.example'], secrets: ['env:U'] },
      { kind: 'mlflow', uri: 'https://m.example', userEnv: 'U', passwordEnv: 'P' },
      ['secrets profile.trackers.0.passwordEnv'],
    ],
  ])('%s', (_what, policy, tracker, expected) => {
    expect(violationsOf(policy, tracker)).toEqual(expected);
  });

  it.each([
    { kind: 'wandb', uri: 'https://user:secret@own.example' },
    { kind: 'wandb', project: 'a/b' },
    { kind: 'wandb', entity: 'a/../b' },
    { kind: 'wandb', experiment: 'x' },
  ])('and nothing else is a tracker of W&B: %o', (tracker) => {
    expect(Tracker.safeParse(tracker).success).toBe(false);
  });
});
