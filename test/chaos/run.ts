/** `npm run chaos -- [--seed S] [--schedules N] [--worlds N] [--record FILE] [--world KIND] [--faults "KIND@PHASE+MS …"] [--json]` */
import { parseArgs } from 'node:util';
import { WORLDS } from './faults.ts';
import { playAll } from './fleet.ts';
import { describeFaults, mixedScheduleOf, parseFaults, worldOf, type Schedule } from './schedule.ts';
import { appendVerdict, countByKind, readVerdicts, replayCommand, survived, table, type Verdict } from './verdict.ts';

const { values } = parseArgs({
  options: {
    schedules: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    worlds: { type: 'string', default: '1' },
    record: { type: 'string' },
    faults: { type: 'string' },
    world: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const say = (line: string): void => void process.stderr.write(`${line}\n`);

const { record } = values;
const verdicts: Verdict[] = record === undefined ? [] : readVerdicts(record);
const known = new Set(verdicts.map(({ schedule }) => schedule.seed));
const schedules = values.faults === undefined ? bySeeds() : [byName(values.faults)];

function bySeeds(): Schedule[] {
  const first = Number(values.seed);
  const drawn = Array.from({ length: Number(values.schedules) }, (_, at) => mixedScheduleOf(first + at));
  return drawn.filter(({ seed, world }) => !known.has(seed) && (values.world === undefined || world === values.world));
}

function byName(text: string): Schedule {
  if (record !== undefined) throw new Error('--record keeps schedules by their seeds; --faults has none');
  const faults = parseFaults(text);
  return { seed: 0, world: WORLDS.find((kind) => kind === values.world) ?? worldOf(faults), faults };
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
await playAll(schedules, { worlds: Number(values.worlds), onVerdict: tell, signal: interrupt.signal }).catch((error: unknown) => {
  if (!interrupt.signal.aborted) throw error;
});

const good = verdicts.filter(survived).length;
if (values.json) process.stdout.write(`${JSON.stringify({ schedules: verdicts.length, survived: good, faults: countByKind(verdicts) })}\n`);
else process.stdout.write(table(verdicts));
process.exitCode = good === verdicts.length && !interrupt.signal.aborted ? 0 : 1;
