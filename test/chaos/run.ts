/** `npm run chaos`: random faults, and what survived them. */
import { commandLine, JSON_OPTION } from '../../tools/command-line.ts';
import { WORLDS } from './faults.ts';
import { playAll } from './fleet.ts';
import { describeFaults, mixedScheduleOf, parseFaults, worldOf, type Schedule } from './schedule.ts';
import { appendVerdict, countByKind, readVerdicts, replayCommand, survived, table, type Verdict } from './verdict.ts';

const { values, refuse, whole } = commandLine({
  call: 'npm run chaos --',
  about: 'Plays schedules of faults on the real parts, and counts what survived them (docs/reliability.md).',
  options: {
    schedules: { type: 'string', default: '20', value: 'N', about: 'how many, each by its seed' },
    seed: { type: 'string', default: '1', value: 'FIRST', about: 'the first seed' },
    worlds: { type: 'string', default: '1', value: 'N', about: 'how many are played at once, each in a world of its own' },
    record: { type: 'string', value: 'FILE', about: 'appends a line of JSON for each; seeds that are in it are not played again' },
    faults: { type: 'string', value: '"KIND@PHASE+MS …"', about: 'one schedule, by its faults' },
    world: { type: 'string', value: 'KIND', about: `only seeds of one kind of world: ${WORLDS.join(' or ')}` },
    json: JSON_OPTION,
  },
});
const [count, worlds, first] = [whole('schedules', 0), whole('worlds'), whole('seed')];
const only =
  values.world === undefined
    ? undefined
    : (WORLDS.find((kind) => kind === values.world) ?? refuse(`--world: expected ${WORLDS.join(' or ')}, found "${values.world}"`));
const say = (line: string): void => void process.stderr.write(`${line}\n`);

const { record } = values;
const verdicts: Verdict[] = record === undefined ? [] : readVerdicts(record);
const known = new Set(verdicts.map(({ schedule }) => schedule.seed));
const schedules = values.faults === undefined ? bySeeds() : [byName(values.faults)];

function bySeeds(): Schedule[] {
  const drawn = Array.from({ length: count }, (_, at) => mixedScheduleOf(first + at));
  return drawn.filter(({ seed, world }) => !known.has(seed) && (only === undefined || world === only));
}

function byName(text: string): Schedule {
  if (record !== undefined) refuse('--record keeps schedules by their seeds; --faults has none');
  try {
    const faults = parseFaults(text);
    return { seed: 0, world: only ?? worldOf(faults), faults };
  } catch (error) {
    return refuse(`--faults: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function tell(verdict: Verdict): void {
  verdicts.push(verdict);
  if (record !== undefined) appendVerdict(record, verdict);
  const { schedule, problems, seconds } = verdict;
  const result = survived(verdict) ? 'ok  ' : 'FAIL';
  say(`${result} seed ${schedule.seed}, ${schedule.world} (${seconds.toFixed(0)} s) ${describeFaults(schedule.faults)}`);
  for (const problem of problems) say(`     ${problem}`);
  if (!survived(verdict)) say(`     again: ${replayCommand(verdict)}`);
}

const interrupt = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupt.abort(new Error(signal)));
await playAll(schedules, { worlds, onVerdict: tell, signal: interrupt.signal }).catch((error: unknown) => {
  if (!interrupt.signal.aborted) throw error;
});

const good = verdicts.filter(survived).length;
if (values.json) process.stdout.write(`${JSON.stringify({ schedules: verdicts.length, survived: good, faults: countByKind(verdicts) })}\n`);
else process.stdout.write(table(verdicts));
process.exitCode = good === verdicts.length && !interrupt.signal.aborted ? 0 : 1;
