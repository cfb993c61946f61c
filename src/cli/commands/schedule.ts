import { Option, type Command } from 'commander';
import type { Overlap, ScheduleSummary } from '../../client/index.ts';
import { checkScheduleName } from '../../contract/run-names.ts';
import { clockIn, isoIn } from '../../contract/zones.ts';
import { compileWithCode, withCompileOptions, type CompileOptions } from '../compile-file.ts';
import { cliOf, examples, type Cli } from '../context.ts';
import { UsageError } from '../exit.ts';
import { noteOwnPlaces } from '../own-places.ts';
import { shipCode } from '../ship-code.ts';
import { table } from '../table.ts';
import { instantOf, writtenTime, type WrittenTime } from '../wall-time.ts';

/** Of the times that come next, when a schedule is created. */
const SHOWN_TIMES = 5;

interface CreateOptions extends CompileOptions {
  readonly cron: string;
  readonly timezone?: string;
  readonly overlap: Overlap;
  readonly paused?: boolean;
  readonly note?: string;
}

interface BackfillOptions {
  readonly from: WrittenTime;
  readonly to: WrittenTime;
  readonly overlap: Overlap;
}

/** The same names as the client's `OVERLAPS`, which is not loaded for help. */
const OVERLAP_NAMES: readonly Overlap[] = ['skip', 'buffer-one', 'buffer-all', 'cancel-other', 'allow-all'];
const overlapOption = (preset: Overlap): Option =>
  new Option('--overlap <policy>', 'when the run before still runs').choices(OVERLAP_NAMES).default(preset);

export function registerSchedule(program: Command): void {
  const schedule = program
    .command('schedule')
    .description('run a pipeline by the calendar')
    .addHelpText(
      'after',
      examples(
        "longhaul schedule create nightly pipeline.yaml --cron '0 3 * * *' --timezone Europe/Berlin",
        'longhaul schedule list',
        "longhaul schedule pause nightly --note 'warehouse moves'",
        'longhaul schedule backfill nightly --from 2026-11-01 --to 2026-11-08',
      ),
    );
  registerCreate(schedule);
  registerBackfill(schedule);

  schedule
    .command('list')
    .description('all schedules, with their next and last runs')
    .addHelpText('after', examples('longhaul schedule list --output json'))
    .action(async (_options: object, command: Command) => {
      const cli = cliOf(command);
      await using longhaul = await cli.connect();
      const found = await longhaul.schedules.list();
      cli.print(found, () => (found.length === 0 ? 'no schedules' : render(found, cli)));
    });

  for (const [name, description, did] of [
    ['pause', 'start no more runs until it is resumed', 'paused'],
    ['resume', 'start runs again', 'resumed'],
  ] as const)
    schedule
      .command(name)
      .description(description)
      .argument('<name>', 'of the schedule')
      .option('--note <text>', 'kept with the schedule')
      .addHelpText('after', examples(`longhaul schedule ${name} nightly`))
      .action(async (id: string, { note }: { readonly note?: string }, command: Command) => {
        const cli = cliOf(command);
        await using longhaul = await cli.connect();
        await longhaul.schedules[name](id, note);
        cli.print(await longhaul.schedules.describe(id), () => `${id} is ${did}`);
      });

  for (const [name, description, did] of [
    ['trigger', 'start a run now', 'a run of it starts'],
    ['delete', 'forget a schedule; runs that run go on', 'deleted'],
  ] as const)
    schedule
      .command(name)
      .description(description)
      .argument('<name>', 'of the schedule')
      .addHelpText('after', examples(`longhaul schedule ${name} nightly`))
      .action(async (id: string, _options: object, command: Command) => {
        const cli = cliOf(command);
        await using longhaul = await cli.connect();
        await longhaul.schedules[name](id);
        cli.print({ name: id, [name === 'trigger' ? 'triggered' : 'deleted']: true }, () => `${id}: ${did}`);
      });
}

function registerCreate(schedule: Command): void {
  withCompileOptions(schedule.command('create'))
    .description('compile a pipeline and run it by the calendar')
    .argument('<name>', 'of the schedule; names of its runs begin with it')
    .argument('<file>', 'pipeline file, or a document that `longhaul compile` wrote')
    .requiredOption(
      '--cron <fields>',
      "minute, hour, day, month, weekday, e.g. '0 3 * * *'; day and weekday both set: either will do, as in crontab",
    )
    .option('--timezone <name>', 'IANA name, otherwise UTC')
    .addOption(overlapOption('skip'))
    .option('--paused', 'create it, but start nothing yet')
    .option('--note <text>', 'kept with the schedule')
    .addHelpText('after', examples("longhaul schedule create nightly pipeline.yaml --cron '0 3 * * *' --timezone Europe/Berlin"))
    .action(async (name: string, file: string, options: CreateOptions, command: Command) => {
      const cli = cliOf(command);
      checkScheduleName(name);
      // Loaded only where it is needed: it takes time.
      const { calendarOf } = await import('../../client/calendar.ts');
      const zone = options.timezone ?? 'UTC';
      const { warnings } = calendarOf(options.cron, zone);
      const { document, code } = await compileWithCode(file, options, cli);
      await using longhaul = await cli.connect();
      await noteOwnPlaces(cli, document.profile);
      await shipCode(document, code);
      const created = await longhaul.schedules.create(name, document, options);
      warnings.forEach(cli.warn);
      const next = created.next.slice(0, SHOWN_TIMES);
      cli.print({ ...created, nextTimes: next.map((at) => isoIn(zone, at)), warnings }, () =>
        [render([created], cli), '', `next times in ${zone}:`, ...next.map((at) => `  ${clockIn(zone, at)}`)].join('\n'),
      );
    });
}

function registerBackfill(schedule: Command): void {
  schedule
    .command('backfill')
    .description('start the runs that would have been due in a span of the past')
    .argument('<name>', 'of the schedule')
    .requiredOption('--from <time>', 'ISO 8601; without an offset it is a time in the zone of the schedule', writtenTime)
    .requiredOption('--to <time>', 'likewise; later than --from', writtenTime)
    .addOption(overlapOption('buffer-all'))
    .addHelpText('after', examples('longhaul schedule backfill nightly --from 2026-11-01 --to 2026-11-08'))
    .action(async (name: string, { from, to, overlap }: BackfillOptions, command: Command) => {
      const cli = cliOf(command);
      // Where both are written alike, no zone is needed to see it.
      if ((from.offset === null) === (to.offset === null)) spanOf(from, to, 'UTC');
      await using longhaul = await cli.connect();
      const { timezone } = await longhaul.schedules.describe(name);
      const zone = timezone || 'UTC';
      const [start, end] = spanOf(from, to, zone);
      await longhaul.schedules.backfill(name, start, end, overlap);
      cli.print(
        { name, from: start.toISOString(), to: end.toISOString(), timezone: zone, overlap },
        () => `${name}: the runs from ${clockIn(zone, start.getTime())} to ${clockIn(zone, end.getTime())} ${zone} start, ${overlap}`,
      );
    });
}

function spanOf(from: WrittenTime, to: WrittenTime, zone: string): [Date, Date] {
  const [start, end] = [instantOf(from, zone), instantOf(to, zone)];
  if (start >= end) throw new UsageError(`--from ${from.text} --to ${to.text}: the span ends before it begins`);
  return [start, end];
}

/** In the zone of the schedule, whatever that of this machine is. */
const nextOf = ({ next: [next], timezone }: ScheduleSummary): string =>
  next === undefined ? 'never' : `${clockIn(timezone || 'UTC', next)} ${timezone || 'UTC'}`;

function render(schedules: readonly ScheduleSummary[], cli: Cli): string {
  const rows = schedules.map((one) => [
    one.name,
    one.pipeline,
    `${one.cron} ${one.timezone}`,
    one.overlap,
    one.paused ? `paused${one.note === null ? '' : `: ${one.note}`}` : nextOf(one),
    one.recent.at(-1) ?? '',
  ]);
  const titles = ['schedule', 'pipeline', 'cron', 'overlap', 'next', 'last run'].map((title) => ({ title }));
  return table(titles, rows, cli.terminal.colors.dim);
}
