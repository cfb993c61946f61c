/** `npm run typecheck`: tsc for TypeScript, mypy for the Python packages. */
import { runChecks } from './checks.ts';

await runChecks([
  { name: 'tsc', command: 'tsc', args: ['--incremental', '--tsBuildInfoFile', '.longhaul/tsc.json'] },
  // Browsers have other globals than Node.
  { name: 'tsc (report page)', command: 'tsc', args: ['-p', 'src/report/page'] },
  { name: 'tsc (console page)', command: 'tsc', args: ['-p', 'src/console/page'] },
  { name: 'mypy', command: process.env.LONGHAUL_PYTHON ?? 'python3', args: ['-m', 'mypy', '--no-error-summary', '.'], cwd: 'trainer' },
]);
