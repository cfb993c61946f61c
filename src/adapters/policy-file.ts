/** The file of a policy: that of a worker is named by LONGHAUL_POLICY. */
import { readFile } from 'node:fs/promises';
import { fileProblem } from '../contract/file-problems.ts';
import { InvalidInputError } from '../contract/errors.ts';
import type { Policy } from '../contract/policy.ts';

/**
 * @returns null where none is named: everything is allowed
 * @throws InvalidInputError where the file is missing or not valid: a worker without the policy that it was to have does not start
 */
export async function readPolicy(file = process.env.LONGHAUL_POLICY): Promise<Policy | null> {
  if (file === undefined || file === '') return null;
  const refuse = (message: string, path = ''): InvalidInputError => new InvalidInputError([{ file, path, message }]);
  // Loaded here: every worker and most commands come by, and few have a policy.
  const [{ parse }, { POLICY_RENAMES, withPresentNames }, { PolicyInFile, policyOfFile }] = await Promise.all([
    import('yaml'),
    import('../contract/earlier-names.ts'),
    import('../contract/written.ts'),
  ]);
  let content: unknown;
  try {
    content = parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw refuse(`the policy cannot be read: ${fileProblem(error)?.message ?? (error instanceof Error ? error.message : String(error))}`);
  }
  const parsed = PolicyInFile.safeParse(withPresentNames(POLICY_RENAMES, content));
  if (parsed.success) return policyOfFile(parsed.data);
  throw new InvalidInputError(parsed.error.issues.map(({ path, message }) => ({ file, path: path.join('.'), message })));
}
