import type { Command } from 'commander';
import type { Longhaul } from '../../client/index.ts';
import type { Profile } from '../../contract/profile.ts';
import type { RunDocument } from '../../contract/run-document.ts';
import type { TrialState } from '../../contract/state.ts';
import { inTurns } from '../../ports/in-turns.ts';
import { HELD } from '../../rules/held-trials.ts';
import { beginRun, type Beginning } from '../begin-run.ts';
import { cliOf, examples, integer, searchStepOf, who, type Cli } from '../context.ts';
import { UsageError } from '../exit.ts';
import { openRunPorts } from '../own-places.ts';

interface Options {
  readonly step?: string;
  readonly trials?: number;
  readonly epochs?: number;
  readonly detach?: boolean;
  readonly by?: string;
  readonly why?: string;
}

/** Looks into the object store at once. */
const LOOKS = 32;
const RUN = 'grocery-ranking-20261124-101500-k3f9';
const MEANING = `
A new run of the same document takes over the trials of the ended one's search: what its sampler knew, the curves, and the checkpoints of those that were
held at a rung or stopped with the search, which go on where they stood in folders of the new run. With --epochs finished trials go on as well, with the
bits of an undisturbed longer training, where the learning rate does not depend on its end. What the ended run made stays as it is.
`;

export function registerExtend(program: Command): void {
  program
    .command('extend')
    .description('go on with the search of a run that has ended: more trials, or longer training, without repeating a step')
    .argument('<run>', 'name of the run')
    .option('--step <id>', 'the search, where the run has several')
    .option('--trials <count>', 'so many more', integer)
    .option('--epochs <count>', 'of training, where it is to be longer', integer)
    .option('--by <person>', 'who does it, otherwise the user name')
    .option('--why <text>', 'kept in the decisions of the new run')
    .option('-d, --detach', 'do not wait for the end')
    .addHelpText('after', examples(`longhaul extend ${RUN} --trials 20`, `longhaul extend ${RUN} --epochs 6`) + MEANING)
    .action(async (id: string, options: Options, command: Command) => {
      const cli = cliOf(command);
      if (options.trials === undefined && options.epochs === undefined)
        throw new UsageError('say what is to be more: --trials or --epochs');
      const prepare = async (longhaul: Longhaul): Promise<Beginning> => {
        const { document, goingOn } = await extensionOf(longhaul, id, options);
        const gone = await withoutCheckpoints(cli, document.profile, goingOn);
        if (gone.length > 0)
          cli.terminal.say(
            `trials ${gone.join(', ')} have no checkpoint any more (gc keeps them for checkpoints.keepFor of the profile): they begin anew if they go on`,
          );
        return { profile: () => Promise.resolve(document.profile), start: () => longhaul.extend(document, id, who(options)) };
      };
      await beginRun(prepare, options.detach, cli, command);
    });
}

interface Extension {
  readonly document: RunDocument;
  /** Trials that may go on from their checkpoints. */
  readonly goingOn: readonly TrialState[];
}

async function extensionOf(longhaul: Longhaul, id: string, { step: wanted, trials = 0, epochs }: Options): Promise<Extension> {
  const { state, document } = await longhaul.run(id).ended();
  const step = searchStepOf(state, wanted);
  if (state.steps.find((one) => one.id === step)?.cacheHit === true)
    throw new UsageError(`${id} took its search "${step}" from the cache: extend the run that made it`);
  const { extendedDocument } = await import('../../compile/extended.ts');
  const search = await longhaul.run(id).search(step).state();
  const extended = extendedDocument(document, { run: id, step, trials, planned: search.plannedTrials, epochs: epochs ?? null });
  const spec = extended.steps.find((one) => one.id === step)?.spec;
  if (spec?.kind === 'search' && spec.scheduler?.kind === 'pbt' && spec.takesOver?.longer === false && search.trials.every(isGrown))
    throw new UsageError(
      `the members of "${step}" have trained to their end, and nobody is forked from them any more; only longer training goes on: --epochs, more than ${spec.epochs}`,
    );
  const goingOn = search.trials.filter(
    ({ status, reason, points }) => points > 0 && (status === 'stopped' ? reason?.startsWith(HELD) : status === 'succeeded' && epochs),
  );
  return { document: extended, goingOn };
}

/** A member of a population that no interval comes for. */
const isGrown = ({ status, reason }: TrialState): boolean =>
  status === 'succeeded' || status === 'failed' || (status === 'stopped' && reason?.startsWith('pbt: ') === true);

/** Numbers of those whose checkpoints were removed; none where the store does not answer here, though it may where the workers are. */
async function withoutCheckpoints(cli: Cli, profile: Profile, trials: readonly TrialState[]): Promise<number[]> {
  if (trials.length === 0) return [];
  await using ports = openRunPorts(cli);
  try {
    const store = await ports.store(profile);
    const found = await inTurns(trials, LOOKS, async ({ trial, output }) =>
      (await store.stat(`${output}/checkpoints/LATEST`)) === null ? [trial] : [],
    );
    return found.flat();
  } catch {
    return [];
  }
}
