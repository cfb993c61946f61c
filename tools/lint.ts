/** `npm run lint [-- --fix]`: ESLint, Prettier, Ruff. */
import { runChecks } from './checks.ts';

const fix = process.argv.includes('--fix');
const python = process.env.LONGHAUL_PYTHON ?? 'python3';

await runChecks([
  { name: 'eslint', command: 'eslint', args: ['.', '--cache', '--cache-location', '.longhaul/eslint.json', ...(fix ? ['--fix'] : [])] },
  {
    name: 'prettier',
    command: 'prettier',
    args: ['.', fix ? '--write' : '--check', '--log-level', 'warn', '--cache', '--cache-location', '.longhaul/prettier.json'],
  },
  {
    name: 'ruff check',
    command: python,
    args: ['-m', 'ruff', 'check', '--quiet', ...(fix ? ['--fix'] : []), 'python', 'examples', 'bench', 'test'],
  },
  {
    name: 'ruff format',
    command: python,
    args: ['-m', 'ruff', 'format', '--quiet', ...(fix ? [] : ['--diff']), 'python', 'examples', 'bench', 'test'],
  },
]);
