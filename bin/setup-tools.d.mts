/** Of the clone or of the installed package. */
export const root: string;
/** The path of a bundle that the installed package brings; null in a clone. */
export function builtAhead(name: string): string | null;
export function cacheDirectory(): string;
/** Runs `work` while holding a lock file; the lock of a dead process is taken over. */
export function locked<T>(file: string, work: () => Promise<T>): Promise<T>;
/** The nearest directory upwards in which a development stack has kept runs. */
export function projectWithRuns(from: string): string | null;
/** Whether the user alone can have written it. @param accounts folder of `group` and `passwd` */
export function isOwn(stats: { readonly uid: number; readonly gid: number; readonly mode: number }, accounts?: string): boolean;
/** One line of talk on stderr. */
export function say(line: string): void;
/** Hexadecimal, of the texts one after the other. */
export function sha256(...texts: readonly string[]): string;
/** Runs a command and collects what it prints; a command that cannot be run has code 127. */
export function capture(
  command: string,
  args: readonly string[],
  options?: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv },
): Promise<{ readonly code: number; readonly output: string }>;
/** Runs one slow step of a set-up. @throws SetupError */
export function step(
  title: string,
  command: string,
  args: readonly string[],
  options?: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv },
): Promise<string>;
/** Thrown with one line that says what is missing and what to do about it. */
export class SetupError extends Error {
  readonly exitCode: number;
  constructor(message: string, exitCode?: number);
}
/** With the folders above it. @throws SetupError when they cannot be made */
export function makeFolder(folder: string): Promise<void>;
/** Where a proxy is set: variables by which it is not asked for this machine. */
export function loopbackWithoutProxy(env: NodeJS.ProcessEnv): Record<string, string>;
