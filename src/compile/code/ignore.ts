/** Patterns of `.gitignore` (https://git-scm.com/docs/gitignore), by which files of a folder are left out. Pure. */

export interface IgnoreRule {
  /** @param path relative to `base` */
  readonly matches: (path: string) => boolean;
  readonly folderOnly: boolean;
  /** `!`: it is not left out after all. */
  readonly includes: boolean;
  /** The folder that the pattern is relative to: '' or `sub/`. */
  readonly base: string;
}

/** Never of use where the code runs; a later rule may bring them back. */
export const LEFT_OUT = [
  '__pycache__/',
  '*.py[cod]',
  '.longhaul/',
  '.venv/',
  'venv/',
  'node_modules/',
  '.ipynb_checkpoints/',
  '.pytest_cache/',
  '.mypy_cache/',
  '.ruff_cache/',
  '.DS_Store',
  // What is shipped can be read by whoever reads the store.
  '.env',
  '.env.*',
].join('\n');

/** @param base of the file that they stand in: '' or a path that ends with a slash */
export function ignoreRules(text: string, base = ''): IgnoreRule[] {
  return text.split(/\r?\n/).flatMap((line) => {
    const rule = ruleOf(line.replace(/(?<!\\)(?:\s)+$/, ''), base);
    return rule ? [rule] : [];
  });
}

/** The last rule that matches decides. @param path relative, with slashes */
export function isIgnored(path: string, isFolder: boolean, rules: readonly IgnoreRule[]): boolean {
  const last = rules.findLast(
    ({ base, matches, folderOnly }) => (isFolder || !folderOnly) && path.startsWith(base) && matches(path.slice(base.length)),
  );
  return last !== undefined && !last.includes;
}

function ruleOf(line: string, base: string): IgnoreRule | null {
  if (line === '' || line.startsWith('#')) return null;
  const includes = line.startsWith('!');
  const pattern = includes ? line.slice(1) : line;
  const folderOnly = pattern.endsWith('/');
  const body = folderOnly ? pattern.slice(0, -1) : pattern;
  const anchored = body.includes('/');
  const source = expressionOf(body.replace(/^\//, ''));
  if (source === null) return null;
  const expression = new RegExp(`^${anchored ? '' : '(?:.*/)?'}${source}$`, 's');
  return { matches: (path) => expression.test(path), folderOnly, includes, base };
}

const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
const TOKENS = /\\(.)|\*\*\/|\/\*\*$|\*+|\?|\[(!?)((?:\\.|[^\]\\])(?:\\.|[^\]\\])*)\]|([^])/gsy;

/** null: what git takes for no pattern either. */
function expressionOf(pattern: string): string | null {
  let source = '';
  for (const [token, quoted, negated, members, other] of pattern.matchAll(TOKENS)) {
    if (quoted !== undefined) source += escaped(quoted);
    else if (token === '**/') source += '(?:.*/)?';
    else if (token === '/**') source += '/.+';
    else if (token.startsWith('*')) source += '[^/]*';
    else if (token === '?') source += '[^/]';
    else if (members !== undefined) source += `(?!/)[${negated === '!' ? '^' : ''}${members.replace(/[[\]^]/g, '\\$&')}]`;
    else source += escaped(other ?? token);
  }
  try {
    RegExp(source);
    return source;
  } catch {
    return null;
  }
}
