/** How soon a stop reaches pods, and how soon Jobs are watched again, where heartbeats are minutes apart. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { searchWorkflowId, trialWorkflowId } from '../../src/contract/ids.ts';
import { UPDATES } from '../../src/contract/names.ts';
import { TRIALS } from './world.ts';
import type { World } from './world.ts';

const POLL_MS = 50;
/** `temporal.api.enums.v1.PendingActivityState`. */
const STARTED = 2;

export async function until(holds: () => Promise<boolean> | boolean, what: string, patienceMs = 240_000): Promise<void> {
  const deadline = Date.now() + patienceMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`${what}: not in ${patienceMs / 1000} s`);
    await sleep(POLL_MS);
  }
}

const trials = Array.from({ length: TRIALS }, (_, trial) => trial);

/** Pauses the search: each trainer is to commit a checkpoint. @returns seconds from the request to SIGTERM, a trial */
export async function stopToSigterm(world: World, round: number): Promise<number[]> {
  const search = world.client.workflow.getHandle(searchWorkflowId(world.run, 'search'));
  await until(() => world.words('began').length >= TRIALS * round, `the trainers of round ${round}`);
  const before = new Set(world.words('stopped'));
  const at = Date.now();
  await search.executeUpdate(UPDATES.pause, { args: [{}] });
  const heard = (): readonly string[] => world.words('stopped').filter((name) => !before.has(name));
  await until(() => heard().length >= TRIALS, 'the stop in every trainer');
  const seconds = heard().map((name) => Number(readFileSync(join(world.folder, name), 'utf8')) - at / 1000);
  await until(
    async () => (await Promise.all(trials.map((trial) => watcherOf(world, trial)))).every((watcher) => watcher === null),
    'the pause',
  );
  await search.executeUpdate(UPDATES.resume, { args: [{}] });
  return seconds;
}

/** Kills the training worker, as a machine does that goes. @returns seconds until another life of it watches, a trial */
export async function orphanWatched(world: World): Promise<number[]> {
  const before = await Promise.all(trials.map((trial) => watcherOf(world, trial)));
  const at = await world.replace('training');
  return Promise.all(
    trials.map(async (trial) => {
      await until(async () => {
        const now = await watcherOf(world, trial);
        return now !== null && now !== before[trial];
      }, `a watcher of trial ${trial}`);
      return (Date.now() - at) / 1000;
    }),
  );
}

/** Identity of the worker that watches the attempt, with the number of Temporal's try; null: nobody does. */
async function watcherOf({ client, run }: World, trial: number): Promise<string | null> {
  const { raw } = await client.workflow.getHandle(trialWorkflowId(run, 'search', trial)).describe();
  const watching = raw.pendingActivities?.find(
    ({ activityType, state }) => activityType?.name === 'runAttempt' && (state as unknown) === STARTED,
  );
  return watching ? `${watching.lastWorkerIdentity} ${watching.attempt}` : null;
}
