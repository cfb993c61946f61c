/** Every suite that `npm test` runs. A suite whose folder holds no test yet counts nothing. */
export interface Suite {
  readonly name: string;
  readonly runner: 'vitest' | 'pytest';
  /** Folder that must exist. */
  readonly folder: string;
  /** Test files side by side. */
  readonly workers: number;
  /** Whether it lets the others have the processors first: it computes, and nothing in it has to happen soon. */
  readonly yields: boolean;
}

const vitest = (name: string, more: Partial<Suite> = {}): Suite => ({
  name,
  runner: 'vitest',
  folder: `test/${name}`,
  workers: 1,
  yields: false,
  ...more,
});

/** A good part of each suite waits for pods, timers and starts, so that three at once keep two processors busy. */
export const AT_ONCE = 3;

/** The next one begins when one has ended: those that last longest come first, so that all lanes end together. */
export const SUITES: readonly Suite[] = [
  vitest('cluster'),
  vitest('e2e'),
  { name: 'trainer', runner: 'pytest', folder: 'python/tests', workers: 1, yields: true },
  vitest('chaos', { workers: 2 }),
  vitest('workflow'),
  vitest('contract'),
  vitest('console'),
  vitest('unit', { yields: true }),
  vitest('replay'),
];
