/** What every command needs: the terminal, the global options, the connection. */
import { userInfo } from 'node:os';
import { InvalidArgumentError, type Command } from 'commander';
import type { Longhaul, Run } from '../client/index.ts';
import type { RunState } from '../contract/state.ts';
import type { Json } from '../contract/values.ts';
import { UsageError } from './exit.ts';
import { openTerminal, type Terminal } from './terminal.ts';

export interface Cli {
  readonly terminal: Terminal;
  readonly json: boolean;
  /** Prints `value` with --output json, `text()` otherwise. */
  readonly print: (value: unknown, text: () => string) => void;
  /** A line on stderr about something that goes on nevertheless. */
  readonly warn: (line: string) => void;
  readonly temporalProfile: string | undefined;
  /** Also profiles of runs that are none of the caller's own are followed. */
  readonly trustsProfiles: boolean;
  /** To a server that must be there already. */
  readonly connect: () => Promise<Longhaul>;
  /** Also to the runs of a project whose own servers have stopped. */
  readonly connectOrStart: () => Promise<Longhaul>;
}

interface GlobalOptions {
  readonly output: 'text' | 'json';
  readonly temporalProfile?: string;
  readonly trustProfile?: boolean;
}

const terminal = openTerminal();

export function cliOf(command: Command): Cli {
  const options = command.optsWithGlobals<GlobalOptions>();
  const json = options.output === 'json';
  const cli: Cli = {
    terminal,
    json,
    temporalProfile: options.temporalProfile,
    trustsProfiles: options.trustProfile === true,
    print: (value, text) => (json ? terminal.json(value) : terminal.out(text())),
    warn: (line) => {
      terminal.say(`${terminal.talk.yellow('warning')} ${line}`);
    },
    // Loaded here: help and completion must answer at once.
    connect: async () => (await import('../client/index.ts')).connect({ profile: options.temporalProfile }),
    connectOrStart: async () => (await import('./own-stack.ts')).connectOrStart(cli, options.temporalProfile),
  };
  return cli;
}

/** The named run, or the newest one. @param said what is told of the newest one, and why it is taken */
export async function runOf(longhaul: Longhaul, cli: Cli, id: string | undefined, said?: string): Promise<Run> {
  if (id !== undefined) return longhaul.run(id);
  const [newest] = await longhaul.list({ limit: 1 });
  if (!newest) throw new UsageError('there are no runs yet; `longhaul run PIPELINE` starts one');
  printNewest(cli, newest.run, said);
  return longhaul.run(newest.run);
}

export function printNewest(cli: Cli, run: string, said?: string): void {
  if (!cli.json) cli.terminal.say(said === undefined ? `run ${run} (the newest)` : `${said}, ${run}`);
}

/** The named search step, or the only one. */
export function searchStepOf(state: RunState, step: string | undefined): string {
  const searches = state.steps.filter((one) => one.kind === 'search').map((one) => one.id);
  if (step !== undefined) {
    if (searches.includes(step)) return step;
    throw new UsageError(`step "${step}" of ${state.run} is no search; searches: ${searches.join(', ') || 'none'}`);
  }
  if (searches.length === 1 && searches[0] !== undefined) return searches[0];
  throw new UsageError(
    searches.length === 0 ? `${state.run} has no search` : `${state.run} has several searches; say --step ${searches.join(' or --step ')}`,
  );
}

/** Who did it, for the records of approvals and decisions. */
export function who(options: { readonly by?: string; readonly why?: string }): { by: string; why?: string } {
  return { by: options.by ?? userInfo().username, ...(options.why === undefined ? {} : { why: options.why }) };
}

export const examples = (...lines: readonly string[]): string => `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}\n`;

export function integer(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('a whole number is expected');
  return value;
}

export function amount(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new InvalidArgumentError('a number above 0 is expected');
  return value;
}

/** Temporal's: 1 is the most urgent. */
export function priorityArgument(text: string): number {
  if (!/^[1-5]$/.test(text)) throw new InvalidArgumentError('a whole number from 1 to 5 is expected');
  return Number(text);
}

export function portNumber(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > 65_535) throw new InvalidArgumentError('a port is expected: 0 to 65535');
  return value;
}

/** What a server that cannot listen says, in words; others' failures are passed on. */
export function cannotListen(error: unknown, host: string, port: number): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  if (code === 'EADDRINUSE')
    return new UsageError(`port ${port} of ${host} is taken, by another one of these perhaps; --port 0 takes a free one`);
  if (code === 'EACCES') return new UsageError(`port ${port} of ${host} is for root only; --port 0 takes a free one`);
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return new UsageError(`--host ${host} is no address of this machine`);
  return error;
}

export function decimal(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('a number is expected');
  return value;
}

export const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];

/** `name=value` pairs; a value is JSON where it parses as such, else text. */
export function assignments(pairs: readonly string[]): Record<string, Json> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at <= 0) throw new UsageError(`"${pair}": expected name=value, e.g. learning_rate=0.001`);
      const value = jsonOrText(pair.slice(at + 1));
      if (!isFinite(value)) throw new UsageError(`"${pair}": expected a finite number`);
      return [pair.slice(0, at), value];
    }),
  );
}

export function jsonOrText(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}

export function jsonArgument(text: string): Json {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch {
    throw new InvalidArgumentError('JSON is expected');
  }
  if (!isFinite(value)) throw new InvalidArgumentError('finite numbers are expected');
  return value;
}

/** `1e999` is JSON, and read as infinity, which no JSON can tell again. */
function isFinite(value: Json): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  return typeof value !== 'object' || value === null || Object.values(value).every(isFinite);
}
