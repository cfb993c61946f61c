/** Every suite that `npm test` runs. A suite whose folder holds no test yet counts nothing. */
export interface Suite {
  readonly name: string;
  readonly runner: 'vitest' | 'pytest';
  /** Folder that must exist. */
  readonly folder: string;
  /** Test files side by side. */
  readonly workers: number;
}

/** Suites that run side by side, at most so many at once; a round begins when the one before it has ended. */
export interface Round {
  readonly atOnce: number;
  readonly suites: readonly Suite[];
}

const vitest = (name: string, workers = 1): Suite => ({ name, runner: 'vitest', folder: `test/${name}`, workers });

export const ROUNDS: readonly Round[] = [
  // Processors are what these wait for.
  {
    atOnce: 2,
    suites: [
      { name: 'trainer', runner: 'pytest', folder: 'trainer/tests', workers: 1 },
      vitest('contract'),
      vitest('unit'),
      vitest('replay'),
    ],
  },
  // Pods and nodes take their time: there is room beside them.
  { atOnce: 2, suites: [vitest('cluster'), vitest('workflow'), vitest('console')] },
  // Chaos mostly waits for processes that it broke.
  { atOnce: 2, suites: [vitest('chaos', 2), vitest('e2e')] },
];

export const SUITES: readonly Suite[] = ROUNDS.flatMap((round) => round.suites);
