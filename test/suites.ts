/** Every suite that `npm test` runs. A suite whose folder holds no test yet counts nothing. */
export interface Suite {
  readonly name: string;
  readonly runner: 'vitest' | 'pytest';
  /** Folder that must exist. */
  readonly folder: string;
  /** Runs while nothing else does: it measures time, kills processes or needs the whole machine. */
  readonly alone: boolean;
}

export const SUITES: readonly Suite[] = [
  { name: 'trainer', runner: 'pytest', folder: 'trainer/tests', alone: false },
  { name: 'unit', runner: 'vitest', folder: 'test/unit', alone: false },
  { name: 'replay', runner: 'vitest', folder: 'test/replay', alone: false },
  { name: 'contract', runner: 'vitest', folder: 'test/contract', alone: false },
  { name: 'workflow', runner: 'vitest', folder: 'test/workflow', alone: false },
  { name: 'console', runner: 'vitest', folder: 'test/console', alone: true },
  { name: 'e2e', runner: 'vitest', folder: 'test/e2e', alone: true },
  { name: 'cluster', runner: 'vitest', folder: 'test/cluster', alone: true },
  { name: 'chaos', runner: 'vitest', folder: 'test/chaos', alone: true },
];
