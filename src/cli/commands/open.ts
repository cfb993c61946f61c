import { spawn } from 'node:child_process';
import type { Command } from 'commander';
import { cliOf, examples, runOf } from '../context.ts';
import { findDevelopmentStack } from '../../client/address.ts';

interface Options {
  readonly browser?: boolean;
}

export function registerOpen(program: Command): void {
  program
    .command('open')
    .description('where to look at a run: Temporal web UI, TensorBoard')
    .argument('[run]', 'name of the run; the newest one when left out')
    .option('--browser', 'open the first of them')
    .addHelpText('after', examples('longhaul open', 'longhaul open grocery-ranking-20261124-101500-k3f9 --browser'))
    .action(async (id: string | undefined, { browser }: Options, command: Command) => {
      const cli = cliOf(command);
      await using longhaul = await cli.connect();
      const run = await runOf(longhaul, cli, id);
      const state = await run.state();
      const ui = process.env.LONGHAUL_UI ?? longhaul.target.ui ?? findDevelopmentStack(process.cwd())?.ui ?? null;
      const exported = state.steps.map((step) => step.outputs.export).find((uri) => typeof uri === 'string');
      const output = typeof exported === 'string' ? exported.replace(/\/trial-\d+\/.*$/, '') : null;
      const links = {
        ...(ui === null ? {} : { temporal: `${ui}/namespaces/${longhaul.target.namespace}/workflows/${encodeURIComponent(run.id)}` }),
        ...(output === null ? {} : { tensorboard: `tensorboard --logdir ${output.replace(/^file:\/\//, '')}` }),
      };
      cli.print(links, () =>
        Object.keys(links).length === 0
          ? 'no links: set LONGHAUL_UI to the address of the Temporal web UI'
          : Object.entries(links)
              .map(([name, link]) => `${name.padEnd(12)}${link}`)
              .join('\n'),
      );
      if (browser && links.temporal !== undefined)
        spawn(process.platform === 'darwin' ? 'open' : 'xdg-open', [links.temporal], { detached: true, stdio: 'ignore' }).unref();
    });
}
