import { defineConfig } from 'vitest/config';
import { filesOf } from './test/suites.ts';
import { filesToSkip } from './test/support/tools.ts';

/** Guards against hanging for ever and says nothing about speed: what is quick or slow is a bench's business. Tests wait for conditions. */
const HANGS_AFTER_MS = 600_000;

/** What a suite needs besides its folder `test/NAME`. */
const SUITES = {
  // Loads each module once: no file changes what others see.
  unit: { isolate: false },
  // Loads the SDK once, and shares a server: no file changes what others see.
  workflow: { isolate: false, globalSetup: 'test/workflow/shared-server.setup.ts' },
  // In a process of its own: it asks how quickly a busy one answers.
  large: {},
  contract: {},
  replay: {},
  // These share the machine's ports, processors and caches: one file at a time.
  console: { fileParallelism: false, globalSetup: 'test/console/shared-browser.setup.ts' },
  e2e: { fileParallelism: false, globalSetup: 'test/e2e/shared-stack.setup.ts' },
  // Its files have namespaces of their own, and load each module once.
  cluster: { fileParallelism: false, isolate: false, globalSetup: 'test/cluster/shared-cluster.setup.ts' },
  'e2e-more': { fileParallelism: false, globalSetup: 'test/e2e/shared-stack.setup.ts' },
  'cluster-more': { fileParallelism: false, globalSetup: 'test/cluster/shared-cluster.setup.ts' },
  chaos: {},
  'chaos-more': { include: ['test/chaos-more/**/*.test.ts', ...filesOf('chaos-more')] as string[] },
  trackers: {},
  frameworks: {},
  packages: { fileParallelism: false },
  install: { fileParallelism: false },
  gang: { fileParallelism: false, globalSetup: 'test/cluster/shared-cluster.setup.ts' },
  kueue: { fileParallelism: false, globalSetup: 'test/cluster/shared-cluster.setup.ts' },
  // With what the other suites have of it.
  policy: { fileParallelism: false, include: ['test/policy/**/*.test.ts', ...filesOf('policy')] as string[] },
  clusters: { fileParallelism: false },
  chart: {},
} as const;

export default defineConfig({
  test: {
    pool: 'forks',
    projects: Object.entries(SUITES).map(([name, options]) => ({
      test: {
        name,
        include: [`test/${name}/**/*.test.ts`],
        exclude: [...filesToSkip()],
        testTimeout: HANGS_AFTER_MS,
        hookTimeout: HANGS_AFTER_MS,
        expect: { poll: { timeout: HANGS_AFTER_MS } },
        ...options,
      },
    })),
  },
});
