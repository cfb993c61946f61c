import { everyCluster } from '../../ports/every-cluster.ts';
import { InvalidArgumentError, type Command } from 'commander';
import { attemptJobName, homeOf, stepJobName } from '../../contract/ids.ts';
import { secondsOf } from '../../contract/units.ts';
import type { ObjectStore } from '../../ports/index.ts';
import { readKeptLog } from '../../present/kept-logs.ts';
import { parseLine, stampedLine } from '../../rules/kept-logs.ts';
import { isLogOf, keptLogs } from '../kept-logs.ts';
import type { KeptLogOf } from '../kept-logs.ts';
import type { JobInfo } from '../../ports/compute.ts';
import { cliOf, examples, integer } from '../context.ts';
import { UsageError } from '../exit.ts';
import { followJobs } from '../follow-jobs.ts';
import type { JobLine } from '../follow-jobs.ts';
import { onInterrupt } from '../follow.ts';
import { readRun } from '../read-runs.ts';
import { keptRunProfileOption } from '../kept-run-profile.ts';

interface Options {
  readonly profile?: string;
  readonly follow?: boolean;
  readonly step?: string;
  readonly trial?: number;
  readonly attempt?: number;
  /** Of a trial on several machines. */
  readonly rank?: number;
  readonly tail?: number;
  readonly grep?: RegExp;
  /** ms before now */
  readonly since?: number;
}

export function registerLogs(program: Command): void {
  program
    .command('logs')
    .description('what the Jobs of a run print: trials, container and script steps, also what was kept after their pods were gone')
    .argument('[run]', 'name of the run; the newest one when left out')
    .option('-f, --follow', 'until the run ends, from one attempt to the next')
    .option('--step <id>', 'of this step')
    .option('-t, --trial <number>', 'of this trial', integer)
    .option('-a, --attempt <number>', 'of this attempt; otherwise the last', integer)
    .option('--rank <number>', 'of this machine of a trial on several; otherwise 0', integer)
    .option('-n, --tail <lines>', 'only the last lines', integer)
    .option('-g, --grep <pattern>', 'only lines that match this regular expression', pattern)
    .option('--since <duration>', 'only what was printed since, e.g. 10m or 2h', duration)
    .addOption(keptRunProfileOption())
    .addHelpText(
      'after',
      examples(
        'longhaul logs --trial 2 --follow',
        'longhaul logs --trial 4 --attempt 3 --grep loss --since 10m',
        'longhaul logs grocery-ranking-20261124-101500-k3f9 --step prepare --tail 50',
      ),
    )
    .action(async (id: string | undefined, options: Options, command: Command) => {
      const cli = cliOf(command);
      await using reading = await readRun(cli, id, { profile: options.profile });
      const { ports } = reading;
      const [run] = reading.runs;
      const document = await run.document();
      const follows = options.follow === true && !(await run.isOver());
      const compute = await everyCluster(ports, document.profile);
      const choose = (jobs: readonly JobInfo[]): JobInfo[] => chosen(jobs, options);
      const jobs = choose(await compute.list({ run: run.id }));
      const kept = follows ? [] : await keptLogs(run, document, ports, options, jobs);
      const several = follows ? options.trial === undefined : jobs.length + kept.length > 1;
      const wanted = wantedBy(options);
      const print = ({ job, line: stamped }: JobLine): void => {
        const line = wanted(stamped);
        if (line === null) return;
        const prefix = several ? `${title(job)} | ` : '';
        if (cli.json) process.stdout.write(`${JSON.stringify({ job: job.name, labels: job.labels, line })}\n`);
        else cli.terminal.out(`${cli.terminal.colors.dim(prefix)}${line}`);
      };
      const interrupt = onInterrupt();
      const { signal } = interrupt;
      try {
        if (follows) {
          await followJobs(
            compute,
            run.id,
            { choose, over: () => run.isOver(), tailLines: options.tail, rank: options.rank, stamped: true, signal },
            print,
          );
          return;
        }
        if (jobs.length + kept.length === 0)
          throw new UsageError(
            `${run.id} has no such Job (yet), and nothing was kept; queries and exports have none: see \`longhaul status\``,
          );
        const store = await ports.store(document.profile);
        for (const one of kept)
          for await (const line of lastOf(keptLines(store, one, options), options.tail))
            print({ job: jobOfKept(homeOf(store.root), run.id, one), line });
        const known = jobs.filter((job) => !kept.some((one) => isLogOf(job, one)));
        for (const job of known)
          for await (const line of compute.logs(job.name, { rank: options.rank, tailLines: options.tail, stamped: true, signal }))
            print({ job, line });
      } finally {
        interrupt.dispose();
      }
    });
}

/** What is to be shown of a line that begins with its time; null: nothing. */
function wantedBy({ grep, since }: Options): (stamped: string) => string | null {
  const from = since === undefined ? null : Date.now() - since;
  return (stamped) => {
    const { at, text } = parseLine(stamped);
    const isRecent = from === null || at === null || Date.parse(at) >= from;
    return isRecent && (grep === undefined || grep.test(text)) ? text : null;
  };
}

async function* keptLines(store: ObjectStore, { output, attempt }: KeptLogOf, { since, rank }: Options): AsyncGenerator<string> {
  for await (const line of readKeptLog(store, output, attempt, since === undefined ? undefined : Date.now() - since, rank))
    yield stampedLine(line);
}

async function* lastOf(lines: AsyncIterable<string>, count: number | undefined): AsyncGenerator<string> {
  if (count === undefined) {
    yield* lines;
    return;
  }
  const last: string[] = [];
  for await (const line of lines) {
    last.push(line);
    if (last.length > count) last.shift();
  }
  yield* last;
}

const jobOfKept = (home: string, run: string, { step, trial, attempt }: KeptLogOf): JobInfo => ({
  name: trial === undefined ? stepJobName({ home, run, step }, attempt) : attemptJobName({ home, run, step }, trial, attempt),
  labels: { run, step, ...(trial === undefined ? {} : { trial: String(trial) }), attempt: String(attempt) },
  phase: 'ended',
});

function pattern(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch (error) {
    throw new InvalidArgumentError(`a regular expression is expected: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function duration(text: string): number {
  const seconds = secondsOf(text);
  if (Number.isNaN(seconds)) throw new InvalidArgumentError('a duration like 30s, 10m, 1h30m or 1d is expected');
  return seconds * 1000;
}

const title = ({ labels }: JobInfo): string =>
  [labels.step, labels.trial === undefined ? undefined : `trial ${labels.trial}`].filter((part) => part !== undefined).join(' ');

/** Of each step and trial the last attempt, unless another one is asked for. */
export function chosen(jobs: readonly JobInfo[], { step, trial, attempt }: Options): JobInfo[] {
  const wanted = jobs.filter(
    ({ labels }) =>
      (step === undefined || labels.step === step) &&
      (trial === undefined || labels.trial === String(trial)) &&
      (attempt === undefined || labels.attempt === String(attempt)),
  );
  const last = new Map<string, JobInfo>();
  for (const job of wanted) {
    const key = `${job.labels.step ?? ''}/${job.labels.trial ?? ''}`;
    const known = last.get(key);
    if (!known || Number(job.labels.attempt ?? 0) >= Number(known.labels.attempt ?? 0)) last.set(key, job);
  }
  return [...last.values()];
}
