import { Option, type Command } from 'commander';
import { RunFailedError } from '../../client/errors.ts';
import type { Search } from '../../client/index.ts';
import { searchWorkflowId } from '../../contract/ids.ts';
import type { AskInput, AskResult } from '../../contract/search.ts';
import { Sampler } from '../../contract/search-space.ts';
import type { SearchSpec } from '../../contract/steps.ts';
import { cliOf, collect as gather, examples, integer, searchStepOf } from '../context.ts';
import { UsageError } from '../exit.ts';
import { openPorts } from '../../adapters/open.ts';
import { renderReplays, replayJson } from '../replay/rendering.ts';
import { checkMetrics, recordedSearch } from '../replay/recorded-search.ts';
import { inRecordedOrder, metricsOfRules, replay, type RecordedSearch } from '../replay/replayed-search.ts';
import { stoppingOf, type NamedRules } from '../replay/rules.ts';
import { surrogateSampler } from '../replay/surrogate-sampler.ts';
import type { Replayed } from '../replay/rendering.ts';
import { askedRun, collect } from '../run-data.ts';

interface Options {
  readonly step?: string;
  readonly pruner: readonly string[];
  readonly stopping: readonly string[];
  readonly sampler?: Sampler['kind'];
  readonly trials?: number;
}

const RUN = 'grocery-ranking-20261124-101500-k3f9';
const MEANING = `
The recorded trials run again in places that become free earlier when a rule stops a trial. Curves, times and costs are those of the ledger; a
trial that was stopped when recorded and is not stopped by the rule ends where its curve does, as nobody knows how it would have gone on.

With --sampler the order is another sampler's. What it would have got in a continuous space cannot be known: instead of each of its suggestions
the nearest recorded trial runs that did not run yet, and its result is told to the sampler. "distance" says how near these were on average (0 the
same, 1 the other end of every range); the sampler's worker must run. All recorded trials run in the end, so look at --trials and at "found after".
`;

export function registerReplaySearch(program: Command): void {
  program
    .command('replay-search')
    .description('what other rules of early stopping, or another sampler, would have done on the recorded curves of a search')
    .argument('<run>', 'name of the run')
    .option('--step <id>', 'the search, where the run has several')
    .option(
      '--pruner <rules>',
      'a kind of rule, several with commas, none, or JSON as `pruner` in the pipeline file; may be repeated',
      gather,
      [],
    )
    .addOption(new Option('--stopping <rules>', 'as --pruner, by its earlier name').argParser(gather).default([]).hideHelp())
    .addOption(new Option('--sampler <kind>', 'whose order, otherwise the recorded one').choices(Sampler.shape.kind.unwrap().options))
    .option('--trials <count>', 'run so many of the recorded trials at most', integer)
    .addHelpText(
      'after',
      examples(
        `longhaul replay-search ${RUN} --pruner asha --pruner median,divergence`,
        `longhaul replay-search ${RUN} --pruner '[{"kind":"asha","reduction_factor":3}]' --output json`,
        `longhaul replay-search ${RUN} --pruner median --sampler random --trials 12`,
      ) + MEANING,
    )
    .action(async (id: string, options: Options, command: Command) => {
      const cli = cliOf(command);
      const given = [...options.pruner, ...options.stopping];
      const rules = (given.length > 0 ? given : ['none']).map(stoppingOf);
      if (options.trials === 0) throw new UsageError('--trials: expected at least 1');
      await using longhaul = await cli.connectOrStart();
      await using ports = openPorts();
      const run = longhaul.run(id);
      const step = searchStepOf(await run.state(), options.step);
      const data = await collect(askedRun(run, { longhaul, ports }), ports);
      const spec = data.document.steps.find((one) => one.id === step)?.spec;
      if (spec?.kind !== 'search') throw new UsageError(`${id} has no search "${step}"`);
      const search = recordedSearch(searchWorkflowId(id, step), step, spec, data);
      const replays: Replayed[] = [];
      for (const one of rules) replays.push(await replayed(search, one, spec, options, run.search(step)));
      cli.print(replayJson(search, replays), () =>
        renderReplays(search, replays, spec.sampler.kind, data.document.profile.currency, cli.terminal.colors),
      );
    });
}

async function replayed(
  recorded: RecordedSearch,
  rules: NamedRules,
  spec: SearchSpec,
  options: Options,
  search: Search,
): Promise<Replayed> {
  checkMetrics(recorded, metricsOfRules(rules.rules));
  const count = Math.min(options.trials ?? recorded.trials.length, recorded.trials.length);
  if (options.sampler === undefined) {
    const ended = await replay(recorded, rules.rules, inRecordedOrder(recorded.trials.slice(0, count)));
    return { rules: rules.name, sampler: null, ended, distances: null };
  }
  const sampler = surrogateSampler({
    study: `${recorded.study}/replay`,
    space: spec.space,
    sampler: { ...spec.sampler, kind: options.sampler, enqueue: [], warmStart: [] },
    objectives: [spec.objective, ...spec.alsoOptimize],
    trials: recorded.trials,
    count,
    ask: (question) => suggestionsOf(search, question),
  });
  const ended = await replay(recorded, rules.rules, sampler.next);
  return { rules: rules.name, sampler: sampler.sampler, ended, distances: sampler.distances };
}

/** What the sampler cannot do with this space was asked for here, and not by the run. */
async function suggestionsOf(search: Search, question: AskInput): Promise<AskResult> {
  return search.suggestions(question).catch((error: unknown) => {
    throw error instanceof RunFailedError && error.type === 'InvalidInput' ? new UsageError(`--sampler: ${error.message}`) : error;
  });
}
