/** What must have come of the parts that a seed plays besides, each in words where it has not. */
import { setTimeout as delay } from 'node:timers/promises';
import { trackerWorkflowId } from '../../src/contract/ids.ts';
import type { Row } from '../chaos/ground.ts';
import type { Played } from '../chaos/play.ts';
import { signal } from '../chaos/processes.ts';
import type { World } from '../chaos/world.ts';
import { isUnseen } from './checks.ts';
import type { Done } from './days.ts';
import { ownRate, TRAINED_RATE, type Part } from './parts.ts';
import type { SoakTracker } from './tracker.ts';

const NEAR = 1e-9;
/** Beyond the end of the run: its tracker tells on, and a promotion waits for the next worker. */
const PATIENCE_MS = 240_000;
const AGAIN_MS = 500;
/** As `src/adapters/mlflow` marks an entry. */
const ENTRY_TAG = 'longhaul.key';

interface Scene {
  readonly world: World;
  readonly played: Played;
  readonly tracker: SoakTracker;
  readonly done: Done;
}

export async function partProblems(parts: readonly Part[], scene: Scene): Promise<string[]> {
  const found = await Promise.all(parts.map(async (part) => (await CHECKS[part](scene)).map((problem) => `${part}: ${problem}`)));
  return found.flat();
}

const rowsOf = async ({ world, played }: Scene, table: 'trials' | 'attempts' | 'progress' | 'models', step: string): Promise<Row[]> =>
  (await world.ground.rows(table, played.run.id, world.ports)).filter((row) => row.step === step);
const outputsOf = ({ played }: Scene, step: string): Readonly<Record<string, unknown>> =>
  played.result.steps.find(({ id }) => id === step)?.outputs ?? {};
const equal = (what: string, found: unknown, expected: unknown): string[] =>
  JSON.stringify(found) === JSON.stringify(expected)
    ? []
    : [`${what}: expected ${JSON.stringify(expected)}, found ${JSON.stringify(found)}`];
const rateOf = ({ parameters }: Row): number => Number(objectOf(parameters).rate);

const CHECKS: Readonly<Record<Part, (scene: Scene) => Promise<string[]>>> = {
  check: async (scene) => {
    const { passed, warned } = outputsOf(scene, 'check');
    return Promise.resolve(equal('rules kept, and not', [passed, warned], [3, 0]));
  },

  train: async (scene) => {
    const trials = await rowsOf(scene, 'trials', 'train');
    return equal(
      'its only trial',
      trials.map((row) => [row.trial, row.status, rateOf(row)]),
      [[0, 'succeeded', TRAINED_RATE]],
    );
  },

  sampler: async (scene) => {
    const trials = await rowsOf(scene, 'trials', 'search');
    return trials
      .filter((row) => Math.abs(rateOf(row) - ownRate(Number(row.trial))) > NEAR)
      .map((row) => `trial ${String(row.trial)} had the rate ${rateOf(row)}, its sampler says ${ownRate(Number(row.trial))}`);
  },

  digests: async (scene) => {
    const began = (await rowsOf(scene, 'attempts', 'search')).filter((row) => row.started_at !== null && !isUnseen(row, scene.done));
    const images = [...new Set(began.map(({ image }) => image))];
    const unknown = began.filter(({ image }) => image === null).map((row) => JSON.stringify(row));
    return images.length === 1 && unknown.length === 0
      ? []
      : [`its attempts ran ${JSON.stringify(images)}, and not one image`, ...unknown.map((row) => `no image: ${row}`)];
  },

  promotion: async (scene) => {
    const { world, played } = scene;
    const [row] = await rowsOf(scene, 'models', 'evaluate');
    if (row?.stage !== 'candidate') return [`the evaluated model is ${JSON.stringify(row?.stage)}, and no candidate`];
    const model = String(row.model);
    // The worker that is to do it goes at this moment.
    signal(world.pid('control'), 'SIGTERM');
    const promote = (): Promise<unknown> => world.longhaul.promote({ run: played.run.id, model, profile: world.profile }, { by: 'soak' });
    await untilDone(promote);
    const again = (await untilDone(promote)) as { readonly wasChampion: boolean } | null;
    const champions = await championsOf(scene);
    return [...equal('whether it was the champion the second time', again?.wasChampion, true), ...equal('champions', champions, [model])];
  },

  tracker: async (scene) => {
    const { world, played, tracker } = scene;
    const run = played.run.id;
    const telling = world.longhaul.client.workflow.getHandle(trackerWorkflowId(run, 0));
    if (
      (await untilDone(async () => (await telling.describe()).status.name === 'COMPLETED' || Promise.reject(new Error('tells on')))) ===
      null
    )
      return ['it has not been told of the end'];
    const seen = tracker.runs.filter(({ tags, isDeleted }) => !isDeleted && tags.get(ENTRY_TAG)?.startsWith(run));
    const trials = await world.ground.rows('trials', run, world.ports);
    const keys = [run, ...trials.map(({ step, trial }) => `${run}/${String(step)}/${String(trial)}`)].sort();
    const problems = [
      ...equal('its entries', seen.map(({ tags }) => tags.get(ENTRY_TAG)).sort(), keys),
      ...equal('their ends', [...new Set(seen.map(({ status }) => status))], ['FINISHED']),
    ];
    const progress = await world.ground.rows('progress', run, world.ports);
    for (const { step, trial } of trials) {
      const entry = seen.find(({ tags }) => tags.get(ENTRY_TAG) === `${run}/${String(step)}/${String(trial)}`);
      const told = [...(entry?.metrics.values() ?? [])].filter(({ key }) => key === 'accuracy').map(({ value }) => value);
      const own = progress.filter((row) => row.step === step && row.trial === trial && accuracyOf(row) !== null).map(accuracyOf);
      problems.push(...equal(`the curve of ${String(step)} ${String(trial)}`, told.sort(), own.sort()));
    }
    return problems;
  },
};

/** A column of JSON, as the warehouse gives it. */
const objectOf = (value: unknown): Readonly<Record<string, unknown>> =>
  ((typeof value === 'string' ? JSON.parse(value) : value) ?? {}) as Readonly<Record<string, unknown>>;

function accuracyOf({ metrics }: Row): number | null {
  const { accuracy } = objectOf(metrics);
  return typeof accuracy === 'number' ? accuracy : null;
}

async function championsOf({ world }: Scene): Promise<string[]> {
  const warehouse = await world.ports.warehouse(world.profile);
  const models: readonly Row[] = await warehouse.ledger('models', { pipeline: 'soak' });
  return models.filter(({ stage }) => stage === 'champion').map(({ model }) => String(model));
}

/** Null: not in time. */
async function untilDone<T>(act: () => Promise<T>): Promise<T | null> {
  for (const end = performance.now() + PATIENCE_MS; performance.now() < end;) {
    try {
      return await act();
    } catch {
      await delay(AGAIN_MS);
    }
  }
  return null;
}
