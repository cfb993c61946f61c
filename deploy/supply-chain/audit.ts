/**
 * `npm run audit`: known vulnerabilities, from npm's advisories (high and critical) and from PyPI's (all that pip-audit knows).
 * Exit code 1: some were found. 4: a service of advisories cannot be asked from here, which proves nothing.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDirectory } from '../../bin/setup-tools.mjs';
import { REQUIREMENTS, ROOT } from './packages.ts';

const PIP_AUDIT = '2.10.1';
const FOUND = 1;
const UNREACHABLE = 4;

/** What the tools say when nobody answered, as opposed to when something was found. */
const UNANSWERED =
  /audit endpoint returned an error|could not be audited|ConnectionError|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|Service ?Error/;

type Verdict = 'clean' | 'found' | 'unreachable';

const verdicts: Readonly<Record<string, Verdict>> = {
  'npm audit (high and critical)': judge('npm', ['audit', '--audit-level=high']),
  'pip-audit of python/requirements.txt': judge(pipAudit(), ['--strict', '--disable-pip', '--require-hashes', '-r', REQUIREMENTS]),
};
for (const [what, verdict] of Object.entries(verdicts))
  process.stdout.write(`${what}: ${verdict === 'unreachable' ? 'not checked, its service does not answer from here' : verdict}\n`);
const all = Object.values(verdicts);
process.exitCode = all.includes('found') ? FOUND : all.includes('unreachable') ? UNREACHABLE : 0;

function judge(program: string, args: readonly string[]): Verdict {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: ROOT, encoding: 'utf8' });
  process.stderr.write(`${stdout}${stderr}`);
  if (status === 0) return 'clean';
  return UNANSWERED.test(`${stdout}${stderr}`) ? 'unreachable' : 'found';
}

/** In an environment of its own: Longhaul does not need it. */
function pipAudit(): string {
  const directory = join(cacheDirectory(), `pip-audit-${PIP_AUDIT}`);
  const program = join(directory, 'bin', 'pip-audit');
  if (existsSync(program)) return program;
  const python = process.env.LONGHAUL_PYTHON ?? 'python3';
  spawnSync(python, ['-m', 'venv', directory], { stdio: 'inherit' });
  spawnSync(join(directory, 'bin', 'python'), ['-m', 'pip', 'install', '--quiet', `pip-audit==${PIP_AUDIT}`], { stdio: 'inherit' });
  return program;
}
