import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Command } from 'commander';
import { renderReport } from '../../report/index.ts';
import { cliOf, examples, runOf } from '../context.ts';
import { openPorts } from '../ports.ts';
import { collect } from '../run-data.ts';

interface Options {
  readonly file?: string;
}

/** Where the report of a run lies unless one says otherwise. */
export const reportFile = (run: string): string => resolve('.longhaul', 'reports', `${run}.html`);

export async function writeReport(file: string, html: string): Promise<string> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, html);
  return pathToFileURL(file).href;
}

export function registerReport(program: Command): void {
  program
    .command('report')
    .description('one self-contained HTML file about a run')
    .argument('[run]', 'name of the run; the newest one when left out')
    .option('-f, --file <path>', 'where to write it, otherwise .longhaul/reports/RUN.html')
    .addHelpText('after', examples('longhaul report', 'longhaul report grocery-ranking-20261124-101500-k3f9 --file report.html'))
    .action(async (id: string | undefined, options: Options, command: Command) => {
      const cli = cliOf(command);
      await using longhaul = await cli.connect();
      await using ports = openPorts();
      const run = await runOf(longhaul, cli, id);
      const file = resolve(options.file ?? reportFile(run.id));
      const url = await writeReport(file, renderReport(await collect(run, ports)));
      cli.print({ run: run.id, file, url }, () => url);
    });
}
