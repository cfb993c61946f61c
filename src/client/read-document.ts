import { InvalidInputError } from '../contract/errors.ts';
import { RunDocument } from '../contract/run-document.ts';

const PROBLEMS_SHOWN = 3;

/**
 * Of a run that some release of Longhaul has begun.
 * @throws InvalidInputError a newer one, whose documents say what this one does not know
 */
export function readDocument(document: unknown, run: string): RunDocument {
  const parsed = RunDocument.safeParse(document);
  if (parsed.success) return parsed.data;
  throw new InvalidInputError(
    parsed.error.issues.slice(0, PROBLEMS_SHOWN).map(({ path, message }, i, { length }) => ({
      file: `the document of ${run}`,
      path: path.map(String).join('.'),
      message,
      expected: 'a document that this release knows',
      ...(i < length - 1
        ? {}
        : { hint: 'a newer release of Longhaul began this run: use its commands (longhaul --version says which these are)' }),
    })),
  );
}
