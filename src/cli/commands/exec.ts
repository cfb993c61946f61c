import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { profilesByCluster } from '../../contract/clusters.ts';
import { everyCluster } from '../../ports/every-cluster.ts';
import type { JobInfo } from '../../ports/compute.ts';
import type { Ports } from '../../ports/index.ts';
import type { Command } from 'commander';
import { openRunPorts } from '../own-places.ts';
import type { Profile } from '../../contract/profile.ts';
import { cliOf, examples, integer, runOf } from '../context.ts';
import { UsageError } from '../exit.ts';

interface Options {
  readonly step?: string;
  readonly trial?: number;
  readonly print?: boolean;
}

const SHELL = ['sh'];

export function registerExec(program: Command): void {
  program
    .command('exec')
    .description('a shell beside a training that runs: in its pod, or in its folder on this machine')
    .argument('[run]', 'name of the run; the newest one when left out')
    .argument('[command...]', 'what to run there; otherwise sh')
    .option('--step <id>', 'of this step')
    .option('-t, --trial <number>', 'of this trial', integer)
    .option('--print', 'only print the command, for somebody who has the permission')
    .addHelpText('after', examples('longhaul exec grocery-ranking-20261124-101500-k3f9 --trial 4', 'longhaul exec --trial 4 --print'))
    .action(async (id: string | undefined, words: readonly string[], { step, trial, print }: Options, command: Command) => {
      const cli = cliOf(command);
      await using longhaul = await cli.connectOrStart();
      await using ports = openRunPorts(cli);
      const run = await runOf(longhaul, cli, id);
      const { profile } = await run.document();
      const isMeant = ({ phase, labels }: JobInfo): boolean =>
        phase === 'running' && (step === undefined || labels.step === step) && (trial === undefined || labels.trial === String(trial));
      const jobs = (await (await everyCluster(ports, profile)).list({ run: run.id })).filter(isMeant);
      const [job, ...others] = jobs;
      if (!job)
        throw new UsageError(`nothing of ${run.id} runs now${trial === undefined ? '' : ` as trial ${trial}`}; see \`longhaul status\``);
      if (others.length > 0)
        throw new UsageError(
          `several Jobs run: say which --trial or --step: ${jobs.map(({ labels }) => `${labels.step ?? ''} ${labels.trial ?? ''}`.trim()).join(', ')}`,
        );
      const { line, folder } = commandFor(
        await clusterOf(ports, profile, job),
        job.name,
        words.length > 0 ? words : SHELL,
        process.stdin.isTTY,
      );
      const shown = `${folder === undefined ? '' : `cd ${quoted(folder)} && `}${line.map(quoted).join(' ')}`;
      if (print === true || cli.json) return cli.print({ run: run.id, job: job.name, command: line, folder: folder ?? null }, () => shown);
      cli.terminal.say(shown);
      const child = spawn(line[0] ?? '', line.slice(1), { stdio: 'inherit', ...(folder === undefined ? {} : { cwd: folder }) });
      const failed = once(child, 'error').then(([error]) => Promise.reject(error as Error));
      const [code] = (await Promise.race([once(child, 'exit'), failed])) as [number | null];
      process.exitCode = code ?? 1;
    });
}

/** The profile of the cluster that has the Job. */
async function clusterOf(ports: Ports, profile: Profile, { name, labels }: JobInfo): Promise<Profile> {
  const clusters = profilesByCluster(profile);
  if (clusters.length === 1) return profile;
  for (const one of clusters) {
    const jobs = await ports.compute(one).then(
      (compute) => compute.list({ run: labels.run ?? '' }),
      () => [],
    );
    if (jobs.some((job) => job.name === name)) return one;
  }
  return profile;
}

/** Exported for tests. */
export function commandFor(
  { compute }: Pick<Profile, 'compute'>,
  job: string,
  words: readonly string[],
  terminal: boolean,
): { readonly line: readonly string[]; readonly folder?: string } {
  if (compute.kind === 'process') return { line: words, folder: join(compute.path, job, 'work') };
  const given = (name: string, value: string | undefined): string[] => (value === undefined ? [] : [`--${name}=${value}`]);
  return {
    line: [
      'kubectl',
      ...given('kubeconfig', compute.kubeconfig),
      ...given('context', compute.context),
      ...given('namespace', compute.namespace),
      'exec',
      terminal ? '-it' : '-i',
      `job/${job}`,
      '--container=main',
      '--',
      ...words,
    ],
  };
}

const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);
