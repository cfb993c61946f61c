import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Option, type Command } from 'commander';
import { digest } from '../../contract/ids.ts';
import { RUN_NAME } from '../../contract/run-names.ts';
import type { ReportData } from '../../report/index.ts';
import { lookerUrl } from '../../report/looker.ts';
import { cliOf, examples, type Cli } from '../context.ts';
import type { OpenPorts } from '../../adapters/open.ts';
import { readRuns } from '../read-runs.ts';
import { keptRunProfileOption } from '../kept-run-profile.ts';
import { collectReport, type ReadableRun } from '../run-data.ts';

interface Options {
  readonly profile?: string;
  readonly file?: string;
  readonly format: 'html' | 'json' | 'md';
  /** Id of a report to copy; true without one. */
  readonly looker?: string | true;
}

/** Where the report of a run lies unless one says otherwise. */
export const reportFile = (run: string): string =>
  // A run that others started at the server may have any name, a path too.
  resolve('.longhaul', 'reports', `${RUN_NAME.test(run) ? run : `run-${digest(run)}`}.html`);

export async function writeReport(file: string, html: string): Promise<string> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, html);
  return pathToFileURL(file).href;
}

export function registerReport(program: Command): void {
  program
    .command('report')
    .description('a report about one run, or about several side by side')
    .argument('[runs...]', 'names of runs; the newest one when left out')
    .addOption(
      new Option('--format <format>', 'html: one self-contained file; json and md go to stdout')
        .choices(['html', 'json', 'md'])
        .default('html'),
    )
    .option('-f, --file <path>', 'where to write it, otherwise .longhaul/reports/RUN.html')
    .option('--looker [report]', 'print the link to a new report in Looker Studio on the ledger, or to a copy of the report of that id')
    .addOption(keptRunProfileOption())
    .addHelpText(
      'after',
      examples(
        'longhaul report',
        'longhaul report grocery-ranking-20261124-101500-k3f9 --file report.html',
        'longhaul report grocery-ranking-20261124-101500-k3f9 grocery-ranking-20261124-113000-x2p1',
        'longhaul report --format md | gh pr comment --body-file -',
      ),
    )
    .action(async (ids: readonly string[], options: Options, command: Command) => {
      const cli = cliOf(command);
      await using reading = await readRuns(cli, { ids, profile: options.profile });
      const { runs, ports } = reading;
      if (options.looker !== undefined) {
        await printLooker(cli, runs, options.looker);
        return;
      }
      const data = await gather(runs, ports);
      await (options.format === 'html' ? writeHtml(cli, data, options) : writeText(cli, data, options));
    });
}

/** The ledger holds all runs: the first one says only where it is. */
async function printLooker(cli: Cli, [run]: readonly ReadableRun[], template: string | true): Promise<void> {
  if (!run) return;
  const { pipeline, profile } = await run.document();
  const link = lookerUrl(profile, pipeline, template === true ? undefined : template);
  cli.print({ looker: link }, () => link);
}

/** Newest first, whatever the order they were named in. */
async function gather(runs: readonly ReadableRun[], ports: OpenPorts): Promise<ReportData[]> {
  const data = await Promise.all(runs.map((run) => collectReport(run, ports)));
  return data.sort((a, b) => b.run.startedAt - a.run.startedAt);
}

async function writeHtml(cli: Cli, data: readonly ReportData[], options: Options): Promise<void> {
  const names = data.map(({ run }) => run.run);
  const file = resolve(options.file ?? reportFile(names.join('+').slice(0, 200)));
  const { renderReport } = await import('../../report/index.ts');
  const url = await writeReport(file, await renderReport(data));
  cli.print({ runs: names, file, url }, () => url);
}

async function writeText(cli: Cli, data: readonly ReportData[], options: Options): Promise<void> {
  const { renderMarkdown, reportJson } = await import('../../report/index.ts');
  const reports = data.map(reportJson);
  const text = options.format === 'md' ? renderMarkdown(data) : `${JSON.stringify(reports.length === 1 ? reports[0] : reports, null, 2)}\n`;
  if (options.file === undefined) {
    cli.terminal.out(text.trimEnd());
    return;
  }
  const url = await writeReport(resolve(options.file), text);
  cli.print({ runs: data.map(({ run }) => run.run), file: resolve(options.file), url }, () => url);
}
