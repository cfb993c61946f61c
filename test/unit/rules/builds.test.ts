import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildSteps } from '../../../src/rules/worker-builds.ts';
import type { VersionStatus } from '../../../src/rules/worker-builds.ts';

const deployment = (build: string, ready = 1) => ({ name: `x-control-${build}`, build, ready });

describe('the builds of a release', () => {
  it('make the wanted one current when it serves and Temporal knows it', () => {
    const deployments = [deployment('a'), deployment('b')];
    const statusOf = (build: string): VersionStatus => (build === 'a' ? 'current' : 'inactive');
    expect(buildSteps({ wanted: 'b', current: 'a', deployments, statusOf })).toEqual({ promote: 'b', retire: [] });
    expect(buildSteps({ wanted: 'b', current: 'a', deployments: [deployment('a'), deployment('b', 0)], statusOf }).promote).toBeNull();
    expect(buildSteps({ wanted: 'b', current: 'a', deployments, statusOf: () => 'unknown' }).promote).toBeNull();
  });

  it('go back to one that drains, as a rollback asks', () => {
    const deployments = [deployment('a'), deployment('b')];
    const statusOf = (build: string): VersionStatus => (build === 'a' ? 'draining' : 'current');
    expect(buildSteps({ wanted: 'a', current: 'b', deployments, statusOf })).toEqual({ promote: 'a', retire: [] });
  });

  it('retire what has drained or never worked, and nothing that a trial may need', () => {
    const statuses: Readonly<Record<string, VersionStatus>> = { a: 'drained', b: 'draining', c: 'current', d: 'inactive' };
    const deployments = ['a', 'b', 'c', 'd', 'e'].map((build) => deployment(build));
    const { retire } = buildSteps({ wanted: 'c', current: 'c', deployments, statusOf: (build) => statuses[build] ?? 'unknown' });
    expect(retire).toEqual(['x-control-a', 'x-control-d', 'x-control-e']);
  });

  it('never retire the wanted one, one that drains, or any before the wanted one is current', () => {
    const status = fc.constantFrom<VersionStatus>('current', 'inactive', 'draining', 'drained', 'unknown');
    const builds = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1 });
    fc.assert(
      fc.property(
        builds,
        fc.constantFrom('a', 'b'),
        fc.option(fc.constantFrom('a', 'b', 'c')),
        fc.array(status, { minLength: 4, maxLength: 4 }),
        (names, wanted, current, found) => {
          const statusOf = (build: string): VersionStatus => found['abcd'.indexOf(build)] ?? 'unknown';
          const { retire, promote } = buildSteps({ wanted, current, deployments: names.map((name) => deployment(name)), statusOf });
          if (current !== wanted) expect(retire).toEqual([]);
          expect(retire).not.toContain(`x-control-${wanted}`);
          for (const name of retire) expect(['current', 'draining']).not.toContain(statusOf(name.at(-1) ?? ''));
          if (promote !== null) expect(promote).toBe(wanted);
        },
      ),
    );
  });
});
