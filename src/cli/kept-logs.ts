/** Logs of attempts that were kept in the object store: of trials whose pods are gone, of earlier attempts, of runs long past. */
import type { Run } from '../client/index.ts';
import type { RunDocument } from '../contract/run-document.ts';
import type { JobInfo } from '../ports/compute.ts';
import type { Ports } from '../ports/index.ts';
import { keptAttempts } from '../present/kept-logs.ts';

interface KeptChoice {
  readonly step?: string;
  readonly trial?: number;
  /** The last one when left out. */
  readonly attempt?: number;
}

export interface KeptLogOf {
  readonly step: string;
  readonly trial: number;
  readonly attempt: number;
  readonly output: string;
}

/** Attempts of which something was kept, but for those whose log a Job still has. */
export async function keptLogs(
  run: Run,
  document: RunDocument,
  ports: Ports,
  choice: KeptChoice,
  jobs: readonly JobInfo[],
): Promise<KeptLogOf[]> {
  const store = await ports.store(document.profile);
  const found: KeptLogOf[] = [];
  for (const trial of await trialsOf(run, document, ports, choice)) {
    const attempts = (await keptAttempts(store, trial.output)).filter(
      ({ attempt }) => choice.attempt === undefined || attempt === choice.attempt,
    );
    const attempt = attempts.at(-1)?.attempt;
    if (attempt === undefined) continue;
    const newest = jobs.filter(({ labels }) => labels.step === trial.step && labels.trial === String(trial.trial));
    if (newest.every(({ labels }) => Number(labels.attempt) < attempt)) found.push({ ...trial, attempt });
  }
  return found;
}

/** From the ledger where the search cannot tell: Temporal forgets runs after a while. */
async function trialsOf(run: Run, document: RunDocument, ports: Ports, { step, trial }: KeptChoice): Promise<Omit<KeptLogOf, 'attempt'>[]> {
  const searches = document.steps
    .filter(({ spec, id }) => spec.kind === 'search' && (step === undefined || id === step))
    .map(({ id }) => id);
  const found = new Map<string, Omit<KeptLogOf, 'attempt'>>();
  const rows = await (await ports.warehouse(document.profile)).ledger('trials', { run: run.id });
  for (const row of rows)
    if (typeof row.output === 'string') add(found, { step: String(row.step), trial: Number(row.trial), output: row.output });
  for (const id of searches) {
    const state = await run
      .search(id)
      .state()
      .catch(() => null);
    for (const { trial: number, output } of state?.trials ?? []) add(found, { step: id, trial: number, output });
  }
  return [...found.values()].filter((one) => searches.includes(one.step) && (trial === undefined || one.trial === trial));
}

function add(found: Map<string, Omit<KeptLogOf, 'attempt'>>, one: Omit<KeptLogOf, 'attempt'>): void {
  found.set(`${one.step}/${one.trial}`, one);
}
