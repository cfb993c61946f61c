/** Reads what was kept of an attempt's log. */
import type { ObjectStore } from '../ports/index.ts';
import { attemptOf, endUri, firstLineOf, gapLine, logPrefix, parseLine, stepLogHome, stepOfLog } from '../rules/kept-logs.ts';
import type { LogLine } from '../rules/kept-logs.ts';

interface KeptAttempt {
  readonly attempt: number;
  /** Nothing more will come. */
  readonly ended: boolean;
}

export const homeOfStepLog = (store: Pick<ObjectStore, 'root'>, run: string, step: string): string => stepLogHome(store.root, run, step);

/** Attempts of a trial, or of a step, of which something was kept, oldest first. */
export async function keptAttempts(store: Pick<ObjectStore, 'list'>, output: string): Promise<KeptAttempt[]> {
  const found = new Map<number, boolean>();
  for await (const { uri } of store.list(`${output}/logs/`)) {
    const attempt = attemptOf(uri, output);
    if (attempt !== null) found.set(attempt, (found.get(attempt) ?? false) || uri === endUri(logPrefix(output, attempt)));
  }
  return [...found].map(([attempt, ended]) => ({ attempt, ended })).sort((a, b) => a.attempt - b.attempt);
}

/** Container and script steps of a run of which something was kept, each with its attempts, oldest first. */
export async function keptSteps(store: Pick<ObjectStore, 'list' | 'root'>, run: string): Promise<Map<string, KeptAttempt[]>> {
  const steps = new Set<string>();
  for await (const { uri } of store.list(stepLogHome(store.root, run, ''))) {
    const step = stepOfLog(uri, store.root, run);
    if (step !== null) steps.add(step);
  }
  const found = new Map<string, KeptAttempt[]>();
  for (const step of steps) found.set(step, await keptAttempts(store, stepLogHome(store.root, run, step)));
  return found;
}

/**
 * @param since ms since 1970: only what was written from then on
 * @param rank of an attempt on several machines
 */
export async function* readKeptLog(
  store: Pick<ObjectStore, 'list' | 'read'>,
  output: string,
  attempt: number,
  since?: number,
  rank = 0,
): AsyncGenerator<LogLine> {
  const pieces = await piecesOf(store, logPrefix(output, attempt, rank), since);
  let next: number | null = null;
  for (const [index, { uri, first }] of pieces.entries()) {
    if (next !== null && first > next)
      yield { at: null, text: gapLine(`lines ${next} to ${first - 1} were left out (logs.maxMb of the profile)`) };
    const object = await store.read(uri);
    if (!object) continue;
    const lines = new TextDecoder().decode(object.data).split('\n').slice(0, -1);
    // A worker that was thought dead may have gone on with its piece; the next one's begins where it took over.
    const following = pieces[index + 1]?.first ?? Infinity;
    for (const line of lines.slice(0, following - first)) {
      const parsed = parseLine(line);
      if (since === undefined || parsed.at === null || Date.parse(parsed.at) >= since) yield parsed;
    }
    next = first + Math.min(lines.length, following - first);
  }
}

/** Pieces that were finished before `since` need not be read. */
async function piecesOf(
  store: Pick<ObjectStore, 'list'>,
  prefix: string,
  since: number | undefined,
): Promise<{ readonly uri: string; readonly first: number }[]> {
  const found: { readonly uri: string; readonly first: number }[] = [];
  for await (const { uri, updatedAt } of store.list(`${prefix}/`)) {
    const first = firstLineOf(uri, prefix);
    if (first !== null && (since === undefined || updatedAt >= since)) found.push({ uri, first });
  }
  return found;
}
