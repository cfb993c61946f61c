/** What suites need beyond Node, Python and Temporal. `npm test` prepares it before the first test (test/prepare.ts). */
export type Tool =
  'chromium' | 'prometheus' | 'wheels' | 'emulators' | 'kubernetes' | 'kueue' | 'helm' | 'packages' | 'mlflow' | 'wandb' | 'frameworks';

/** Environment variable: JSON of the tools that cannot be had on this machine, each with the reason. */
export const MISSING_TOOLS = 'LONGHAUL_TESTS_WITHOUT';

/** Why a tool is not here; undefined where it is, and where nobody prepared (one file run by hand). */
const missing = (tool: Tool): string | undefined => (JSON.parse(process.env[MISSING_TOOLS] ?? '{}') as Partial<Record<Tool, string>>)[tool];

/** Test files that need a tool as a whole, by patterns of vitest; where it is missing they are left out, and said to be. */
const FILES: Readonly<Partial<Record<Tool, readonly string[]>>> = {
  chromium: ['test/console/{controls,live-run,live,load,pages,security}.test.ts', 'test/e2e/report.test.ts'],
  prometheus: ['test/e2e/telemetry.test.ts'],
  wheels: ['test/e2e/example.test.ts'],
  helm: ['test/chart/*.test.ts'],
  emulators: [
    'test/contract/{gcs-faults,gcs-store,bigquery-emulator,bigquery-warehouse}.test.ts',
    'test/contract/googlesql/bigquery.test.ts',
    'test/e2e/emulators.test.ts',
  ],
};

export const filesToSkip = (): readonly string[] => Object.entries(FILES).flatMap(([tool, files]) => (missing(tool as Tool) ? files : []));
