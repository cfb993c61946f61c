import type { Tool } from './support/tools.ts';

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
  /** What is prepared before it starts. */
  readonly needs: readonly Tool[];
  /** Only test files whose path has one of these in it. */
  readonly only?: readonly string[];
  /** Of pytest: files that a suite of another name runs. */
  readonly without?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const vitest = (name: string, more: Partial<Suite> = {}): Suite => ({
  name,
  runner: 'vitest',
  folder: `test/${name}`,
  workers: 1,
  yields: false,
  needs: [],
  ...more,
});

/** A third or more of such a suite are servers written in Go, and a tenth of these was collecting garbage; the memory that they take instead is 150 MB each. */
const SELDOM_COLLECTED = { GOGC: '400' };

/** A good part of each suite waits for pods, timers and starts, so that four at once keep two processors busy. */
export const AT_ONCE = 4;

/** What `longhaul contract` plays, with whole trainings that are killed in turn. */
const CONTRACT_OF_TRAINERS = ['trainer/test_contract.py'];

/** The next one begins when one has ended: those that last longest come first, so that all lanes end together. */
export const SUITES: readonly Suite[] = [
  vitest('cluster', { needs: ['kubernetes', 'helm', 'emulators', 'wheels'], env: SELDOM_COLLECTED }),
  vitest('e2e', { needs: ['emulators', 'wheels', 'chromium', 'prometheus'] }),
  {
    name: 'trainer',
    runner: 'pytest',
    folder: 'python/tests',
    workers: 2,
    yields: true,
    needs: ['emulators'],
    without: CONTRACT_OF_TRAINERS,
  },
  vitest('contract', { workers: 2, needs: ['emulators'] }),
  vitest('workflow', { workers: 3, env: SELDOM_COLLECTED }),
  vitest('console', { needs: ['chromium'] }),
  vitest('unit', { yields: true }),
  vitest('chaos'),
  vitest('replay'),
  vitest('chart', { needs: ['helm'] }),
];

/** Suites for which the whole has no minutes: each is run by its own name. With `--record` its counts are kept in test/records/NAME.json. */
export const BY_NAME: readonly Suite[] = [
  vitest('packages', { needs: ['helm', 'packages'] }),
  vitest('policy', { needs: ['kubernetes', 'helm', 'emulators'] }),
  vitest('install', { needs: ['kubernetes', 'helm', 'emulators', 'packages'] }),
  vitest('gang', { needs: ['kubernetes', 'emulators'] }),
  vitest('trackers', { needs: ['mlflow', 'wandb'] }),
  vitest('frameworks', { needs: ['frameworks'] }),
  vitest('large', { env: SELDOM_COLLECTED }),
  vitest('e2e-more'),
  vitest('cluster-more', { needs: ['kubernetes', 'helm', 'emulators', 'wheels'], env: SELDOM_COLLECTED }),
  // Every fault at every request, too.
  vitest('chaos-more', { workers: 2, env: { LONGHAUL_SCHEDULES: '3' } }),
  {
    name: 'kills',
    runner: 'pytest',
    folder: 'python/tests',
    workers: 1,
    yields: true,
    needs: [],
    only: [
      'trainer/test_kills.py',
      ...CONTRACT_OF_TRAINERS,
      'sdk/test_audits.py',
      'sdk/test_examples.py',
      'sdk/test_gang.py',
      'sdk/test_kills_in_scripts.py',
    ],
    // Three times the schedules that the whole plays.
    env: { LONGHAUL_SCHEDULES: '3' },
  },
  vitest('kueue', { needs: ['kubernetes', 'kueue', 'emulators'] }),
  vitest('clusters', { needs: ['kubernetes', 'emulators'] }),
];

/** Quick parts of such a suite that are tests of another suite too. */
const ALSO: Readonly<Record<string, readonly string[]>> = {
  'chaos-more': ['test/contract/activity-faults.test.ts'],
  policy: [
    'test/unit/rules/policy*.test.ts',
    'test/unit/rules/secrets.test.ts',
    'test/unit/contract/teams.test.ts',
    'test/unit/compile/secrets.test.ts',
    'test/unit/activities/policy-guard.test.ts',
    'test/unit/cli/plan-policy.test.ts',
    'test/workflow/teams.test.ts',
  ],
};

export const filesOf = (suite: string): readonly string[] => ALSO[suite] ?? [];

/** What `npm test` names, and leaves out. */
export const OWN_COMMANDS: readonly { readonly name: string; readonly command: string; readonly why: string }[] = [
  { name: 'soak', command: 'npm run soak -- --days 1', why: 'a day is played in two minutes' },
  ...BY_NAME.map(({ name }) => ({ name, command: `npm test -- ${name}`, why: 'it is run by its own name' })),
];

const named = (name: string): Suite => {
  const suite = SUITES.find((each) => each.name === name);
  if (!suite) throw new Error(`no suite ${name}`);
  return suite;
};

/** What one runs between two edits: `npm test -- quick`. */
export const QUICK: readonly Suite[] = [
  { ...named('workflow'), workers: 4 },
  named('unit'),
  {
    ...named('contract'),
    needs: [],
    only: [
      'directory-',
      'duckdb-',
      'process-',
      'evaluation-metrics',
      'bigquery-recorded',
      'google-sql-',
      'googlesql/duckdb',
      'googlesql/stored-structs',
    ],
  },
  named('replay'),
];
