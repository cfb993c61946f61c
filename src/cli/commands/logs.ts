import type { Command } from 'commander';
import type { JobInfo } from '../../ports/compute.ts';
import { cliOf, examples, integer, runOf } from '../context.ts';
import { UsageError } from '../exit.ts';
import { followJobs } from '../follow-jobs.ts';
import type { JobLine } from '../follow-jobs.ts';
import { onInterrupt } from '../follow.ts';
import { openPorts } from '../../adapters/open.ts';

interface Options {
  readonly follow?: boolean;
  readonly step?: string;
  readonly trial?: number;
  readonly attempt?: number;
  readonly tail?: number;
}

export function registerLogs(program: Command): void {
  program
    .command('logs')
    .description('what the Jobs of a run print: trials, container and script steps')
    .argument('[run]', 'name of the run; the newest one when left out')
    .option('-f, --follow', 'until the run ends, from one attempt to the next')
    .option('--step <id>', 'of this step')
    .option('-t, --trial <number>', 'of this trial', integer)
    .option('-a, --attempt <number>', 'of this attempt; otherwise the last', integer)
    .option('-n, --tail <lines>', 'only the last lines', integer)
    .addHelpText(
      'after',
      examples('longhaul logs --trial 2 --follow', 'longhaul logs grocery-ranking-20261124-101500-k3f9 --step prepare --tail 50'),
    )
    .action(async (id: string | undefined, options: Options, command: Command) => {
      const cli = cliOf(command);
      await using longhaul = await cli.connectOrStart();
      await using ports = openPorts();
      const run = await runOf(longhaul, cli, id);
      const document = await run.document();
      const compute = await ports.compute(document.profile);
      const choose = (jobs: readonly JobInfo[]): JobInfo[] => chosen(jobs, options);
      const several = options.follow ? options.trial === undefined : choose(await compute.list({ run: run.id })).length > 1;
      const print = ({ job, line }: JobLine): void => {
        const prefix = several ? `${title(job)} | ` : '';
        if (cli.json) process.stdout.write(`${JSON.stringify({ job: job.name, labels: job.labels, line })}\n`);
        else cli.terminal.out(`${cli.terminal.colors.dim(prefix)}${line}`);
      };
      const interrupt = onInterrupt();
      const { signal } = interrupt;
      try {
        if (options.follow) {
          const over = async (): Promise<boolean> => (await run.state()).endedAt !== null;
          await followJobs(compute, run.id, { choose, over, tailLines: options.tail, signal }, print);
          return;
        }
        const jobs = choose(await compute.list({ run: run.id }));
        if (jobs.length === 0)
          throw new UsageError(`${run.id} has no such Job (yet); queries and exports have none: see \`longhaul status\``);
        for (const job of jobs) for await (const line of compute.logs(job.name, { tailLines: options.tail, signal })) print({ job, line });
      } finally {
        interrupt.dispose();
      }
    });
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
