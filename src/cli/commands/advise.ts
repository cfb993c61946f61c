import { readFile, writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { fileProblem } from '../../contract/file-problems.ts';
import type { Sizes } from '../../compile/write-sizes.ts';
import { adviceLines, adviceOf } from '../../present/sizes.ts';
import { unifiedDiff } from '../../present/unified-diff.ts';
import type { SizeAdvice } from '../../rules/size-advice.ts';
import { cliOf, examples, type Cli } from '../context.ts';
import { UsageError } from '../exit.ts';
import { collect, type RunData } from '../run-data.ts';
import { readRun } from '../read-runs.ts';

interface Options {
  readonly prices?: string;
  readonly write?: readonly string[];
}

export function registerAdvise(program: Command): void {
  program
    .command('advise')
    .description(
      'what the attempts of a run used of the resources that they requested, which smaller size is enough, and what that would have saved',
    )
    .argument('[run]', 'name of a run; the newest one when left out')
    .option('--prices <file>', 'a prices file (docs/profiles.md), whose `machines` are looked through for a cheaper one')
    .option(
      '--write <file...>',
      'write the advice into these files: the pipeline, and the profile where a pool gets other machines; comments stay',
    )
    .addHelpText(
      'after',
      examples(
        'longhaul advise',
        'longhaul advise --prices prices/gcp-2026-11.yaml',
        'longhaul advise --write pipeline.yaml profiles/gcp.yaml',
      ),
    )
    .action(async (id: string | undefined, options: Options, command: Command) => {
      const cli = cliOf(command);
      // Loaded only where it is needed: help must answer at once.
      const machines =
        options.prices === undefined ? {} : await (await import('../../compile/prices.ts')).machinePrices(options.prices, process.cwd());
      const { run, document, attempts } = await gather(cli, id);
      const steps = adviceOf(document, attempts, machines);
      const { currency } = document.profile;
      const changes = options.write === undefined ? null : await changed(options.write, sizesOf(steps));
      for (const { file, before, after } of changes ?? []) if (after !== before) await writeFile(file, after);
      const files = changes?.map(({ file, before, after }) => ({ file, diff: unifiedDiff(before, after).join('\n') }));
      cli.print({ run: run.run, currency, steps, ...(files === undefined ? {} : { files }) }, () =>
        [
          ...(steps.length === 0 ? ['no search of this run had attempts'] : []),
          ...steps.flatMap((step) => [`${step.step}:`, ...adviceLines(step, currency).map((line) => `  ${line}`)]),
          ...(files ?? []).flatMap(({ file, diff }) => ['', diff === '' ? `${file}: nothing to change` : `${file}:\n${diff}`]),
        ].join('\n'),
      );
    });
}

async function gather(cli: Cli, id: string | undefined): Promise<RunData> {
  await using reading = await readRun(cli, id);
  return await collect(reading.runs[0], reading.ports);
}

function sizesOf(steps: readonly SizeAdvice[]): Sizes {
  return {
    steps: Object.fromEntries(
      steps.flatMap(({ step, requested, advised }) => {
        const cpu = advised.cpu === requested.cpu ? undefined : advised.cpu;
        const memoryMb = advised.memoryMb === requested.memoryMb ? undefined : advised.memoryMb;
        return cpu === undefined && memoryMb === undefined ? [] : [[step, { cpu, memoryMb }]];
      }),
    ),
    // Of a pool that several searches use, what the largest of them needs; where one of them needs what it has, it stays.
    pools: Object.fromEntries(
      steps
        .flatMap(({ pools }) => pools)
        .filter(({ pool }) => steps.every(({ pools }) => pools.some((each) => each.pool === pool)))
        .sort((a, b) => a.insteadPerHour - b.insteadPerHour)
        .map(({ pool, instead, insteadPerHour }) => [pool, { machine: instead, pricePerHour: insteadPerHour }]),
    ),
  };
}

interface Change {
  readonly file: string;
  readonly before: string;
  readonly after: string;
}

/** @throws {UsageError} where a file is none, or names neither step nor pool that there is advice for; before anything is written */
async function changed(files: readonly string[], sizes: Sizes): Promise<readonly Change[]> {
  const { writeSizes } = await import('../../compile/write-sizes.ts');
  const found = await Promise.all(files.map((file) => changeOf(file, sizes)));
  const smaller = Object.keys(sizes.steps);
  const named = (part: Sizes): boolean => found.some(({ before }) => writeSizes(before, part) !== null);
  if (smaller.length > 0 && named({ steps: {}, pools: sizes.pools }) && !named({ steps: sizes.steps, pools: {} }))
    throw new UsageError(
      `--write: trials fit on the smaller machines only when they ask for less; name the pipeline with ${smaller.join(', ')}, too`,
    );
  return found;
}

async function changeOf(file: string, sizes: Sizes): Promise<Change> {
  if (!/\.ya?ml$/.test(file)) throw new UsageError(`--write ${file}: expected a pipeline or profile in YAML`);
  const before = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new UsageError(`--write ${file}: ${fileProblem(error)?.message ?? 'cannot be read'}`);
  });
  const names = [...Object.keys(sizes.steps), ...Object.keys(sizes.pools)];
  if (names.length === 0) return { file, before, after: before };
  const { writeSizes } = await import('../../compile/write-sizes.ts');
  let after: string | null;
  try {
    after = writeSizes(before, sizes);
  } catch (error) {
    throw new UsageError(`--write ${file}: ${error instanceof Error ? error.message : 'no YAML'}`);
  }
  if (after === null) throw new UsageError(`--write ${file}: expected a file with ${names.join(' or ')}, found none of them`);
  return { file, before, after };
}
