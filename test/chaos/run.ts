/** `npm run chaos -- [--schedules N] [--seed S] [--faults "KIND@PHASE+MS …"] [--json]` */
import { parseArgs } from 'node:util';
import { FAULT_KINDS, describeFaults, parseFaults, scheduleOf, shrink, type Schedule } from './schedule.ts';
import { ChaosSuite, replayCommand, type Verdict } from './suite.ts';

const { values } = parseArgs({
  options: {
    schedules: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    faults: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const say = (line: string): void => void process.stderr.write(`${line}\n`);

const seed = Number(values.seed);
const schedules: Schedule[] =
  values.faults === undefined
    ? Array.from({ length: Number(values.schedules) }, (_, at) => scheduleOf(seed + at))
    : [{ seed, faults: parseFaults(values.faults) }];

const suite = await ChaosSuite.open();
const verdicts: Verdict[] = [];
try {
  for (const schedule of schedules) {
    const verdict = await suite.judge(schedule);
    verdicts.push(verdict);
    say(
      `${verdict.problems.length === 0 ? 'ok  ' : 'FAIL'} seed ${schedule.seed} (${verdict.seconds.toFixed(0)} s) ${describeFaults(schedule.faults)}`,
    );
    for (const problem of verdict.problems) say(`     ${problem}`);
    if (verdict.problems.length > 0) {
      const fewest = await shrink(
        schedule.faults,
        async (faults) => (await suite.judge({ seed: schedule.seed, faults })).problems.length > 0,
      );
      say(`     again: ${replayCommand({ ...verdict, schedule: { ...schedule, faults: fewest } })}`);
    }
  }
} finally {
  await suite.close();
}

/** Of each kind of fault: in how many schedules it was, and how many of them ended well. */
const byKind = FAULT_KINDS.map((kind) => {
  const having = verdicts.filter(({ schedule }) => schedule.faults.some((fault) => fault.kind === kind));
  return { fault: kind, schedules: having.length, survived: having.filter(({ problems }) => problems.length === 0).length };
});
const survived = verdicts.filter(({ problems }) => problems.length === 0).length;
if (values.json) process.stdout.write(`${JSON.stringify({ schedules: verdicts.length, survived, faults: byKind })}\n`);
else {
  const row = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |\n`;
  process.stdout.write(
    row(['fault', 'schedules', 'survived']) + row(['---', '---:', '---:']) + byKind.map((one) => row(Object.values(one))).join(''),
  );
  process.stdout.write(`\n${survived} of ${verdicts.length} schedules survived\n`);
}
process.exitCode = survived === verdicts.length ? 0 : 1;
