/** Which version of the pipeline this is, as far as git knows. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { GRACES } from '../rules/durations.ts';

export interface GitState {
  /** null: no repository. */
  readonly root: string | null;
  readonly commit: string | null;
  readonly dirty: boolean;
}

const run = promisify(execFile);

/** Runs `git` in the folder; without git or a repository there is no commit, which is no mistake. */
export async function gitState(folder: string): Promise<GitState> {
  // A git hook has GIT_DIR and others of the repository that it belongs to, which need not be the pipeline's.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('GIT_')));
  const git = async (...args: readonly string[]): Promise<string | null> => {
    try {
      const { stdout } = await run('git', ['-C', folder, ...args], { env, timeout: GRACES.gitAnswerMs, maxBuffer: 64 * 1024 * 1024 });
      return stdout.trim();
    } catch {
      return null;
    }
  };
  // To start a process is slow beside a look at the folders above.
  const root = isBelowRepository(folder) ? await git('rev-parse', '--show-toplevel') : null;
  if (root === null) return { root: null, commit: null, dirty: false };
  const [commit, status] = await Promise.all([git('rev-parse', 'HEAD'), git('status', '--porcelain')]);
  return { root, commit, dirty: status === null || status !== '' };
}

function isBelowRepository(folder: string): boolean {
  for (let at = folder; ; at = dirname(at)) {
    if (existsSync(join(at, '.git'))) return true;
    if (at === dirname(at)) return false;
  }
}
