import { dirname, join, resolve } from 'node:path';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { ConnectionOptions } from '@temporalio/client';
import { InvalidInputError } from '../contract/errors.ts';
import { fileProblem } from '../contract/file-problems.ts';
import { teamOf, type Team } from '../contract/teams.ts';
import { CannotConnectError } from './errors.ts';
import { ownText } from './own-file.ts';
import { isProcess, mayBeNode } from './process-start.ts';

/** Written by `longhaul dev` while it runs, so that commands in the same project find it. */
export interface DevelopmentStack {
  readonly pid: number;
  /** `startOf` the process; earlier releases did not write it. */
  readonly started?: string | null;
  readonly address: string;
  readonly namespace: string;
  readonly ui: string | null;
}

export interface Target {
  readonly connection: ConnectionOptions;
  readonly address: string;
  readonly namespace: string;
  /** Where the address comes from, for messages. */
  readonly source: 'environment' | 'development';
  readonly ui: string | null;
  /** Whose task queues and runs (LONGHAUL_TEAM); nobody's where there is none. */
  readonly team?: Team;
}

export interface TargetOptions {
  /** Profile of Temporal's environment configuration; otherwise TEMPORAL_PROFILE, otherwise `default`. */
  readonly profile?: string;
  /** Where to look for a `longhaul dev`, upwards; otherwise the working directory. */
  readonly directory?: string;
}

/** True if TEMPORAL_ADDRESS or a profile of the environment configuration names a server. */
export const isConfigured = (profile?: string): boolean => configurationOf(profile).connectionOptions.address !== undefined;

/** TEMPORAL_ADDRESS and profiles win; then a `longhaul dev` of this project. */
export function findTarget({ profile, directory = process.cwd() }: TargetOptions = {}): Target {
  const { connectionOptions, namespace } = configurationOf(profile);
  if (connectionOptions.address !== undefined) {
    const connection = connectionOptions as ConnectionOptions;
    return {
      connection,
      address: connectionOptions.address,
      namespace: namespace ?? 'default',
      source: 'environment',
      ui: null,
      team: teamOf(process.env),
    };
  }
  const stack = findDevelopmentStack(directory);
  if (stack)
    return {
      connection: { address: stack.address },
      address: stack.address,
      namespace: stack.namespace,
      source: 'development',
      ui: stack.ui,
    };
  throw new CannotConnectError(
    'no Temporal server is named and no `longhaul dev` runs in this project; start `longhaul dev`, or set TEMPORAL_ADDRESS',
    null,
  );
}

/** Of this machine no proxy is asked, whatever `https_proxy` says. */
export function withoutProxy(address: string): Pick<ConnectionOptions, 'channelArgs'> {
  const loopback = /^(?:127\.[\d.]+|localhost|\[?::1\]?)(?::\d+)?$/i.test(address);
  return loopback ? { channelArgs: { 'grpc.enable_http_proxy': 0 } } : {};
}

/** The stack of the nearest directory upwards whose process is alive. */
export const findDevelopmentStack = (directory: string): DevelopmentStack | null => findDevelopmentHome(directory)?.stack ?? null;

/** What was cut off when a disk was full is as if it were not there. */
function stackOf(text: string | null): Partial<DevelopmentStack> {
  try {
    return (JSON.parse(text ?? '{}') ?? {}) as Partial<DevelopmentStack>;
  } catch {
    return {};
  }
}

/** The same, with the folder that it is written in. */
export function findDevelopmentHome(directory: string): { readonly home: string; readonly stack: DevelopmentStack } | null {
  for (let at = resolve(directory); ; at = dirname(at)) {
    const home = join(at, '.longhaul');
    const stack = stackOf(ownText(join(home, 'stack.json')));
    if (typeof stack.address === 'string' && isRunning(stack)) return { home, stack: stack as DevelopmentStack };
    if (at === dirname(at)) return null;
  }
}

function configurationOf(profile: string | undefined): ReturnType<typeof loadClientConnectConfig> {
  try {
    return loadClientConnectConfig({ profile });
  } catch (error) {
    const file = profile === undefined ? "Temporal's environment configuration" : `--temporal-profile ${profile}`;
    const refused = fileProblem(error);
    const message = refused ? `${refused.path}: ${refused.message}` : error instanceof Error ? error.message : String(error);
    throw new InvalidInputError([{ file, message, hint: '`temporal config list` shows the profiles' }]);
  }
}

/** Number 0: it ended, and left its ports to the next one. */
function isRunning({ pid = 0, started = null }: Partial<DevelopmentStack>): boolean {
  return pid > 0 && isProcess(pid, started) && (started !== null || mayBeNode(pid));
}
