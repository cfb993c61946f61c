import type { Command } from 'commander';
import { cannotListen, cliOf, collect, examples, portNumber } from '../context.ts';
import { UsageError } from '../exit.ts';
import { onInterrupt } from '../follow.ts';

const TOKEN_VARIABLE = 'LONGHAUL_CODEC_TOKEN';

interface Options {
  readonly port: number;
  readonly host: string;
  readonly origin: readonly string[];
}

export function registerCodecServer(program: Command): void {
  program
    .command('codec-server')
    .description("decrypt payloads for Temporal's web UI and CLI")
    .option('--port <number>', 'where it listens', portNumber, 8081)
    .option('--host <address>', 'the interface that it listens on', '127.0.0.1')
    .option('--origin <url>', 'origin of a web UI that may ask from a browser; may be repeated', collect, [])
    .addHelpText(
      'after',
      `${examples('longhaul codec-server --origin https://temporal.example.com', 'temporal workflow show -w RUN --codec-endpoint http://127.0.0.1:8081 --codec-auth "Bearer $LONGHAUL_CODEC_TOKEN"')}
LONGHAUL_ENCRYPTION_KEYS holds the keys, ${TOKEN_VARIABLE} the token that every request must carry.`,
    )
    .action(async (options: Options, command: Command) => {
      const cli = cliOf(command);
      const [{ EncryptionCodec }, { KEYS_VARIABLE, parseKeyRing }, { startCodecServer }] = await Promise.all([
        import('../../codec/encryption.ts'),
        import('../../codec/keys.ts'),
        import('../../codec/server.ts'),
      ]);
      const ring = parseKeyRing(process.env[KEYS_VARIABLE]);
      if (!ring) throw new UsageError(`${KEYS_VARIABLE} holds no keys: there is nothing to decrypt`);
      const token = process.env[TOKEN_VARIABLE] ?? '';
      if (token === '') throw new UsageError(`${TOKEN_VARIABLE} is empty; whoever may ask may read everything, so a token is needed`);
      const interrupt = onInterrupt();
      const { host, port, origin: origins } = options;
      const server = await startCodecServer({ codec: new EncryptionCodec(ring), token, origins, host, port }).catch((error: unknown) => {
        throw cannotListen(error, host, port);
      });
      cli.print({ host, port: server.port }, () => `codec server http://${host}:${server.port}`);
      await new Promise<void>((resolve) => interrupt.signal.addEventListener('abort', () => resolve()));
      await server.close();
      interrupt.dispose();
    });
}
