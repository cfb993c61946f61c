import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Command } from 'commander';
import { pythonCommand } from '../../adapters/python.ts';
import { cliOf, collect, decimal, examples, integer } from '../context.ts';
import { EXIT, UsageError } from '../exit.ts';
import { GRACES } from '../../rules/durations.ts';

interface CheckOptions {
  readonly command?: string;
  readonly image?: string;
  readonly runtime?: string;
  readonly trial?: string;
  readonly objective?: string;
  readonly data: readonly string[];
  readonly kills?: number;
  readonly randomSeed?: number;
  readonly nodes?: number;
  readonly silence?: number;
  readonly timeout: number;
  readonly keep?: string;
  readonly failFast?: boolean;
}

interface CheckReport {
  readonly ok: boolean;
  readonly broken: readonly string[];
  readonly seconds: number;
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly level: string; readonly detail: string }[];
}

/** EX_USAGE of the checker: it has said what is wrong. */
const USAGE = 64;
const KILLS = 4;

export function registerTrial(program: Command): void {
  const trial = program.command('trial').description("try a trainer of one's own");
  trial
    .command('check')
    .description('take a trainer through the trial contract, and tell what it breaks')
    .option('--command <command>', 'what starts the trainer on this machine')
    .option('--image <image>', 'a container image whose entry point is the trainer')
    .option('--runtime <program>', 'what runs the image (default: docker, podman or nerdctl)')
    .option('--trial <json>', 'fields of trial.json to change, e.g. its parameters')
    .option('--objective <metric>', 'what the trainer reports instead of validation_ndcg_at_10')
    .option(
      '--data <name=folder>',
      "parquet parts of one's own; or without a name a folder that holds train, validation, …; may be repeated",
      collect,
      [],
    )
    .option('--kills <number>', 'how often one long training is killed at random (0: no long training)', integer, KILLS)
    .option('--random-seed <number>', 'of the moments of these kills', integer, 0)
    .option('--nodes <number>', 'train with so many ranks, all of them on this machine; a kill takes one of them', integer, 1)
    .option('--silence <seconds>', 'the longest time without a progress record', decimal, GRACES.silenceSeconds)
    .option('--timeout <seconds>', 'for each run of the trainer', decimal, GRACES.trialCheckSeconds)
    .option('--keep <directory>', 'leave logs and outputs here')
    .option('--fail-fast', 'end at the first thing that is broken')
    .addHelpText(
      'after',
      examples(
        "longhaul trial check --command 'python examples/custom-trainer/train.py'",
        "longhaul trial check --command 'python train.py' --data parts/ --objective auc",
        `longhaul trial check --image registry/trainer:1 --trial '{"parameters": {"depth": 6}}'`,
      ),
    )
    .action(async (options: CheckOptions, command: Command) => {
      const cli = cliOf(command);
      if ((options.command === undefined) === (options.image === undefined))
        throw new UsageError('expected one of --command and --image, e.g. --command "python train.py"');
      const report = await check(options);
      cli.print(report, () => summary(report));
      if (!report.ok) process.exitCode = EXIT.failed;
    });
}

/** The checker tells each finding on stderr as it is made, and gives the report on stdout. */
async function check(options: CheckOptions): Promise<CheckReport> {
  const { command, args, env } = pythonCommand('longhaul.check', checkerArguments(options));
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code === USAGE) throw new UsageError('nothing was checked');
  const text = Buffer.concat(chunks).toString('utf8');
  if (text === '') throw new Error(`the checker ended with ${code === null ? 'a signal' : `exit code ${code}`} and no report`);
  return JSON.parse(text) as CheckReport;
}

function checkerArguments(options: CheckOptions): string[] {
  const named = Object.entries({
    '--command': options.command,
    '--image': options.image,
    '--runtime': options.runtime,
    '--trial': options.trial,
    '--objective': options.objective,
    '--kills': text(options.kills),
    '--random-seed': text(options.randomSeed),
    '--nodes': text(options.nodes),
    '--silence': text(options.silence),
    '--timeout': String(options.timeout),
    '--keep': options.keep,
  });
  return [
    ...named.flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`])),
    ...options.data.map((each) => `--data=${each}`),
    ...(options.failFast ? ['--fail-fast'] : []),
  ];
}

const text = (value: number | undefined): string | undefined => (value === undefined ? undefined : String(value));

function summary(report: CheckReport): string {
  const tried = `${report.checks.length} checks in ${report.seconds} s`;
  return report.ok ? `keeps the trial contract (${tried})` : `breaks the trial contract (${tried}): ${report.broken.join('; ')}`;
}
