/** `npm run typecheck`: tsc for TypeScript, mypy for the Python packages. */
import { runChecks } from './checks.ts';

const python = process.env.LONGHAUL_PYTHON ?? 'python3';
const mypy = ['-m', 'mypy', '--no-error-summary'];

await runChecks([
  { name: 'tsc', command: 'tsc', args: ['--incremental', '--tsBuildInfoFile', '.longhaul/tsc.json'] },
  // Browsers have other globals than Node.
  { name: 'tsc (report page)', command: 'tsc', args: ['-p', 'src/report/page'] },
  { name: 'tsc (console page)', command: 'tsc', args: ['-p', 'src/console/page'] },
  { name: 'mypy', command: python, args: [...mypy, '.', '--exclude', 'tests/store/'], cwd: 'trainer' },
  // By itself, for it has a conftest.py as well.
  { name: 'mypy tests/store', command: python, args: [...mypy, 'tests/store'], cwd: 'trainer' },
]);
