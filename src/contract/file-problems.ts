/** What the file system says no with, in words for people. */

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or folder',
  ENOTDIR: 'a file lies where a folder is needed',
  EEXIST: 'a file lies where a folder is needed',
  EISDIR: 'a folder, where a file is needed',
  EACCES: 'no permission; change its mode or owner, or name another place',
  EPERM: 'no permission; change its mode or owner, or name another place',
  EROFS: 'the file system can only be read; name another place',
  ENAMETOOLONG: 'the name is too long',
  ELOOP: 'the links lead in a circle',
  ENOSPC: 'no space is left on the disk; make room there, then ask again',
  EDQUOT: 'the quota of the disk is used up; make room there, then ask again',
  EMFILE: 'too many files are open; raise `ulimit -n`, then ask again',
};
const MAX_SHOWN = 120;

interface FileProblem {
  /** As it was named, shortened; empty where the system does not say. */
  readonly path: string;
  readonly message: string;
}

/** null: it is none of the file system, or a program that could not be started. */
export function fileProblem(error: unknown): FileProblem | null {
  if (!(error instanceof Error)) return null;
  const { code, syscall, path } = error as Error & { readonly code?: unknown; readonly syscall?: unknown; readonly path?: unknown };
  if (typeof code !== 'string' || typeof syscall !== 'string' || syscall.startsWith('spawn') || !Object.hasOwn(WORDS, code)) return null;
  const named = typeof path === 'string' ? path : '';
  return { path: named.length > MAX_SHOWN ? `${named.slice(0, MAX_SHOWN)}…` : named, message: WORDS[code] ?? code };
}
