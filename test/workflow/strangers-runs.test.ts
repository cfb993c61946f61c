/** Commands on a server where others start runs too: what the profile of a run names is opened only where the caller's own profiles name it. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../support/run-cli.ts';
import { documentOf, script } from './documents.ts';
import { startHarness, variablesOf, type Harness } from './environment.ts';
import { createMemoryPorts } from './memory-ports.ts';

/** One for each way to open something; that no other command has a way of its own, test/unit/cli/own-places.test.ts says. */
const COMMANDS: readonly (readonly string[])[] = [
  ['report', 'theirs'],
  ['models', 'download', 'm', '--run', 'theirs'],
  ['gc', 'theirs', '--dry-run'],
  ['exec', 'theirs'],
];

describe('a command about a run of somebody else', () => {
  const memory = createMemoryPorts();
  let harness: Harness;
  let folder: string;
  let asked = 0;
  const catcher = createServer((_request, response) => {
    asked += 1;
    response.end('{}');
  });

  beforeAll(async () => {
    await new Promise<void>((resolve) => catcher.listen(0, '127.0.0.1', resolve));
    const { port } = catcher.address() as AddressInfo;
    folder = await mkdtemp(join(tmpdir(), 'longhaul-strangers-'));
    const own = {
      warehouse: { kind: 'duckdb', path: join(folder, 'warehouse') },
      storage: { kind: 'directory', path: join(folder, 'store') },
      compute: { kind: 'process', path: join(folder, 'jobs') },
    } as const;
    const apiEndpoint = `http://127.0.0.1:${port}`;
    const theirs = {
      warehouse: { kind: 'bigquery', project: 'theirs', dataset: 'd', apiEndpoint },
      storage: { kind: 'gcs', bucket: 'theirs', prefix: '', apiEndpoint },
      compute: { kind: 'kubernetes', namespace: 'jobs', image: 'train:1', kubeconfig: join(folder, 'theirs.kubeconfig') },
    };
    for (const name of ['project/profiles', 'elsewhere']) await mkdir(join(folder, name), { recursive: true });
    await writeFile(join(folder, 'project/profiles/shared.yaml'), JSON.stringify({ version: 1, ...own }));
    // It would run a program to sign in.
    const user = {
      exec: { apiVersion: 'client.authentication.k8s.io/v1', command: 'touch', args: [join(folder, 'ran')], interactiveMode: 'Never' },
    };
    await writeFile(
      join(folder, 'theirs.kubeconfig'),
      JSON.stringify({
        clusters: [{ name: 'c', cluster: { server: apiEndpoint } }],
        users: [{ name: 'u', user }],
        contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
        'current-context': 'x',
      }),
    );
    harness = await startHarness(memory, 'real');
    memory.onJob = () => Promise.resolve({});
    await (await harness.start(documentOf([script('train')], { profile: own }), 'mine')).result();
    await (await harness.start(documentOf([script('train')], { profile: theirs as never }), 'theirs')).result();
  });
  afterAll(async () => {
    await harness.stop();
    catcher.close();
    await rm(folder, { recursive: true });
  });

  const cli = (at: string, args: readonly string[], env: Record<string, string> = {}): ReturnType<typeof runCli> =>
    runCli(args, { cwd: join(folder, at), env: { ...variablesOf(harness.environment), LONGHAUL_POLICY: '', ...env } });

  it.each(COMMANDS)('%s %s goes nowhere with the caller’s account, and says what to do', async (...args) => {
    const { code, stdout, stderr } = await cli('project', args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(
      /^error the run's profile\.\w+: (?:gs:\/\/)?.*theirs.*run the command where its profile is, or say --trust-profile/,
    );
    expect(asked).toBe(0);
    expect(await readdir(folder)).not.toContain('ran');
  });

  it('reads a run of a profile in this folder, whoever started it', async () => {
    expect(await cli('project', ['decisions', 'mine'])).toMatchObject({ code: 0 });
  });

  it('asks nothing of who trusts the run, or has a policy', async () => {
    const refused = await cli('elsewhere', ['decisions', 'mine']);
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining(join(folder, 'store')) as string });
    expect(await cli('elsewhere', ['decisions', 'mine', '--trust-profile'])).toMatchObject({ code: 0 });
    await writeFile(join(folder, 'policy.yaml'), `paths: ["${folder}"]`);
    expect(await cli('elsewhere', ['decisions', 'mine'], { LONGHAUL_POLICY: join(folder, 'policy.yaml') })).toMatchObject({ code: 0 });
  });

  it('knows the profile of a run that was started from here, wherever it lies', async () => {
    await writeFile(
      join(folder, 'elsewhere/pipeline.yaml'),
      JSON.stringify({ version: 1, name: 'p', steps: { train: { kind: 'script', file: 'a.sh' } } }),
    );
    await writeFile(join(folder, 'elsewhere/a.sh'), 'true\n');
    const profile = join(folder, 'project/profiles/shared.yaml');
    const started = await cli('elsewhere', ['run', 'pipeline.yaml', '--profile', profile, '--detach', '--run-id', 'from-here']);
    expect(started).toMatchObject({ code: 0, stdout: 'from-here\n' });
    expect(await readFile(join(folder, 'elsewhere/.longhaul/own-profiles.json'), 'utf8')).toContain(join(folder, 'store'));
    expect(await cli('elsewhere', ['decisions', 'mine'])).toMatchObject({ code: 0 });
  });
});
