import { InvalidArgumentError, type Command } from 'commander';
import type { OidcOptions } from '../../codec/oidc.ts';
import { cannotListen, cliOf, collect, examples, portNumber } from '../context.ts';
import { UsageError } from '../exit.ts';
import { onInterrupt } from '../follow.ts';

const TOKEN_VARIABLE = 'LONGHAUL_CODEC_TOKEN';

interface Options {
  readonly port: number;
  readonly host: string;
  readonly origin: readonly string[];
  readonly issuer?: string;
  readonly audience?: string;
  readonly jwks?: string;
  readonly reader: readonly string[];
  readonly readerGroup: readonly string[];
  readonly groupsClaim: string;
}

export function registerCodecServer(program: Command): void {
  program
    .command('codec-server')
    .description("decrypt payloads for Temporal's web UI and CLI")
    .option('--port <number>', 'where it listens', portNumber, 8081)
    .option('--host <address>', 'the interface that it listens on', '127.0.0.1')
    .option('--origin <url>', 'origin of a web UI that may ask from a browser; may be repeated', originOf, [])
    .option('--issuer <url>', 'an OIDC provider whose tokens let people read')
    .option('--audience <text>', 'of the provider’s tokens')
    .option('--jwks <url>', 'the provider’s keys, where its configuration does not name them')
    .option(
      '--reader <email>',
      'who may read, by verified address or subject; everybody with a token, when no group is named either',
      collect,
      [],
    )
    .option('--reader-group <name>', 'a group of the provider’s tokens that may read', collect, [])
    .option('--groups-claim <name>', 'claim of the tokens with the groups, or a path: realm_access.roles', 'groups')
    .addHelpText(
      'after',
      `${examples('longhaul codec-server --origin https://temporal.example.com', 'temporal workflow show -w RUN --codec-endpoint http://127.0.0.1:8081 --codec-auth "Bearer $LONGHAUL_CODEC_TOKEN"')}
LONGHAUL_ENCRYPTION_KEYS holds the keys. Every request must carry the token in ${TOKEN_VARIABLE}, or one of the OIDC provider.`,
    )
    .action(async (options: Options, command: Command) => {
      const cli = cliOf(command);
      const [{ EncryptionCodec }, { KEYS_VARIABLE, parseKeyRing }, { startCodecServer }, { createOidcCheck }] = await Promise.all([
        import('../../codec/encryption.ts'),
        import('../../codec/keys.ts'),
        import('../../codec/server.ts'),
        import('../../codec/oidc.ts'),
      ]);
      const ring = parseKeyRing(process.env[KEYS_VARIABLE]);
      if (!ring) throw new UsageError(`${KEYS_VARIABLE} holds no keys: there is nothing to decrypt`);
      const token = process.env[TOKEN_VARIABLE] || null;
      const oidc = oidcOf(options);
      if (token === null && oidc === null)
        throw new UsageError(
          `${TOKEN_VARIABLE} is empty and there is no --issuer; whoever may ask may read everything, so a token is needed`,
        );
      const interrupt = onInterrupt();
      const { host, port, origin: origins } = options;
      const server = await startCodecServer({
        ...{ codec: new EncryptionCodec(ring), token, origins, host, port },
        ...(oidc === null ? {} : { oidc: createOidcCheck(oidc) }),
      }).catch((error: unknown) => {
        throw cannotListen(error, host, port);
      });
      cli.print({ host, port: server.port }, () => `codec server http://${host}:${server.port}`);
      await new Promise<void>((resolve) => interrupt.signal.addEventListener('abort', () => resolve()));
      await server.close();
      interrupt.dispose();
    });
}

function oidcOf({ issuer, audience, jwks, reader, readerGroup, groupsClaim }: Options): OidcOptions | null {
  if (issuer === undefined) {
    if ([audience, jwks].some((one) => one !== undefined) || reader.length > 0 || readerGroup.length > 0)
      throw new UsageError('--audience, --jwks, --reader and --reader-group are of an OIDC provider: name it with --issuer');
    return null;
  }
  if (audience === undefined) throw new UsageError('--issuer needs --audience: tokens that were made for others count for nothing');
  for (const [option, url] of [
    ['--issuer', issuer],
    ['--jwks', jwks ?? issuer],
  ] as const)
    if (!URL.canParse(url) || !/^https?:/.test(url)) throw new UsageError(`${option} ${url}: a URL is expected`);
  return { issuer, audience, jwks: jwks === undefined ? null : new URL(jwks), people: reader, groups: readerGroup, groupsClaim };
}

/** As browsers write it; with a token or a cookie no origin may stand for all. */
function originOf(text: string, before: readonly string[]): readonly string[] {
  const origin = URL.canParse(text) ? new URL(text).origin : 'null';
  if (origin === 'null' || (text !== origin && text !== `${origin}/`))
    throw new InvalidArgumentError('an origin is expected, as https://temporal.example.com: scheme, host and port, and no path');
  return [...before, origin];
}
