/** Accounts of registries, from Docker's configuration: written there, or asked of a credential helper (https://docs.docker.com/reference/cli/docker/login). */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { GRACES } from '../../rules/durations.ts';

export interface Account {
  readonly user: string;
  readonly password: string;
}

/** As Docker calls an account whose password is a token that buys others. */
export const TOKEN_USER = '<token>';

const Config = z.object({
  auths: z.record(z.string(), z.object({ auth: z.string().optional(), identitytoken: z.string().optional() }).nullable()).default({}),
  credHelpers: z.record(z.string(), z.string()).default({}),
  credsStore: z.string().optional(),
});
type Config = z.infer<typeof Config>;

const Answer = z.object({ Username: z.string(), Secret: z.string() });

/** null: none, or none that can be read; the registry may answer without. */
export async function accountOf(registry: string, environment: NodeJS.ProcessEnv = process.env): Promise<Account | null> {
  try {
    const folder = environment.DOCKER_CONFIG ?? join(environment.HOME ?? homedir(), '.docker');
    const config = Config.parse(JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')));
    const helper = config.credHelpers[registry] ?? config.credsStore;
    return helper === undefined ? written(config, registry) : await asked(helper, registry, environment);
  } catch {
    return null;
  }
}

function written({ auths }: Config, registry: string): Account | null {
  const found = auths[registry] ?? auths[`https://${registry}`] ?? auths[`https://${registry}/v1/`] ?? auths[`https://${registry}/v2/`];
  if (!found) return null;
  if (found.identitytoken) return { user: TOKEN_USER, password: found.identitytoken };
  const [user = '', ...password] = Buffer.from(found.auth ?? '', 'base64')
    .toString()
    .split(':');
  return user === '' ? null : { user, password: password.join(':') };
}

async function asked(helper: string, registry: string, environment: NodeJS.ProcessEnv): Promise<Account | null> {
  if (!/^[\w.-]+$/.test(helper)) return null;
  const running = promisify(execFile)(`docker-credential-${helper}`, ['get'], { env: environment, timeout: GRACES.registryAnswerMs });
  // A helper that does not read is told nothing.
  running.child.stdin?.on('error', () => undefined).end(registry);
  const { Username: user, Secret: password } = Answer.parse(JSON.parse((await running).stdout));
  return { user, password };
}
