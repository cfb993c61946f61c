import { Option, type Command } from 'commander';
import { RunFailedError } from '../../client/errors.ts';
import type { Longhaul, Search } from '../../client/index.ts';
import type { KeptPlaces } from '../../client/kept-runs.ts';
import { searchWorkflowId } from '../../contract/ids.ts';
import type { AskInput, AskResult } from '../../contract/sampler.ts';
import { Sampler } from '../../contract/search-space.ts';
import type { SearchSpec } from '../../contract/steps.ts';
import { cliOf, collect as gather, examples, integer, searchStepOf, who } from '../context.ts';
import { UsageError } from '../exit.ts';
import type { OpenPorts } from '../../adapters/open.ts';
import { openRunPorts } from '../own-places.ts';
import { renderReplays, replayJson, untrainedParts } from '../replay/rendering.ts';
import { checkMetrics, joinedRows, recordedSearch, type RecordedRows } from '../replay/recorded-search.ts';
import { inRecordedOrder, metricsOfRules, replay, type RecordedSearch } from '../replay/replayed-search.ts';
import { replayPromotion } from '../replay/promoted-search.ts';
import { schedulerOf, stoppingOf, type NamedRules } from '../replay/rules.ts';
import { surrogateSampler } from '../replay/surrogate-sampler.ts';
import type { Replayed } from '../replay/rendering.ts';
import { askedRun, collect } from '../run-data.ts';

interface Options {
  readonly step?: string;
  readonly pruner: readonly string[];
  readonly stopping: readonly string[];
  readonly scheduler: readonly string[];
  readonly sampler?: Sampler['kind'];
  readonly trials?: number;
  readonly thaw?: boolean;
}

const RUN = 'grocery-ranking-20261124-101500-k3f9';
const MEANING = `
The recorded trials run again in places that become free earlier when a rule stops a trial. Curves, times and costs are those of the ledger; a
trial that was stopped when recorded and is not stopped by the rule ends where its curve does, as nobody knows how it would have gone on.

With --scheduler trials are held at rungs and the best go on, as in a search with that scheduler. Each answer says whether it is resolved, or on which parts
of curves it depends that were never trained: --thaw begins a run that trains only those, from the checkpoints where they were cut short, whatever rules would say;
replay-search of that run has the curves of both.

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
    .option(
      '--scheduler <scheduler>',
      'whether promotion would have been better: asha, hyperband, sync-halving, or JSON as `scheduler` in the pipeline file; may be repeated',
      gather,
      [],
    )
    .addOption(new Option('--stopping <rules>', 'as --pruner, by its earlier name').argParser(gather).default([]).hideHelp())
    .addOption(new Option('--sampler <kind>', 'whose order, otherwise the recorded one').choices(Sampler.shape.kind.unwrap().options))
    .option('--thaw', 'train the parts of curves that the answers depend on, and only these, in a run of their own')
    .option('--trials <count>', 'run so many of the recorded trials at most', integer)
    .addHelpText(
      'after',
      examples(
        `longhaul replay-search ${RUN} --pruner asha --pruner median,divergence`,
        `longhaul replay-search ${RUN} --pruner '[{"kind":"asha","reduction_factor":3}]' --output json`,
        `longhaul replay-search ${RUN} --scheduler asha --scheduler '{"kind":"asha","reduction_factor":3}'`,
        `longhaul replay-search ${RUN} --pruner median --sampler random --trials 12`,
      ) + MEANING,
    )
    .action(async (id: string, options: Options, command: Command) => {
      const cli = cliOf(command);
      const given = [...options.pruner, ...options.stopping];
      const schedulers = options.scheduler.map(schedulerOf);
      const rules = (given.length > 0 ? given : schedulers.length > 0 ? [] : ['none']).map(stoppingOf);
      if (schedulers.length > 0 && options.sampler !== undefined)
        throw new UsageError('--scheduler and --sampler: promotion is replayed in the recorded order; leave one of them out');
      if (options.trials === 0) throw new UsageError('--trials: expected at least 1');
      await using longhaul = await cli.connectOrStart();
      await using ports = openRunPorts(cli);
      const run = longhaul.run(id);
      const step = searchStepOf(await run.state(), options.step);
      const data = await collect(askedRun(run, { longhaul, ports }), ports);
      const spec = data.document.steps.find((one) => one.id === step)?.spec;
      if (spec?.kind !== 'search') throw new UsageError(`${id} has no search "${step}"`);
      const search = recordedSearch(searchWorkflowId(id, step), step, spec, await withEarlier(data, step, spec, { longhaul, ports }));
      const replays: Replayed[] = [];
      for (const one of rules) replays.push(await replayed(search, one, spec, options, run.search(step)));
      for (const { name, scheduler } of schedulers) {
        const trials = search.trials.slice(0, options.trials ?? search.trials.length);
        replays.push({ rules: name, sampler: null, distances: null, ...replayPromotion({ ...search, trials }, scheduler) });
      }
      const thawing = options.thaw === true ? await thaw(longhaul, id, step, search, replays) : null;
      cli.print({ ...replayJson(search, replays), ...(thawing === null ? {} : { run: thawing }) }, () =>
        renderReplays(search, replays, spec.sampler.kind, data.document.profile.currency, cli.terminal.colors),
      );
      if (thawing !== null) cli.terminal.say(`ask again when it has ended: longhaul replay-search ${thawing}`);
    });
}

/** With the curves of the search that it went on with. */
async function withEarlier(
  data: RecordedRows & { readonly run: { readonly run: string } },
  step: string,
  spec: SearchSpec,
  from: KeptPlaces & { readonly ports: OpenPorts },
): Promise<RecordedRows> {
  const { takesOver } = spec;
  if (takesOver === undefined) return data;
  const earlier = await collect(askedRun(from.longhaul.run(takesOver.run), from), from.ports);
  const itsSpec = earlier.document.steps.find(({ id }) => id === takesOver.step)?.spec;
  const rows = itsSpec?.kind === 'search' ? await withEarlier(earlier, takesOver.step, itsSpec, from) : earlier;
  return joinedRows(data.run.run, rows, data);
}

/** @returns the run that trains what was not trained; null: every answer is resolved */
async function thaw(
  longhaul: Longhaul,
  run: string,
  step: string,
  search: RecordedSearch,
  replays: readonly Replayed[],
): Promise<string | null> {
  const { document } = await longhaul.run(run).ended();
  const parts = untrainedParts(search, replays);
  if (parts.length === 0) return null;
  const { thawedDocument } = await import('../../compile/extended.ts');
  return (await longhaul.extend(thawedDocument(document, { run, step }, parts), run, who({}))).id;
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
