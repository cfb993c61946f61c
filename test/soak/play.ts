/** Plays the days of one seed, and judges what came of them. */
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { outcomeOf, problemsAfter, type Outcome } from '../chaos/checks.ts';
import { resultOf, type Played } from '../chaos/play.ts';
import type { World } from '../chaos/world.ts';
import type { Run } from '../../src/client/index.ts';
import type { Profile } from '../../src/contract/profile.ts';
import { soakProblems } from './checks.ts';
import { Days } from './days.ts';
import { partProblems } from './parts-checks.ts';
import { settingsOf, trackerFaults, type Part } from './parts.ts';
import { secondsOf, settings, HOURS_PER_DAY, WEEKEND_HOURS, type Scale } from './scale.ts';
import { TRIALS, type SoakEvent } from './timeline.ts';
import type { SoakTracker } from './tracker.ts';

/** Whether the run has ended; where hours are real, not so often that the looks are most of what is counted. */
const lookMs = (scale: Scale): number => (scale.factor === 1 ? 5_000 : 200);
/** Beyond the days: starts, stops and what is waited for in real seconds. */
const PATIENCE_SECONDS = 900;
/** As a registry says it: not that of the image which the nodes have, so that nothing is taken from a cache. */
const DIGEST = `sha256:${'5'.repeat(64)}`;

export interface SoakVerdict {
  readonly problems: readonly string[];
  readonly seconds: number;
  /** Of training and its attempts: how long the run lasted by played time. */
  readonly hours: number;
  readonly attempts: number;
  readonly done: readonly SoakEvent[];
}

/** What the models depend on. */
export const modelsBy = (parts: readonly Part[]): Part[] => parts.filter((part) => part === 'sampler');

/** Without a disturbance and without waiting: the models are the same. */
export async function undisturbed(world: World, scale: Scale, parts: readonly Part[]): Promise<Outcome> {
  const by = modelsBy(parts);
  const run = await begin(world, scale, ['undisturbed', ...by].join('-'), { set: [...settings(scale, true), ...settingsOf(by)] });
  const played = await end(world, run, scale, PATIENCE_SECONDS);
  const problems = await problemsAfter(world, played);
  const outcome = await outcomeOf(world, played);
  if (problems.length > 0 || outcome.status !== 'succeeded' || outcome.trials.length !== TRIALS)
    throw new Error(
      `the undisturbed run is not well: ${[outcome.status, played.result.steps.map(({ reason }) => reason).join(), ...problems].join('; ')}`,
    );
  return outcome;
}

interface Play {
  readonly seed: number;
  readonly events: readonly SoakEvent[];
  readonly parts: readonly Part[];
  readonly tracker: SoakTracker;
  /** Of the undisturbed run. */
  readonly expected: Outcome;
  readonly interrupt: AbortSignal;
}

export async function play(world: World, scale: Scale, { seed, events, parts, tracker, expected, interrupt }: Play): Promise<SoakVerdict> {
  const began = performance.now();
  tracker.failAt(trackerFaults(seed));
  const set = [...settings(scale, false), ...settingsOf(parts)];
  const run = await begin(world, scale, `seed-${seed}`, { set, profile: profileWith(world, parts, tracker) });
  const over = new AbortController();
  await searching(run, scale, over.signal);
  const searchBegan = performance.now();
  const days = new Days(world, run, scale, over.signal);
  const happening = days.play(events);
  const problems: string[] = [];
  let hours = 0;
  try {
    const limit = secondsOf(scale, scale.days * HOURS_PER_DAY + WEEKEND_HOURS) * 1.5 + PATIENCE_SECONDS;
    const played = await end(world, run, scale, limit, interrupt);
    hours = (performance.now() - searchBegan) / 1000 / scale.hourSeconds;
    over.abort();
    await happening;
    problems.push(...(await problemsAfter(world, played)), ...(await soakProblems(world, played, days.done)));
    const outcome = await outcomeOf(world, played);
    problems.push(...(await partProblems(parts, { world, played, tracker, done: days.done })));
    if (!isDeepStrictEqual(outcome, expected))
      problems.push(`another outcome: ${JSON.stringify(outcome)}, undisturbed ${JSON.stringify(expected)}`);
  } catch (error) {
    problems.push(error instanceof Error ? error.message : String(error));
  } finally {
    over.abort();
    await happening;
  }
  const attempts = (await world.ground.rows('attempts', run.id, world.ports).catch(() => [])).length;
  return { problems, seconds: (performance.now() - began) / 1000, hours, attempts, done: days.done.events };
}

interface Beginning {
  readonly set: readonly string[];
  /** Of the run alone. */
  readonly profile?: Partial<Profile>;
}

function profileWith({ profile }: World, parts: readonly Part[], { uri }: SoakTracker): Partial<Profile> {
  return {
    ...(parts.includes('tracker') ? { trackers: [{ kind: 'mlflow', uri }] } : {}),
    ...(parts.includes('digests') ? digestsOf(profile) : {}),
  };
}

/** Nodes of a development cluster have the image by its tag alone, and there is nowhere to pull it from: the tag runs. */
function digestsOf({ compute }: Profile): Partial<Profile> {
  if (compute.kind !== 'kubernetes') return {};
  return { imageDigests: { [compute.image]: [DIGEST] }, compute: { ...compute, imagePullPolicy: 'Never' } };
}

let started = 0;
async function begin(world: World, scale: Scale, name: string, { set, profile }: Beginning): Promise<Run> {
  const compiled = await world.document(++started, set);
  const document = { ...compiled, profile: { ...compiled.profile, ...profile } };
  return world.longhaul.start(scale.factor === 1 ? document : { ...document, factor: scale.factor }, {
    runId: `soak-${name}-${process.pid}`,
  });
}

async function searching(run: Run, scale: Scale, over: AbortSignal): Promise<void> {
  for (;;) {
    const state = await run.state().catch(() => null);
    if (over.aborted || (state !== null && state.status !== 'running')) return;
    if (state?.steps.some(({ id, startedAt }) => id === 'search' && startedAt !== null)) return;
    await delay(lookMs(scale));
  }
}

async function end(world: World, run: Run, scale: Scale, seconds: number, interrupt?: AbortSignal): Promise<Played> {
  for (const limit = performance.now() + seconds * 1000; ;) {
    const result = await resultOf(world, run).catch(() => null);
    if (result) return { run, runs: [run.id], result, survivors: [] };
    interrupt?.throwIfAborted();
    if (performance.now() > limit) {
      const state = await run.state().catch(() => null);
      const steps = state?.steps.map((step) => `${step.id} ${step.status} ${step.reason ?? ''}`).join('; ');
      throw new Error(`${run.id} did not end in ${Math.round(seconds)} s: ${steps ?? 'it does not answer'}`);
    }
    await delay(lookMs(scale));
  }
}
