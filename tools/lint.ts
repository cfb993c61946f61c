/** `npm run lint [-- --fix]`: oxlint, unused exports, Prettier, Ruff. */
import { runChecks } from './checks.ts';
import { commandLine } from './command-line.ts';

const { fix } = commandLine({
  call: 'npm run lint --',
  about: 'oxlint, unused exports, Prettier and Ruff.',
  options: { fix: { type: 'boolean', default: false, about: 'mends what can be mended' } },
}).values;
const python = process.env.LONGHAUL_PYTHON ?? 'python3';

await runChecks([
  { name: 'oxlint', command: 'oxlint', args: ['--type-aware', ...(fix ? ['--fix'] : [])] },
  { name: 'unused exports', command: process.execPath, args: ['tools/unused-exports.ts', ...(fix ? ['--fix'] : [])] },
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
