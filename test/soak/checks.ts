/** What a soak is judged by besides the checks of chaos: nothing judged wrongly, nothing deleted that is used, bounds, and requests. */
import { searchWorkflowId, trialWorkflowId } from '../../src/contract/ids.ts';
import type { AttemptVerdict } from '../../src/contract/jobs.ts';
import type { Row } from '../chaos/ground.ts';
import type { Played } from '../chaos/play.ts';
import type { World } from '../chaos/world.ts';
import type { Done } from './days.ts';

const MAX_HISTORY_BYTES = 2 * 1024 * 1024;

/** A process that gets SIGTERM before it has imported the SDK dies of it and can save nothing: starts are as long as ever. */
const MAX_START_SECONDS = 30;

const MAX_END_SECONDS = 2;
const MS = 1000;

const endedAtStart = (row: Row): boolean =>
  String(row.cause).startsWith('SIGTERM that we did not send') && Number(row.seconds) < MAX_START_SECONDS;

/** How an attempt may end that nobody touched, and what each of the others is explained by. */
export function misjudged(attempts: readonly Row[], done: Done, trial: number): string[] {
  const own = attempts.filter((row) => row.trial === trial);
  const count = (verdict: AttemptVerdict): number => own.filter((row) => row.verdict === verdict).length;
  const preempted = done.preempted[trial] ?? 0;
  const atStart = Math.min(own.filter(endedAtStart).length, preempted - count('preempted'));
  const limits: Partial<Record<AttemptVerdict, number>> = {
    succeeded: 1,
    stopped: done.pauses,
    preempted,
    crashed: (done.killed[trial] ?? 0) + Math.max(0, atStart),
  };
  const verdicts = [...new Set(own.map((row) => row.verdict as AttemptVerdict))];
  return verdicts
    .filter((verdict) => count(verdict) > (limits[verdict] ?? 0))
    .map((verdict) => {
      const causes = own.filter((row) => row.verdict === verdict).map((row) => `attempt ${String(row.attempt)}: ${String(row.cause)}`);
      return `trial ${trial}: ${count(verdict)} attempts were judged ${verdict}, ${limits[verdict] ?? 0} were made so (${causes.join('; ')})`;
    });
}

/** Made at the last moment of a day, and gone with its machine before the next one: nobody was there who could have seen its container. */
export const isUnseen = ({ started_at: start, ended_at: end }: Row, { nights }: Pick<Done, 'nights'>): boolean =>
  nights.some(
    ({ from, to }) => Date.parse(String(start)) > from - MAX_START_SECONDS * MS && Date.parse(String(end)) < to + MAX_END_SECONDS * MS,
  );

export async function soakProblems(world: World, played: Played, done: Done): Promise<string[]> {
  const run = played.run.id;
  const attempts = (await world.ground.rows('attempts', run, world.ports)).filter(({ step }) => step === 'search');
  const trials = Array.from({ length: world.trials }, (_, trial) => trial);
  return [
    ...trials.flatMap((trial) => misjudged(attempts, done, trial)),
    ...deleted(done, run),
    ...(await missing(world, played)),
    ...(await largeHistories(world, run)),
  ];
}

/** The run was open all the time: nothing of it was to be collected. */
const deleted = ({ garbage }: Done, run: string): string[] =>
  garbage.flatMap(({ found }) => found.filter(({ name }) => name.includes(run)).map(({ what, name }) => `gc removed the ${what} ${name}`));

/** What the ledger says that there is. */
async function missing(world: World, { run, result }: Played): Promise<string[]> {
  const store = await world.ports.store(world.profile);
  const models = (await world.ground.rows('trials', run.id, world.ports)).map((row) => row.export);
  const manifests = result.steps.filter(({ id }) => id.startsWith('parts.')).map(({ outputs }) => outputs['manifest']);
  const uris = [...models.filter((uri) => typeof uri === 'string').map((uri) => `${uri}/READY`), ...manifests];
  const found = await Promise.all(uris.map(async (uri) => (typeof uri === 'string' ? await store.stat(uri) : null)));
  return uris.filter((_, at) => found[at] === null).map((uri) => `${JSON.stringify(uri)} is gone`);
}

async function largeHistories(world: World, run: string): Promise<string[]> {
  const trials = Array.from({ length: world.trials }, (_, trial) => trialWorkflowId(run, 'search', trial));
  const sizes = await Promise.all(
    [run, searchWorkflowId(run, 'search'), ...trials].map(async (id) => {
      const { historySize = 0 } = await world.longhaul.client.workflow.getHandle(id).describe();
      return { id, bytes: historySize };
    }),
  );
  return sizes.filter(({ bytes }) => bytes > MAX_HISTORY_BYTES).map(({ id, bytes }) => `the history of ${id} has ${bytes} bytes`);
}
