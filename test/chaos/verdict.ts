/** What came of a schedule, as one line of a record, and the table of many of them. */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { FAULTS, FAULT_KINDS, WORLDS } from './faults.ts';
import { describeFaults, parseFaults, type Fault, type Schedule } from './schedule.ts';

export interface Verdict {
  readonly schedule: Schedule;
  /** What did not hold, in words. */
  readonly problems: readonly string[];
  readonly seconds: number;
  /** Of a failing schedule: the fewest faults that failed too. */
  readonly fewest?: readonly Fault[];
}

export const survived = ({ problems }: Verdict): boolean => problems.length === 0;

/** The command that plays it again. */
export const replayCommand = ({ schedule, fewest }: Verdict): string =>
  `npm run chaos -- --world ${schedule.world} --faults "${describeFaults(fewest ?? schedule.faults)}"`;

interface Line {
  readonly seed: number;
  readonly world: Schedule['world'];
  readonly faults: string;
  readonly problems: readonly string[];
  readonly seconds: number;
  readonly fewest?: string;
}

export function appendVerdict(file: string, { schedule, problems, seconds, fewest }: Verdict): void {
  const { seed, world, faults } = schedule;
  const shrunk = fewest === undefined ? {} : { fewest: describeFaults(fewest) };
  const line: Line = { seed, world, faults: describeFaults(faults), problems, seconds: Math.round(seconds * 10) / 10, ...shrunk };
  appendFileSync(file, `${JSON.stringify(line)}\n`);
}

/** Of an earlier go, too; none without the file. */
export function readVerdicts(file: string): Verdict[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  return lines.map((text) => {
    const { seed, world, faults, problems, seconds, fewest } = JSON.parse(text) as Line;
    return {
      schedule: { seed, world, faults: parseFaults(faults) },
      problems,
      seconds,
      ...(fewest === undefined ? {} : { fewest: parseFaults(fewest) }),
    };
  });
}

interface KindCount {
  readonly fault: string;
  readonly world: string;
  readonly what: string;
  /** Schedules that had this kind of fault. */
  readonly schedules: number;
  readonly survived: number;
}

export function countByKind(verdicts: readonly Verdict[]): KindCount[] {
  return WORLDS.flatMap((world) =>
    FAULT_KINDS.filter((kind) => FAULTS[kind].weights[world] !== undefined).map((kind) => {
      const having = verdicts.filter(({ schedule }) => schedule.world === world && schedule.faults.some((fault) => fault.kind === kind));
      return { fault: `\`${kind}\``, world, what: FAULTS[kind].what, schedules: having.length, survived: having.filter(survived).length };
    }),
  );
}

/** Markdown, as it stands in docs/reliability.md. */
export function table(verdicts: readonly Verdict[]): string {
  const row = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |\n`;
  const head = row(['fault', 'world', 'what happens', 'schedules', 'survived']) + row(['---', '---', '---', '---:', '---:']);
  return `${head}${countByKind(verdicts)
    .map((count) => row(Object.values(count)))
    .join('')}\n${verdicts.filter(survived).length} of ${verdicts.length} schedules survived.\n`;
}
