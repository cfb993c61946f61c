import { defineConfig } from 'vitest/config';

/** What a suite needs besides its folder `test/NAME`. */
const SUITES = {
  // Loads each module once: no file changes what others see.
  unit: { testTimeout: 20_000, isolate: false },
  contract: { testTimeout: 120_000, hookTimeout: 120_000 },
  workflow: { testTimeout: 60_000, hookTimeout: 60_000 },
  replay: { testTimeout: 60_000 },
  // These share the machine's ports, processors and caches: one file at a time.
  console: { testTimeout: 60_000, hookTimeout: 120_000, fileParallelism: false },
  e2e: { testTimeout: 600_000, hookTimeout: 300_000, fileParallelism: false },
  cluster: {
    testTimeout: 600_000,
    hookTimeout: 900_000,
    fileParallelism: false,
    globalSetup: 'test/cluster/shared-cluster.setup.ts',
  },
  chaos: { testTimeout: 900_000, hookTimeout: 300_000 },
} as const;

export default defineConfig({
  test: {
    pool: 'forks',
    projects: Object.entries(SUITES).map(([name, options]) => ({
      test: { name, include: [`test/${name}/**/*.test.ts`], ...options },
    })),
  },
});
