import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { ConsoleOptions } from '../../console/index.ts';
import { InvalidInputError } from '../../contract/errors.ts';
import { cannotListen, cliOf, collect, examples, portNumber, type Cli } from '../context.ts';
import { UsageError } from '../exit.ts';
import { onInterrupt } from '../follow.ts';
import { everyCluster } from '../../ports/every-cluster.ts';
import type { Ports } from '../../ports/index.ts';
import { openRunPorts } from '../own-places.ts';

interface Options {
  readonly host: string;
  readonly port: number;
  readonly readOnly?: boolean;
  readonly tokenFile?: string;
  readonly iap?: string;
  readonly jwks?: string;
  readonly issuer?: string;
  readonly audience?: string;
  readonly jwtHeader: string;
  readonly operator: readonly string[];
  readonly operatorGroup: readonly string[];
  readonly viewerGroup: readonly string[];
  readonly groupsClaim: string;
  readonly hostName: readonly string[];
  readonly https?: boolean;
}

export const CONSOLE_PORT = 8265;

export function registerConsole(program: Command): void {
  program
    .command('console')
    .description('the web console: runs, trials, curves, cost, and every control, in a browser')
    .option('--port <number>', '0 takes any free one', portNumber, CONSOLE_PORT)
    .option('--host <address>', 'where to listen; others than this machine need a token or a proxy', '127.0.0.1')
    .option('--read-only', 'read-only: the controls are off for everybody')
    .option('--token-file <path>', 'who may sign in; a line each: TOKEN [operator|viewer] [name]')
    .option('--iap <audience>', 'behind Google’s Identity-Aware Proxy')
    .option('--jwks <url>', 'behind another proxy that signs who the person is: its keys')
    .option('--issuer <text>', 'of the proxy’s tokens')
    .option('--audience <text>', 'of the proxy’s tokens')
    .option('--jwt-header <name>', 'header with the proxy’s token', 'authorization')
    .option(
      '--operator <email>',
      'operators, who may use the controls; everyone whom the proxy lets in, when no --…-group is named either',
      collect,
      [],
    )
    .option('--operator-group <name>', 'a group of the proxy’s tokens whose members are operators', collect, [])
    .option('--viewer-group <name>', 'a group with read-only access; nobody else then but operators', collect, [])
    .option('--groups-claim <name>', 'claim of the tokens with the groups, or a path: realm_access.roles', 'groups')
    .option('--host-name <name>', 'a name under which browsers reach it, besides the address', collect, [])
    .option('--https', 'browsers reach it by https')
    .addHelpText(
      'after',
      examples('longhaul console', 'longhaul console --read-only --port 0', 'longhaul console --host 0.0.0.0 --token-file tokens.txt'),
    )
    .action(async (options: Options, command: Command) => {
      const cli = cliOf(command);
      const settings = await settingsOf(options);
      await using longhaul = await cli.connectOrStart();
      await using ports = openRunPorts(cli);
      const everywhere: Ports = { ...ports, compute: (profile) => everyCluster(ports, profile) };
      const { createLiveSource, sharedRevocations, startConsole } = await import('../../console/index.ts');
      const ui = process.env.LONGHAUL_UI ?? longhaul.target.ui;
      const interrupt = onInterrupt();
      const server = await startConsole(
        createLiveSource(longhaul, everywhere, ui),
        settings,
        (error) => cli.terminal.say(describe(error)),
        settings.sessionKey ? sharedRevocations(longhaul) : undefined,
      ).catch((error: unknown) => {
        throw cannotListen(error, settings.host, settings.port);
      });
      announce(cli, server.url, settings);
      await new Promise<void>((resolve) => interrupt.signal.addEventListener('abort', () => resolve()));
      await server.close();
      interrupt.dispose();
    });
}

/** @throws UsageError, InvalidInputError */
async function settingsOf(options: Options): Promise<ConsoleOptions> {
  const { UnsafeConsoleError, checkSafe, parseTokens, sessionKeyOf } = await import('../../console/index.ts');
  const settings: ConsoleOptions = {
    host: options.host,
    port: options.port,
    readOnly: options.readOnly === true,
    tokens: options.tokenFile === undefined ? [] : parseTokens(options.tokenFile, read(options.tokenFile)),
    sessionKey: sessionKeyOf(),
    proxy: await proxyOf(options),
    hostNames: options.hostName,
    https: options.https === true,
  };
  try {
    checkSafe(settings);
  } catch (error) {
    if (error instanceof UnsafeConsoleError) throw new UsageError(error.message);
    throw error;
  }
  return settings;
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    throw new InvalidInputError([
      { file, message: 'cannot be read', expected: 'a file of tokens', hint: 'openssl rand -hex 24 > tokens.txt' },
    ]);
  }
}

async function proxyOf({ iap, jwks, issuer, audience, jwtHeader, operator, ...options }: Options): Promise<ConsoleOptions['proxy']> {
  const { IAP } = await import('../../console/index.ts');
  const groups = { claim: options.groupsClaim, operators: options.operatorGroup, viewers: options.viewerGroup };
  if (iap !== undefined) return { ...IAP, audience: iap, operators: operator, groups };
  if (jwks === undefined) {
    if (groups.operators.length > 0 || groups.viewers.length > 0)
      throw new UsageError('--operator-group and --viewer-group need a proxy that signs who is in which group: --jwks, or --iap');
    return null;
  }
  if (issuer === undefined || audience === undefined)
    throw new UsageError('--jwks needs --issuer and --audience: whose tokens count, and for whom');
  if (!URL.canParse(jwks)) throw new UsageError(`--jwks ${jwks}: a URL is expected`);
  return { header: jwtHeader.toLowerCase(), jwks: new URL(jwks), issuer, audience, operators: operator, groups };
}

function announce({ json, terminal }: Cli, url: string, settings: ConsoleOptions): void {
  if (json) process.stdout.write(`${JSON.stringify({ url, pid: process.pid })}\n`);
  else {
    const who = settings.tokens.length > 0 ? 'with a token' : settings.proxy === null ? 'from this machine' : 'through its proxy';
    terminal.out(`console ${url}\n\nOpen ${who}${settings.readOnly ? ', to look only' : ''}. Ctrl-C stops it; runs go on.`);
  }
}

const describe = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error));
