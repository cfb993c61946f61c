/**
 * `npm run bench -- actions [--json] [--minutes N] [--rounds N] [--before COMMIT]`: what a server bills for four trials that train, and for somebody
 * who follows them, beside release 0.1.0 at the same time; and, since heartbeats are minutes apart, how soon a pause reaches the trainers and how
 * soon the Jobs of a killed worker are watched again. Real: Temporal's server and its own count of actions, workers, client. Played: the training.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { actionsOf, between, isQuestion, sum } from './actions/counting.ts';
import type { Actions } from './actions/counting.ts';
import { orphanWatched, stopToSigterm, until } from './actions/reach.ts';
import { openWorld, sourcesOf, TRIALS } from './actions/world.ts';
import type { World } from './actions/world.ts';
import { percentile, round } from './recovery/statistics.ts';
import { commandLine, JSON_OPTION } from '../tools/command-line.ts';

const RELEASE_0_1_0 = '0760a5b';
const MINUTES_PER_DAY = 1440;
const ROOT = join(import.meta.dirname, '..');

const { values, whole } = commandLine({
  call: 'npm run bench -- actions',
  about: 'Actions of Temporal a trial and day, counted on a real server, beside an earlier commit.',
  options: {
    json: JSON_OPTION,
    minutes: { type: 'string', default: '10', value: 'N', about: 'how long is counted' },
    rounds: { type: 'string', default: '5', value: 'N', about: 'of stops, and of workers that are killed' },
    before: { type: 'string', default: RELEASE_0_1_0, value: 'COMMIT', about: 'what it is compared with' },
  },
});
const minutes = whole('minutes');
const rounds = whole('rounds');
const say = (line: string): void => void process.stderr.write(`${line}\n`);

const folder = mkdtempSync(join(tmpdir(), 'longhaul-actions-'));
try {
  const sources = await sourcesOf(values.before, join(folder, 'before'));
  const [earlier, now] = await Promise.all([
    measured(sources, join(folder, 'before-world'), null),
    measured(ROOT, join(folder, 'now-world'), reach),
  ]);
  const perTrialDay = (actions: Actions): number =>
    Math.round((sum(actions, (kind) => !isQuestion(kind)) / minutes) * (MINUTES_PER_DAY / TRIALS));
  const perHour = (actions: Actions): number => Math.round((sum(actions, isQuestion) / minutes) * 60);
  const result = {
    actions_per_trial_day: perTrialDay(now.actions),
    before_actions_per_trial_day: perTrialDay(earlier.actions),
    ratio: round(perTrialDay(now.actions) / perTrialDay(earlier.actions)),
    follow_actions_per_hour: perHour(now.actions),
    before_follow_actions_per_hour: perHour(earlier.actions),
    ...now.reached,
  };
  process.stdout.write(
    values.json
      ? `${JSON.stringify(result)}\n`
      : `${JSON.stringify({ ...result, actions: now.actions, before_actions: earlier.actions }, null, 2)}\n`,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}

interface Measured {
  /** Within the minutes, by kind. */
  readonly actions: Actions;
  readonly reached: Readonly<Record<string, number>>;
}

async function measured(
  sources: string,
  at: string,
  afterwards: ((world: World) => Promise<Measured['reached']>) | null,
): Promise<Measured> {
  const world = await openWorld(sources, at);
  const following = spawn(process.execPath, [join(sources, 'src', 'cli', 'main.ts'), 'status', world.run, '--watch'], {
    cwd: world.folder,
    env: world.environment,
    stdio: 'ignore',
  });
  try {
    await until(() => world.words('began').length >= TRIALS, 'the trainers');
    const before = await actionsOf(world.metrics);
    say(`${sources}: counting for ${minutes} min`);
    await sleep(minutes * 60_000);
    const actions = between(before, await actionsOf(world.metrics));
    say(JSON.stringify(actions));
    await ended(following);
    return { actions, reached: afterwards === null ? {} : await afterwards(world) };
  } finally {
    await ended(following);
    await world.close();
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await new Promise((resolve) => child.once('exit', resolve));
}

async function reach(world: World): Promise<Measured['reached']> {
  const stops: number[] = [];
  const orphans: number[] = [];
  for (let number = 1; number <= rounds; number++) {
    stops.push(...(await stopToSigterm(world, number)));
    await until(() => world.words('began').length >= TRIALS * (number + 1), 'the trainers again');
    orphans.push(...(await orphanWatched(world)));
    say(
      `round ${number}: stopped after ${stops.slice(-TRIALS).map(round).join(', ')} s, watched again after ${orphans.slice(-TRIALS).map(round).join(', ')} s`,
    );
  }
  return { stop_to_sigterm_p99_s: round(percentile(stops, 0.99)), orphan_watched_p99_s: round(percentile(orphans, 0.99)) };
}
