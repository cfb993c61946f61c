import { describe, expect, it } from 'vitest';
import { fairnessKey, tensorboardName } from '../../../src/contract/ids.ts';
import { TASK_QUEUES } from '../../../src/contract/names.ts';
import { queueOf, teamOf, teamOfQueue } from '../../../src/contract/teams.ts';
import { Policy } from '../../../src/contract/policy.ts';
import { requireWall } from '../../../src/rules/policy-teams.ts';
import { deploymentName } from '../../../workers/versioning.ts';

describe('a team', () => {
  it('has queues and a worker deployment that begin with its name', () => {
    expect(teamOf({})).toBeNull();
    const team = teamOf({ LONGHAUL_TEAM: 'search-ads' });
    expect(queueOf(team, TASK_QUEUES.sampler)).toBe('search-ads-longhaul-sampler');
    expect(teamOfQueue(queueOf(team, TASK_QUEUES.control))).toBe('search-ads');
    expect(deploymentName({ LONGHAUL_TEAM: 'search-ads' })).toBe('search-ads-longhaul');
  });

  it('is nobody where there is none: queues are those of always', () => {
    expect(queueOf(null, TASK_QUEUES.control)).toBe('longhaul-control');
    expect(teamOfQueue('longhaul-control')).toBeNull();
    expect(deploymentName({})).toBe('longhaul');
  });

  it.each(['North', 'a b', '-a', 'a-', 'longhaul', 'longhaul-x', 'ü', 'x'.repeat(31), '1a'])('cannot be called %j', (name) => {
    expect(() => teamOf({ LONGHAUL_TEAM: name })).toThrow('no name for a team');
  });

  it.each([null, Policy.parse({}), Policy.parse({ namespaces: ['n'], buckets: [], paths: [] })])(
    'has no workers without a policy that says what is its own: %j',
    (policy) => {
      expect(() => requireWall('north', policy)).toThrow(/the workers of team north need a policy/);
    },
  );

  it('has workers with one', () => {
    const policy = Policy.parse({ namespaces: ['n'], buckets: ['b'], paths: [], ledgers: ['north'], kubeconfigs: [] });
    expect(() => requireWall('north', policy)).not.toThrow();
  });
});

describe('names that are cut', () => {
  it('stay apart, and are names for Kubernetes', () => {
    const names = [
      ['a-b', 'h'],
      ['a_b', 'h'],
      ['a-b', 'g'],
      ['a', 'b-h'],
      ['x'.repeat(60), 'h'],
      [`${'x'.repeat(60)}y`, 'h'],
    ].map(([pipeline = '', home]) => tensorboardName(pipeline, home));
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^[a-z0-9-]{1,63}$/);
  });

  it('are what they were of a run that began before there were homes', () => {
    expect(tensorboardName('grocery_ranking')).toBe('tensorboard-grocery-ranking');
  });

  it.each(['nightly', 'x'.repeat(64), 'x'.repeat(65), 'grün', `${'x'.repeat(70)}y`])('of %s fit a fairness key', (run) => {
    expect(Buffer.byteLength(fairnessKey(run))).toBeLessThanOrEqual(64);
  });
});
