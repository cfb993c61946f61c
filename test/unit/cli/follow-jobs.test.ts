import { describe, expect, it } from 'vitest';
import { chosen } from '../../../src/cli/commands/logs.ts';
import { followJobs } from '../../../src/cli/follow-jobs.ts';
import type { JobInfo } from '../../../src/ports/compute.ts';

const attempt = (trial: number, number: number): JobInfo => ({
  name: `run-search-t${trial}-a${number}`,
  labels: { pipeline: 'p', run: 'run', step: 'search', trial: String(trial), attempt: String(number) },
  phase: 'running',
});

/** Jobs that are there from the n-th look on; each prints two lines, the second when all Jobs have begun. */
function world(arrivals: readonly (readonly [look: number, job: JobInfo])[]) {
  let look = 0;
  let allBegun: () => void = () => undefined;
  const begun = new Promise<void>((resolve) => {
    allBegun = resolve;
  });
  const last = Math.max(...arrivals.map(([at]) => at));
  const asked: (number | undefined)[] = [];
  return {
    asked,
    over: () => Promise.resolve(look >= last),
    compute: {
      list: () => {
        look += 1;
        const jobs = arrivals.filter(([at]) => look >= at).map(([, job]) => job);
        if (jobs.length === arrivals.length) allBegun();
        return Promise.resolve(jobs);
      },
      async *logs(name: string, options?: { tailLines?: number }) {
        asked.push(options?.tailLines);
        yield `${name}: begins`;
        await begun;
        yield `${name}: ends`;
      },
    },
  };
}

describe('following logs', () => {
  const follow = async (arrivals: readonly (readonly [number, JobInfo])[], options: Parameters<typeof chosen>[1] = {}) => {
    const { compute, over, asked } = world(arrivals);
    const lines: string[] = [];
    const signal = new AbortController().signal;
    const choose = (jobs: readonly JobInfo[]): JobInfo[] => chosen(jobs, options);
    await followJobs(compute, 'run', { choose, over, tailLines: 5, signal, pollMs: 1 }, ({ line }) => lines.push(line));
    return { lines: lines.sort(), asked };
  };
  const both = (...jobs: JobInfo[]): string[] => jobs.flatMap(({ name }) => [`${name}: begins`, `${name}: ends`]);

  it('goes on with the next attempt, whole, though only the end of the first was asked for', async () => {
    const { lines, asked } = await follow([[1, attempt(0, 1)], [3, attempt(0, 2)]]); // prettier-ignore
    expect(lines).toEqual(both(attempt(0, 1), attempt(0, 2)));
    expect(asked).toEqual([5, undefined]);
  });

  it('takes up trials that begin later, and leaves out those that were not asked for', async () => {
    const arrivals = [[1, attempt(0, 1)], [2, attempt(1, 1)], [3, attempt(1, 2)]] as const; // prettier-ignore
    expect((await follow(arrivals)).lines).toEqual(both(...arrivals.map(([, job]) => job)));
    expect((await follow(arrivals, { trial: 1 })).lines).toEqual(both(attempt(1, 1), attempt(1, 2)));
    expect((await follow(arrivals, { trial: 1, attempt: 1 })).lines).toEqual(both(attempt(1, 1)));
  });

  it('ends when it is interrupted', async () => {
    const controller = new AbortController();
    const compute = { list: () => Promise.resolve([]), async *logs() {} };
    const following = followJobs(
      compute,
      'run',
      { choose: () => [], over: () => Promise.resolve(false), signal: controller.signal },
      () => undefined,
    );
    controller.abort();
    await following;
  });

  it('says what went wrong with a log', async () => {
    const compute = {
      list: () => Promise.resolve([attempt(0, 1)]),
      async *logs(): AsyncIterable<string> {
        await Promise.resolve();
        throw new Error('no such log');
      },
    };
    const options = { choose: (jobs: readonly JobInfo[]) => jobs, over: () => Promise.resolve(false), pollMs: 1 };
    await expect(followJobs(compute, 'run', { ...options, signal: new AbortController().signal }, () => undefined)).rejects.toThrow(
      'no such log',
    );
  });
});
