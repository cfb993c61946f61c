/** Logs of attempts that were kept in the object store: of trials and steps whose pods are gone, of earlier attempts, of runs long past. */
import type { RunDocument } from '../contract/run-document.ts';
import type { JobInfo } from '../ports/compute.ts';
import type { ObjectStore, Ports } from '../ports/index.ts';
import type { ReadableRun } from './run-data.ts';
import { homeOfStepLog, keptAttempts, keptSteps } from '../present/kept-logs.ts';

interface KeptChoice {
  readonly step?: string;
  readonly trial?: number;
  /** The last one when left out. */
  readonly attempt?: number;
}

export interface KeptLogOf {
  readonly step: string;
  /** Absent: of a container or script step. */
  readonly trial?: number;
  readonly attempt: number;
  readonly output: string;
}

type AskedRun = Pick<ReadableRun, 'id' | 'snapshot'>;
type LogHome = Omit<KeptLogOf, 'attempt'>;

/** Whether a Job writes, or wrote, that log. */
export const isLogOf = ({ labels }: JobInfo, { step, trial }: LogHome): boolean =>
  labels.step === step && labels.trial === (trial === undefined ? undefined : String(trial));

/** Attempts of which something was kept, but for those whose log a Job still has. */
export async function keptLogs(
  run: AskedRun,
  document: RunDocument,
  ports: Ports,
  choice: KeptChoice,
  jobs: readonly JobInfo[],
): Promise<KeptLogOf[]> {
  const store = await ports.store(document.profile);
  const found: KeptLogOf[] = [];
  const homes = [...(await stepsOf(store, run.id, choice)), ...(await trialsOf(run, document, ports, choice))];
  for (const home of homes) {
    const attempts = (await keptAttempts(store, home.output)).filter(
      ({ attempt }) => choice.attempt === undefined || attempt === choice.attempt,
    );
    const attempt = attempts.at(-1)?.attempt;
    if (attempt === undefined) continue;
    const newest = jobs.filter((job) => isLogOf(job, home));
    if (newest.every(({ labels }) => Number(labels.attempt) < attempt)) found.push({ ...home, attempt });
  }
  return found;
}

async function stepsOf(store: ObjectStore, run: string, { step, trial }: KeptChoice): Promise<LogHome[]> {
  if (trial !== undefined) return [];
  const steps = [...(await keptSteps(store, run)).keys()].filter((id) => step === undefined || id === step);
  return steps.map((id) => ({ step: id, output: homeOfStepLog(store, run, id) }));
}

/** From the ledger where the search cannot tell: Temporal forgets runs after a while. */
async function trialsOf(run: AskedRun, document: RunDocument, ports: Ports, { step, trial }: KeptChoice): Promise<LogHome[]> {
  const searches = document.steps
    .filter(({ spec, id }) => spec.kind === 'search' && (step === undefined || id === step))
    .map(({ id }) => id);
  const found = new Map<string, LogHome>();
  const rows = await (await ports.warehouse(document.profile)).ledger('trials', { run: run.id });
  for (const row of rows)
    if (typeof row.output === 'string') add(found, { step: String(row.step), trial: Number(row.trial), output: row.output });
  const snapshot = await run.snapshot().catch(() => null);
  for (const id of searches)
    for (const { trial: number, output } of snapshot?.searches[id]?.trials ?? []) add(found, { step: id, trial: number, output });
  return [...found.values()].filter((one) => searches.includes(one.step) && (trial === undefined || one.trial === trial));
}

function add(found: Map<string, LogHome>, one: LogHome): void {
  found.set(`${one.step}/${String(one.trial)}`, one);
}
