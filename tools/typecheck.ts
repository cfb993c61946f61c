/** `npm run typecheck`: tsc for TypeScript, mypy for the Python packages. */
import { runChecks, type Check } from './checks.ts';

const TYPESCRIPT = ['*.ts', '*.tsx', '*.mts', '*.mjs', '*.json'];

const tsc = (name: string, file: string, project: readonly string[] = []): Check => {
  const keeps = `.longhaul/${file}.json`;
  return { name, command: 'tsc', runs: [[...project, '--incremental', '--tsBuildInfoFile', keeps]], inputs: TYPESCRIPT, keeps };
};
const mypy = ['-m', 'mypy', '--no-error-summary'];

await runChecks([
  tsc('tsc', 'tsc'),
  // Browsers have other globals than Node.
  tsc('tsc (report page)', 'tsc-report-page', ['-p', 'src/report/page']),
  tsc('tsc (console page)', 'tsc-console-page', ['-p', 'src/console/page']),
  {
    name: 'mypy',
    command: process.env.LONGHAUL_PYTHON ?? 'python3',
    // Each folder of tests by itself, for each has a conftest.py; one after another, with what the one before found out.
    runs: [
      [...mypy, '.', '--exclude', 'tests/(store|sdk)/'],
      [...mypy, 'tests/store'],
      [...mypy, '--exclude', 'scripts/', 'tests/sdk'],
    ],
    cwd: 'python',
    inputs: ['python', '*.py', '*.toml'],
    keeps: 'python/.mypy_cache',
  },
]);
