/** `npm run lint [-- --fix]`: oxlint, unused exports, Prettier, Ruff. */
import { runChecks } from './checks.ts';
import { commandLine } from './command-line.ts';

const { fix } = commandLine({
  call: 'npm run lint --',
  about: 'oxlint, unused exports, Prettier and Ruff.',
  options: { fix: { type: 'boolean', default: false, about: 'fixes what can be fixed' } },
}).values;
const python = process.env.LONGHAUL_PYTHON ?? 'python3';
const PYTHON_FOLDERS = ['python', 'examples', 'bench', 'test'];

await runChecks([
  {
    name: 'oxlint',
    command: 'oxlint',
    runs: [['--type-aware', ...(fix ? ['--fix'] : [])]],
    ...(fix ? {} : { inputs: ['*.ts', '*.tsx', '*.mts', '*.mjs', '*.json'] }),
  },
  { name: 'unused exports', command: process.execPath, runs: [['tools/unused-exports.ts', ...(fix ? ['--fix'] : [])]] },
  {
    name: 'prettier',
    command: 'prettier',
    runs: [['.', fix ? '--write' : '--check', '--log-level', 'warn', '--ignore-unknown']],
    ...(fix ? {} : { inputs: ['.'], eachFile: true, configuration: ['.prettierrc.json', '.prettierignore'] }),
  },
  {
    name: 'ruff check',
    command: python,
    runs: [['-m', 'ruff', 'check', '--quiet', ...(fix ? ['--fix'] : []), ...PYTHON_FOLDERS]],
  },
  {
    name: 'ruff format',
    command: python,
    runs: [['-m', 'ruff', 'format', '--quiet', ...(fix ? [] : ['--diff']), ...PYTHON_FOLDERS]],
  },
]);
