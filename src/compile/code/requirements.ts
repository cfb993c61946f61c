/** Requirements of shipped code: a pip file in which every line names one version, so that it means the same tomorrow. Pure. */

interface RequirementProblem {
  /** From 1. */
  readonly line: number;
  readonly message: string;
  readonly expected: string;
  readonly found: string;
  readonly hint: string;
}

const OPTION =
  /^(?:-i|-f|--(?:index-url|extra-index-url|find-links|no-index|only-binary|no-binary|prefer-binary|require-hashes|trusted-host))\b/;
const PINNED = /^[A-Za-z0-9][\w.-]*(?:\[[^\]]*\])?\s*(?:===?\s*[\w.!+-]+|@\s*\S+:\/\/\S+)\s*(?:;.*)?$/;
const NOT_OURS = /^longhaul(?![\w.-])/i;
const COMPILE = 'uv pip compile requirements.in -o requirements.txt, or pip freeze, writes such a file';

export function requirementProblems(text: string): RequirementProblem[] {
  return statements(text).flatMap(({ line, statement }): RequirementProblem[] => {
    const found = statement.replace(/\s--hash=\S+/g, '').trim();
    if (found === '' || OPTION.test(found)) return [];
    if (NOT_OURS.test(found))
      return [
        {
          line,
          message: 'this is another package',
          expected: 'nothing: the SDK is there without being asked for',
          found,
          hint: 'remove the line',
        },
      ];
    if (/^(?:-|\.{0,2}\/)/.test(found))
      return [
        {
          line,
          message: 'this refers to something that is not shipped',
          expected: 'NAME==VERSION',
          found,
          hint: 'put all requirements into one file; what lies in the code folder needs no installation',
        },
      ];
    if (PINNED.test(found)) return [];
    return [{ line, message: 'the requirement is not pinned', expected: 'NAME==VERSION', found, hint: COMPILE }];
  });
}

/** Without comments; lines that end with a backslash go on. */
function statements(text: string): { readonly line: number; readonly statement: string }[] {
  const found: { line: number; statement: string }[] = [];
  let open: { line: number; statement: string } | null = null;
  for (const [index, written] of text.split(/\r?\n/).entries()) {
    const content = written.replace(/(?:^|\s)#.*$/, '').trim();
    open ??= { line: index + 1, statement: '' };
    open.statement += ` ${content.replace(/\\$/, '')}`;
    if (content.endsWith('\\')) continue;
    found.push({ line: open.line, statement: open.statement.trim() });
    open = null;
  }
  return open ? [...found, { line: open.line, statement: open.statement.trim() }] : found;
}
