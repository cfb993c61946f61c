/** Puts the code of a run into the store of its profile, where its Jobs fetch it. */
import { renew } from '../cache/renew.ts';
import { codeUri, shippedBy } from '../contract/code.ts';
import { InvalidInputError, PreconditionFailedError, type Problem } from '../contract/errors.ts';
import type { RunDocument } from '../contract/run-document.ts';
import { WAITS } from '../rules/durations.ts';
import { openPorts } from '../adapters/open.ts';
import type { ObjectStore } from '../ports/index.ts';

/** @throws InvalidInputError where a document that was compiled before names code that is not there any more */
export async function shipCode(document: RunDocument, code: ReadonlyMap<string, Uint8Array>): Promise<void> {
  const wanted = shippedBy([...document.steps, ...document.onExit]);
  if (wanted.length === 0) return;
  await using ports = openPorts();
  const store = await ports.store(document.profile);
  const missing = await Promise.all(
    wanted.map(async ({ id, sha256, from }): Promise<Problem | null> => {
      const data = code.get(sha256);
      const uri = codeUri(store.root, { sha256 });
      if (data) await put(store, uri, data);
      else if (!(await renew(store, uri, WAITS.codeRenewedMs)))
        return {
          file: document.source.file,
          path: `steps.${id}.code`,
          message: `the code (${from}) is not in the store`,
          expected: uri,
          hint: 'compile the pipeline again, which puts it there',
        };
      return null;
    }),
  );
  const problems = missing.filter((problem) => problem !== null);
  if (problems.length > 0) throw new InvalidInputError(problems);
}

/** Named by its content: what is there with as many bytes is the same. After a while it is written again, so that `gc` lets it be. */
async function put(store: ObjectStore, uri: string, data: Uint8Array): Promise<void> {
  const there = await store.stat(uri);
  if (there?.bytes === data.length && Date.now() - there.updatedAt < WAITS.codeRenewedMs) return;
  try {
    await store.write(uri, data, { ifGeneration: there?.generation ?? '0', contentType: 'application/octet-stream' });
  } catch (error) {
    // Somebody else shipped the same at the same moment.
    if (!(error instanceof PreconditionFailedError)) throw error;
  }
}
