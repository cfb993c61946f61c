/** `npm run typecheck`: tsc for TypeScript, mypy for the Python packages. */
import { runChecks } from './checks.ts';

const python = process.env.LONGHAUL_PYTHON ?? 'python3';
const incremental = (file: string): string[] => ['--incremental', '--tsBuildInfoFile', `.longhaul/${file}.json`];
/** Each with what it found before by itself: other options make that of no use. */
const mypy = (cache: string): string[] => ['-m', 'mypy', '--no-error-summary', '--cache-dir', `.mypy_cache/${cache}`];

await runChecks([
  { name: 'tsc', command: 'tsc', args: incremental('tsc') },
  // Browsers have other globals than Node.
  { name: 'tsc (report page)', command: 'tsc', args: ['-p', 'src/report/page', ...incremental('tsc-report-page')] },
  { name: 'tsc (console page)', command: 'tsc', args: ['-p', 'src/console/page', ...incremental('tsc-console-page')] },
  { name: 'mypy', command: python, args: [...mypy('packages'), '.', '--exclude', 'tests/(store|sdk)/'], cwd: 'python' },
  // Each by itself, for each has a conftest.py.
  { name: 'mypy tests/store', command: python, args: [...mypy('store'), 'tests/store'], cwd: 'python' },
  {
    name: 'mypy tests/sdk',
    command: python,
    args: [...mypy('sdk'), '--allow-untyped-defs', '--exclude', 'scripts/', 'tests/sdk'],
    cwd: 'python',
  },
]);
