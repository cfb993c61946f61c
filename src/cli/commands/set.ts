import { InvalidArgumentError, type Command } from 'commander';
import { withDocumentNames } from '../../contract/earlier-names.ts';
import { Space, StoppingRule } from '../../contract/search-space.ts';
import { decimal, examples, integer, jsonArgument } from '../context.ts';
import { UsageError } from '../exit.ts';
import { searchCommand, sendUpdate, type SearchOptions } from '../search-command.ts';

const RUN = 'grocery-ranking-20261124-101500-k3f9';

/** `none` lifts a cap. It stays a word here: Commander takes null for "no value". */
const NONE = 'none';
type Cap = number | typeof NONE;
const cap = (text: string): Cap => (text === NONE ? NONE : decimal(text));

interface BudgetOptions extends SearchOptions {
  readonly cost?: Cap;
  readonly hours?: Cap;
  readonly trials?: Cap;
}

/** set-parallelism, set-budget, set-space, set-pruner. */
export function registerSet(program: Command): void {
  searchCommand(program, 'set-parallelism', 'how many trials run at once')
    .argument('<trials>', 'at once', integer)
    .addHelpText('after', examples(`longhaul set-parallelism ${RUN} 8`))
    .action((id: string, parallel: number, options: SearchOptions, command: Command) =>
      sendUpdate(command, id, options, (search, by) => search.setParallelism({ ...by, parallel })),
    );

  searchCommand(program, 'set-budget', 'caps at which the search checkpoints, pauses and asks')
    .option('--cost <amount>', 'in the currency of the profile, or none', cap)
    .option('--hours <hours>', 'of running, or none', cap)
    .option('--trials <count>', 'or none', cap)
    .addHelpText('after', examples(`longhaul set-budget ${RUN} --cost 200 --hours none`))
    .action((id: string, { cost, hours, trials, ...options }: BudgetOptions, command: Command) => {
      const given = Object.entries({ cost, hours, trials }).filter(([, value]) => value !== undefined);
      const caps = Object.fromEntries(given.map(([name, value]) => [name, value === NONE ? null : value]));
      if (Object.keys(caps).length === 0) throw new UsageError('say which cap: --cost, --hours or --trials');
      return sendUpdate(command, id, options, (search, by) => search.setBudget({ ...by, ...caps }));
    });

  searchCommand(program, 'set-space', 'the space of hyper-parameters for further trials')
    .argument('<json>', 'as `space` in the pipeline file, in JSON', (text) => parsed(Space, text))
    .addHelpText('after', examples(`longhaul set-space ${RUN} '{"learning_rate":{"type":"float","low":1e-4,"high":1e-2,"log":true}}'`))
    .action((id: string, space: Space, options: SearchOptions, command: Command) =>
      sendUpdate(command, id, options, (search, by) => search.setSpace({ ...by, space })),
    );

  searchCommand(program, 'set-pruner', 'the rules that stop trials early')
    .alias('set-stopping')
    .argument('<json>', 'as `pruner` in the pipeline file, in JSON; [] for none', rulesOf)
    .addHelpText('after', examples(`longhaul set-pruner ${RUN} '[{"kind":"median"}]'`))
    .action((id: string, stopping: StoppingRule[], options: SearchOptions, command: Command) =>
      sendUpdate(command, id, options, (search, by) => search.setStopping({ ...by, stopping })),
    );
}

const rulesOf = (text: string): StoppingRule[] =>
  parsed({ safeParse: (value) => StoppingRule.array().safeParse(Array.isArray(value) ? value.map(withDocumentNames) : value) }, text);

function parsed<T>(
  schema: {
    safeParse: (
      value: unknown,
    ) => { success: true; data: T } | { success: false; error: { issues: readonly { path: PropertyKey[]; message: string }[] } };
  },
  text: string,
): T {
  const result = schema.safeParse(jsonArgument(text));
  if (result.success) return result.data;
  throw new InvalidArgumentError(result.error.issues.map((issue) => `${issue.path.map(String).join('.')}: ${issue.message}`).join('; '));
}
