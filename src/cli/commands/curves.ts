import type { Command } from 'commander';
import type { LedgerRow } from '../../contract/ledger.ts';
import { cliOf, collect as gather, examples, integer } from '../context.ts';
import { metric as shown } from '../../present/format.ts';
import { plot, type Series } from '../plot.ts';
import { readRun } from '../read-runs.ts';
import { collect } from '../run-data.ts';
import { searchesOf } from '../searches-of.ts';
import { json } from '../summary.ts';

interface Options {
  readonly metric?: string;
  readonly step?: string;
  readonly trial: readonly string[];
  readonly height: number;
}

/** Room for the axis and its labels. */
const MARGIN = 16;
const MAX_WIDTH = 120;

export function registerCurves(program: Command): void {
  program
    .command('curves')
    .description('learning curves of the trials, plotted in the terminal')
    .argument('[run]', 'name of the run; the newest one when left out')
    .option('-m, --metric <name>', 'otherwise the objective')
    .option('--step <id>', 'only the trials of this step')
    .option('-t, --trial <number>', 'only this trial; may be repeated', gather, [])
    .option('--height <lines>', 'of the plot', integer, 16)
    .addHelpText(
      'after',
      examples('longhaul curves --metric loss', 'longhaul curves grocery-ranking-20261124-101500-k3f9 --trial 2 --trial 3'),
    )
    .action(async (id: string | undefined, options: Options, command: Command) => {
      const cli = cliOf(command);
      await using reading = await readRun(cli, id);
      const data = await collect(reading.runs[0], reading.ports);
      const { step } = options;
      const [first] = searchesOf(data, step);
      const metric = options.metric ?? first?.spec.objective.metric ?? 'loss';
      const points = data.progress.filter((row) => step === undefined || row.step === step);
      const series = curvesOf(points, metric, options.trial);
      const { cyan, green, yellow, magenta, blue, red } = cli.terminal.colors;
      cli.print({ metric, series }, () =>
        series.length === 0
          ? `no points of ${metric}; there are: ${metricsOf(points).join(', ') || 'none yet'}`
          : `${metric} by samples\n${plot(series, { width: Math.min(cli.terminal.columns - MARGIN, MAX_WIDTH), height: options.height, label: shown, paint: [cyan, green, yellow, magenta, blue, red] })}`,
      );
    });
}

const metricsOf = (rows: readonly LedgerRow<'progress'>[]): string[] =>
  [...new Set(rows.flatMap((row) => Object.keys(json(row.metrics))))].sort();

interface TrialSeries extends Series {
  readonly step: string;
  readonly trial: number;
}

/** One series a trial, by samples: comparable between trials of other batch sizes. Of several steps, each is named with its own. */
export function curvesOf(rows: readonly LedgerRow<'progress'>[], metric: string, trials: readonly string[]): TrialSeries[] {
  const several = new Set(rows.map(({ step }) => step)).size > 1;
  const byTrial = new Map<string, { readonly step: string; readonly trial: number; readonly points: [number, number][] }>();
  for (const row of [...rows].sort((a, b) => Number(a.n) - Number(b.n))) {
    const value = json(row.metrics)[metric];
    const trial = String(row.trial);
    if (typeof value !== 'number' || (trials.length > 0 && !trials.includes(trial))) continue;
    const step = String(row.step);
    const curve = byTrial.get(`${step}/${trial}`) ?? { step, trial: Number(trial), points: [] };
    curve.points.push([Number(row.samples), value]);
    byTrial.set(`${step}/${trial}`, curve);
  }
  return [...byTrial.values()]
    .sort((a, b) => a.step.localeCompare(b.step) || a.trial - b.trial)
    .map((curve) => ({ name: several ? `${curve.step}, trial ${curve.trial}` : `trial ${curve.trial}`, ...curve }));
}
