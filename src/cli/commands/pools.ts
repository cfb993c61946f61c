import type { Command } from 'commander';
import { openRunPorts } from '../own-places.ts';
import { short, time } from '../../present/format.ts';
import { cliOf, examples, runOf } from '../context.ts';
import { askPools } from '../pools-now.ts';
import { table } from '../table.ts';

export function registerPools(program: Command): void {
  program
    .command('pools')
    .description(
      'what each pool is now: attempts of open runs that run and that wait for a machine, price, and from the ledger of all runs preemptions an hour of a machine (recent ones count more) and the last time that it had none',
    )
    .argument('[run]', 'a run whose profile names the pools; the newest one when left out')
    .addHelpText('after', examples('longhaul pools', 'longhaul pools --output json'))
    .action(async (id: string | undefined, _options: object, command: Command) => {
      const cli = cliOf(command);
      await using longhaul = await cli.connectOrStart();
      await using ports = openRunPorts(cli);
      const { profile } = await (await runOf(longhaul, cli, id)).document();
      const now = Date.now();
      const pools = await askPools(longhaul, ports, profile, now);
      const at = (ms: number | null): string => (ms === null ? '' : time(ms, now));
      cli.print(pools, () =>
        table(
          [
            { title: 'pool' },
            { title: 'cluster' },
            { title: 'kind' },
            { title: 'running', align: 'right' },
            { title: 'waiting', align: 'right' },
            { title: `${profile.currency} an hour`, align: 'right' },
            { title: 'preemptions an hour', align: 'right' },
            { title: 'last preempted' },
            { title: 'last empty' },
          ],
          pools.map((pool) => [
            pool.pool,
            pool.cluster ?? '',
            pool.spot ? 'spot' : 'on-demand',
            String(pool.running),
            String(pool.waiting),
            String(pool.pricePerHour),
            pool.preemptionsPerHour === null ? '' : short(pool.preemptionsPerHour),
            at(pool.lastPreemptedAt),
            at(pool.lastEmptyAt),
          ]),
        ),
      );
    });
}
