import { spawn } from 'node:child_process';
import type { Command } from 'commander';
import { answers } from '../../stack/tcp.ts';
import { findDevelopmentStack } from '../../client/address.ts';
import { pathOfFileUri } from '../../contract/file-uri.ts';
import type { SearchState } from '../../contract/state.ts';
import { cliOf, examples, runOf } from '../context.ts';
import { snapshotOf } from '../follow.ts';
import type { Snapshot } from '../run-tree.ts';
import { CONSOLE_PORT } from './console.ts';

interface Options {
  readonly browser?: boolean;
}

/** Addresses of pages; of TensorBoard the command that shows the same curves where none is up; null where there is none. */
interface Links {
  readonly console: string | null;
  readonly temporal: string | null;
  readonly tensorboard: string | null;
}

const HINTS: Readonly<Record<keyof Links, string>> = {
  console: 'start one with `longhaul console`, or set LONGHAUL_CONSOLE to the address of yours',
  temporal: 'set LONGHAUL_UI to the address of the Temporal web UI',
  tensorboard: 'no trial has begun yet',
};

export function registerOpen(program: Command): void {
  program
    .command('open')
    .description('where to look at a run: console, Temporal web UI, TensorBoard')
    .argument('[run]', 'name of the run; the newest one when left out')
    .option('--browser', 'open the first of them')
    .addHelpText('after', examples('longhaul open', 'longhaul open grocery-ranking-20261124-101500-k3f9 --browser'))
    .action(async (id: string | undefined, { browser }: Options, command: Command) => {
      const cli = cliOf(command);
      await using longhaul = await cli.connectOrStart();
      const run = await runOf(longhaul, cli, id);
      const snapshot = await snapshotOf(run);
      const ui = process.env.LONGHAUL_UI ?? longhaul.target.ui ?? findDevelopmentStack(process.cwd())?.ui ?? null;
      const name = encodeURIComponent(run.id);
      const base = await consoleAddress();
      const output = outputOf(snapshot);
      const links: Links = {
        console: base === null ? null : `${base}/runs/${name}`,
        temporal: ui === null ? null : `${ui}/namespaces/${longhaul.target.namespace}/workflows/${name}`,
        tensorboard: (await tensorboardOf(snapshot)) ?? (output === null ? null : `tensorboard --logdir ${pathOfFileUri(output)}`),
      };
      cli.print(links, () => text(links));
      const first = links.console ?? links.temporal;
      if (browser && first !== null)
        spawn(process.platform === 'darwin' ? 'open' : 'xdg-open', [first], { detached: true, stdio: 'ignore' }).unref();
    });
}

/** The one that is named, or one that runs on this machine. */
async function consoleAddress(): Promise<string | null> {
  if (process.env.LONGHAUL_CONSOLE) return process.env.LONGHAUL_CONSOLE.replace(/\/+$/, '');
  return (await answers(`127.0.0.1:${CONSOLE_PORT}`)) ? `http://127.0.0.1:${CONSOLE_PORT}` : null;
}

/** The pipeline's own, while it can be reached from here: in a cluster that needs a port-forward, and after the run it is removed. */
async function tensorboardOf({ searches }: Snapshot): Promise<string | null> {
  for (const { tensorboard } of Object.values(searches)) {
    if (tensorboard === undefined || !URL.canParse(tensorboard)) continue;
    const { hostname, port, protocol } = new URL(tensorboard);
    if (await answers(`${hostname}:${port || (protocol === 'https:' ? '443' : '80')}`)) return tensorboard;
  }
  return null;
}

/** The prefix under which a search's trials write their curves. */
export function outputOf({ run, searches }: Snapshot): string | null {
  const exported = run.steps.map((step) => step.outputs.export).filter((uri) => typeof uri === 'string');
  const trials = Object.values(searches).flatMap((search: SearchState) => search.trials.map((trial) => trial.output));
  const first = [...exported, ...trials].find((uri) => /\/trial-\d+/.test(uri));
  return first === undefined ? null : first.replace(/\/trial-\d+(\/.*)?$/, '');
}

const text = (links: Links): string =>
  (Object.entries(links) as [keyof Links, string | null][])
    .map(([name, link]) => `${name.padEnd(12)}${link ?? `– (${HINTS[name]})`}`)
    .join('\n');
