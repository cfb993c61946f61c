/** `npm run soak`: days, played in minutes. */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { WORLDS } from '../chaos/faults.ts';
import { SOAK_TRAINER } from '../chaos/cloud.ts';
import { tooMany } from './budget.ts';
import { jobProcesses, signal } from '../chaos/processes.ts';
import { openWorld, type World } from '../chaos/world.ts';
import type { Outcome } from '../chaos/checks.ts';
import { freePort } from '../../src/stack/tcp.ts';
import { commandLine } from '../../tools/command-line.ts';
import { mostlyOf, sumOf, TemporalMeter } from './meter.ts';
import { partsOf, type Part } from './parts.ts';
import { modelsBy, play, undisturbed, type SoakVerdict } from './play.ts';
import { compressed, HOURS_PER_DAY, profileOf, real, type Scale } from './scale.ts';
import { describeTimeline, timelineOf, TRIALS } from './timeline.ts';
import { SoakTracker } from './tracker.ts';
import { preemptionsOf } from './traces.ts';

const FOLDER = join(import.meta.dirname, 'pipeline');
const DAYS = 5;
/** A search is continued as new when Temporal suggests it, at 4,096 events; it is found a quiet moment for that. */
const MAX_EVENTS = 5000;

const { values, refuse, whole } = commandLine({
  call: 'npm run soak --',
  about: 'Plays days of training in minutes, disturbed by what a seed draws, and judges what came of them (docs/reliability.md).',
  options: {
    seeds: { type: 'string', default: '1', value: 'N', about: 'how many seeds, one after another' },
    seed: { type: 'string', default: '1', value: 'FIRST', about: 'the first of them' },
    world: { type: 'string', default: 'embedded', value: 'KIND', about: `the parts: ${WORLDS.join(' or ')}` },
    days: { type: 'string', default: String(DAYS), value: 'N', about: 'days of training, a minute each' },
    traces: { type: 'string', value: 'DIR', about: 'machines go as in these traces of spot machines, each a file NAME.json' },
    real: { type: 'string', value: '2h', about: 'lays the days out over so many hours, with the waits of the product as they are' },
    record: { type: 'string', value: 'FILE', about: 'appends a line of JSON for each seed' },
  },
});
const say = (line: string): void => void process.stderr.write(`${line}\n`);

function scaleOf(days: number): Scale {
  if (values.real === undefined) return compressed(days);
  const hours = Number(/^(\d+(?:\.\d+)?)h$/.exec(values.real)?.[1] ?? 0);
  return hours > 0 ? real(days, hours) : refuse(`--real: expected hours, such as 2h, found ${values.real}`);
}

const kind = WORLDS.find((one) => one === values.world) ?? refuse(`--world: expected ${WORLDS.join(' or ')}, found "${values.world}"`);
const [seeds, first, days] = [whole('seeds'), whole('seed'), whole('days')];
const scale = scaleOf(days);
const { traces } = values;
if (traces !== undefined) readTraces(traces);

/** What cannot be read is told before any server starts. */
function readTraces(folder: string): void {
  try {
    preemptionsOf(folder, first, TRIALS, days * HOURS_PER_DAY);
  } catch (error) {
    refuse(`--traces ${folder}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

interface Place {
  readonly world: World;
  readonly meter: TemporalMeter;
}

async function open(): Promise<Place> {
  const port = await freePort();
  const world = await openWorld(kind, {
    pipeline: join(FOLDER, 'pipeline.yaml'),
    set: [`params.trainer=${join(kind === 'cloud' ? SOAK_TRAINER : FOLDER, 'trainer.py')}`],
    profile: (profile) => profileOf(scale, profile),
    environment: { LONGHAUL_SOAK_FACTOR: String(scale.factor) },
    temporal: ['--metrics-port', String(port)],
    trials: TRIALS,
    maxEvents: MAX_EVENTS,
  });
  return { world, meter: new TemporalMeter(port) };
}

async function close({ world, meter }: Place): Promise<void> {
  meter.close();
  // Of a run that was left unfinished.
  for (const pid of jobProcesses(world.ground.mark)) signal(pid, 'SIGKILL');
  await world.close();
}

let failed = 0;
let passed = 0;
let place: Place | null = null;
const expected = new Map<string, Outcome>();
const tracker = await SoakTracker.start();
const interrupt = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupt.abort());

try {
  for (let seed = first; seed < first + seeds && !interrupt.signal.aborted; seed++) {
    place ??= await open();
    const parts = partsOf(seed, kind);
    const models = modelsBy(parts).join();
    const outcome = expected.get(models) ?? (await undisturbed(place.world, scale, parts));
    expected.set(models, outcome);
    const preemptions = traces === undefined ? {} : { preemptions: preemptionsOf(traces, seed, TRIALS, days * HOURS_PER_DAY) };
    const events = timelineOf({ seed, days, world: kind, ...preemptions });
    say(`seed ${seed}, ${kind}, ${days} days: ${describeTimeline(events)}; with ${parts.join(', ')}`);
    const before = await askedOf(place);
    const verdict = await play(place.world, scale, { seed, events, parts, tracker, expected: outcome, interrupt: interrupt.signal });
    const after = await askedOf(place);
    const asked = Object.fromEntries(Object.entries(after.requests).map(([to, count]) => [to, count - (before.requests[to] ?? 0)]));
    const hours = Math.max(verdict.hours, 1) * TRIALS;
    const requests = Object.fromEntries(Object.entries(asked).map(([to, count]) => [to, Math.round((count / hours) * 10) / 10]));
    const { attempts, seconds, done } = verdict;
    const soaked = { scale, seconds, hours: verdict.hours, events: done.length, attempts };
    say(`     of Temporal: ${mostlyOf(before.operations, after.operations)}`);
    const problems = [...verdict.problems, ...tooMany(asked, soaked)];
    tell(seed, parts, { ...verdict, problems }, requests);
    if (problems.length === 0) passed += 1;
    else {
      failed += 1;
      // What a failed run left behind is not the next one's.
      await close(place);
      place = null;
    }
  }
} finally {
  if (place) await close(place);
  await tracker.close();
}
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exit(failed > 0 || interrupt.signal.aborted ? 1 : 0);

async function askedOf({ world, meter }: Place): Promise<{
  readonly requests: Readonly<Record<string, number>>;
  readonly operations: ReadonlyMap<string, number>;
}> {
  const operations = await meter.requests();
  return { requests: { temporal: sumOf(operations), ...world.ground.requests() }, operations };
}

function tell(
  seed: number,
  parts: readonly Part[],
  { problems, seconds, hours, attempts, done }: SoakVerdict,
  requests: Readonly<Record<string, number>>,
): void {
  const result = problems.length === 0 ? 'ok  ' : 'FAIL';
  say(
    `${result} seed ${seed}, ${kind}: ${(hours / HOURS_PER_DAY).toFixed(1)} days in ${seconds.toFixed(0)} s, ${done.length} events, ${attempts} attempts; requests a trial and hour: ${JSON.stringify(requests)}`,
  );
  for (const problem of problems) say(`     ${problem}`);
  if (problems.length > 0)
    say(
      `     again: npm run soak -- --seed ${seed} --world ${kind} --days ${days}${values.real ? ` --real ${values.real}` : ''}${traces ? ` --traces ${traces}` : ''}`,
    );
  const line = {
    seed,
    world: kind,
    days,
    problems,
    seconds: Math.round(seconds),
    hours: Math.round(hours),
    attempts,
    events: describeTimeline(done),
    parts,
    requests_per_trial_hour: requests,
  };
  if (values.record !== undefined) appendFileSync(values.record, `${JSON.stringify(line)}\n`);
}
