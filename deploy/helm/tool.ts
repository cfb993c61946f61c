/** Helm from the Go module proxy, built once into the cache; other processes that want it wait. */
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheDirectory, capture, locked, SetupError, step } from '../../bin/setup-tools.mjs';

const VERSION = 'v3.19.5';

/** Path of the program. @throws SetupError with one line that says what is missing. */
export async function ensureHelm(): Promise<string> {
  const target = join(cacheDirectory(), `helm-${VERSION}`);
  const program = join(target, 'helm');
  if (existsSync(program)) return program;
  await mkdir(cacheDirectory(), { recursive: true });
  await locked(`${target}.lock`, async () => {
    if (existsSync(program)) return;
    if ((await capture('go', ['version'])).code !== 0)
      throw new SetupError('Helm is built with Go, which is not on PATH (https://go.dev/dl)');
    const scratch = `${target}.new`;
    await rm(scratch, { recursive: true, force: true });
    await mkdir(scratch);
    await step(
      'building Helm (1 to 5 minutes, once)',
      'go',
      ['install', '-trimpath', '-ldflags', '-s -w', `helm.sh/helm/v3/cmd/helm@${VERSION}`],
      {
        env: { ...process.env, CGO_ENABLED: '0', GOBIN: scratch },
      },
    );
    await rename(scratch, target);
  });
  return program;
}
