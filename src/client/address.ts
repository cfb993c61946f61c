import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { ConnectionOptions } from '@temporalio/client';
import { CannotConnectError } from './errors.ts';

/** Written by `longhaul dev` while it runs, so that commands in the same project find it. */
export interface DevelopmentStack {
  readonly pid: number;
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
}

export interface TargetOptions {
  /** Profile of Temporal's environment configuration; otherwise TEMPORAL_PROFILE, otherwise `default`. */
  readonly profile?: string;
  /** Where to look for a `longhaul dev`, upwards; otherwise the working directory. */
  readonly directory?: string;
}

/** True if TEMPORAL_ADDRESS or a profile of the environment configuration names a server. */
export const isConfigured = (profile?: string): boolean => loadClientConnectConfig({ profile }).connectionOptions.address !== undefined;

/** TEMPORAL_ADDRESS and profiles win; then a `longhaul dev` of this project. */
export function findTarget({ profile, directory = process.cwd() }: TargetOptions = {}): Target {
  const { connectionOptions, namespace } = loadClientConnectConfig({ profile });
  if (connectionOptions.address !== undefined) {
    const connection = connectionOptions as ConnectionOptions;
    return { connection, address: connectionOptions.address, namespace: namespace ?? 'default', source: 'environment', ui: null };
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

/** The stack of the nearest directory upwards whose process is alive. */
export function findDevelopmentStack(directory: string): DevelopmentStack | null {
  for (let at = resolve(directory); ; at = dirname(at)) {
    const file = join(at, '.longhaul', 'stack.json');
    if (existsSync(file)) {
      const stack = JSON.parse(readFileSync(file, 'utf8')) as Partial<DevelopmentStack>;
      if (stack.pid !== undefined && stack.address !== undefined && isAlive(stack.pid)) return stack as DevelopmentStack;
    }
    if (at === dirname(at)) return null;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
