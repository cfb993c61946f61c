import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeCertificates, startTlsFront, type Certificates, type TlsFront } from '../support/tls-front.ts';
import { startServer } from '../workflow/environment.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const API_KEY = 'a-key-of-the-test';

/** Temporal's standard environment configuration, as docs/security.md shows it. */
describe('connections to Temporal by TLS', () => {
  const folder = mkdtempSync(join(tmpdir(), 'longhaul-tls-'));
  let environment: TestWorkflowEnvironment;
  let certificates: Certificates;
  let mutual: TlsFront;
  let keyed: TlsFront;

  beforeAll(async () => {
    environment = await startServer('real');
    certificates = makeCertificates(folder);
    mutual = await startTlsFront(environment.address, certificates, 'certificate');
    keyed = await startTlsFront(environment.address, certificates, { apiKey: API_KEY });
  });
  afterAll(async () => {
    await Promise.all([mutual.close(), keyed.close()]);
    await environment.teardown();
    rmSync(folder, { recursive: true, force: true });
  });

  const byCertificate = (): Record<string, string> => ({
    TEMPORAL_ADDRESS: mutual.address,
    TEMPORAL_TLS_SERVER_CA_CERT_PATH: certificates.ca,
    TEMPORAL_TLS_CLIENT_CERT_PATH: certificates.client.cert,
    TEMPORAL_TLS_CLIENT_KEY_PATH: certificates.client.key,
  });
  const byKey = (key = API_KEY): Record<string, string> => ({
    TEMPORAL_ADDRESS: keyed.address,
    TEMPORAL_API_KEY: key,
    TEMPORAL_TLS_SERVER_CA_CERT_PATH: certificates.ca,
  });

  const workers: readonly (readonly [string, string, readonly string[]])[] = [
    ['control worker', process.execPath, [join(ROOT, 'workers', 'control.ts')]],
    ['sampler', process.env.LONGHAUL_PYTHON ?? 'python3', ['-m', 'longhaul_sampler']],
  ];

  /** Resolves with the line that says that it serves its queue. */
  async function untilReady(program: string, args: readonly string[], variables: Record<string, string>): Promise<string> {
    const child = spawn(program, args, {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, PYTHONPATH: join(ROOT, 'python'), PYTHONUNBUFFERED: '1', ...variables },
    });
    const said: string[] = [];
    try {
      return await new Promise((resolve, reject) => {
        for (const stream of [child.stdout, child.stderr])
          createInterface({ input: stream }).on('line', (line) => {
            said.push(line);
            if (line.includes('"ready":true') || line.includes('ready on')) resolve(line);
          });
        child.on('exit', () => reject(new Error(said.join('\n'))));
      });
    } finally {
      child.kill('SIGKILL');
    }
  }

  /** `longhaul list` */
  const list = (variables: Record<string, string>): Promise<{ code: number; stdout: string; stderr: string }> =>
    new Promise((resolve) => {
      const options = { cwd: folder, env: { ...process.env, ...variables } };
      execFile(process.execPath, [join(ROOT, 'src', 'cli', 'main.ts'), 'list', '--output', 'json'], options, (error, stdout, stderr) => {
        resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
      });
    });

  it.each(workers)('a client certificate lets the %s in', async (_name, program, args) => {
    expect(await untilReady(program, args, byCertificate())).toContain('ready');
  });

  it.each(workers)('an API key lets the %s in', async (_name, program, args) => {
    expect(await untilReady(program, args, byKey())).toContain('ready');
  });

  it.each([
    ['a client certificate', byCertificate],
    ['an API key', byKey],
  ] as const)('%s lets the command line in', async (_name, variables) => {
    expect(await list(variables())).toMatchObject({ code: 0, stdout: expect.stringContaining('[') as string });
  });

  it('no certificate, a wrong key: exit code 4, and the address in the message', async () => {
    const { TEMPORAL_TLS_CLIENT_CERT_PATH: _cert, TEMPORAL_TLS_CLIENT_KEY_PATH: _key, ...anonymous } = byCertificate();
    const answers = await Promise.all([list(anonymous), list(byKey('another'))]);
    for (const [answer, address] of [
      [answers[0], mutual.address],
      [answers[1], keyed.address],
    ] as const) {
      expect(answer.code).toBe(4);
      expect(answer.stderr + answer.stdout).toContain(address);
      expect(answer.stderr + answer.stdout).not.toContain('another');
    }
  });
});
