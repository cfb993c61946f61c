import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { chartReadme, README, VALUES_SCHEMA, valuesSchema } from '../../deploy/helm/readme.ts';
import { CHART, helm } from '../cluster/chart.ts';
import { runCli } from '../support/run-cli.ts';
import { EVERYTHING, podsOf, rendered } from './rendered.ts';
import { sessionKeyOf } from '../../src/console/sessions.ts';

describe('values of the chart', () => {
  it('have defaults that Helm finds nothing wrong with', async () => {
    expect(await helm(['lint', CHART, '--strict'])).toContain('1 chart(s) linted, 0 chart(s) failed');
  });

  it('are all in its README, which is made from them', async () => {
    expect(await readFile(README, 'utf8')).toBe(await chartReadme());
  });

  it('know of a policy what a worker knows', async () => {
    expect(await readFile(VALUES_SCHEMA, 'utf8')).toBe(await valuesSchema());
    const policy = {
      buckets: ['b/runs'],
      resources: { cpu: 8, memory: '32Gi', gpu: 0 },
      pools: { spot: 40 },
      trials: 4,
      podTemplate: false,
    };
    expect(podsOf(await rendered({ policy })).size).toBeGreaterThan(0);
  });

  it('forbid samplers of one’s own in the pod of the sampler, unless the policy allows them', async () => {
    const said = async (values: object): Promise<unknown> => {
      const [container] = podsOf(await rendered(values)).get('sampler')?.spec.containers ?? [];
      return container?.env?.find(({ name }) => name === 'LONGHAUL_OWN_SAMPLERS')?.value;
    };
    expect(await said({})).toBe('false');
    expect(await said({ policy: { ownSamplers: true } })).toBe('true');
  });

  it.each([
    ['a rule that no worker knows', { policy: { bucket: ['b'] } }, "'/policy': additional properties 'bucket' not allowed"],
    ['a rule in a form that no worker reads', { policy: { buckets: 'b' } }, "'/policy/buckets': got string, want array"],
    ['a name that it does not know', { 'console.prot': 80 }, "'/console': additional properties 'prot' not allowed"],
    [
      'a kind of worker that there is not',
      { 'workers.trainer': { replicas: 1 } },
      "'/workers': additional properties 'trainer' not allowed",
    ],
    ['words where a number belongs', { 'workers.control.replicas': 'two' }, "'/workers/control/replicas': got string, want integer"],
    ['a port that there is not', { 'metrics.port': 70_000 }, "'/metrics/port': maximum: got 70,000, want 65,535"],
    ['no Secret of Temporal', { 'temporal.existingSecret': '' }, "'/temporal/existingSecret': minLength: got 0, want 1"],
    ['a choice that is none', { 'image.pullPolicy': 'Often' }, "'/image/pullPolicy': value must be one of"],
    ['a size without sense', { 'scratch.sizeLimit': 'much' }, "'/scratch/sizeLimit': 'much' does not match pattern"],
    [
      'less time than workers need to let go',
      { terminationGracePeriodSeconds: 5 },
      "'/terminationGracePeriodSeconds': minimum: got 5, want 20",
    ],
    ['a codec server without keys', { 'codecServer.enabled': true }, 'codecServer.existingSecret: a Secret with LONGHAUL_ENCRYPTION_KEYS'],
  ])('are refused with what is wrong with them: %s', async (_, values, message) => {
    await expect(rendered(values)).rejects.toThrow(message);
  });

  it('that a release of 0.1.0 was installed with are taken', async () => {
    const old = { networkPolicy: { enabled: true, egressPorts: [443, 7233], extraEgress: [] }, 'serviceAccount.annotations': { a: 'b' } };
    expect(podsOf(await rendered(old)).size).toBeGreaterThan(0);
  });
});

describe('the console of the chart', () => {
  const arguments_ = async (values: object = {}): Promise<readonly string[]> => {
    const container = podsOf(await rendered(values)).get('console')?.spec.containers[0];
    return [...(container?.command ?? []), ...(container?.args ?? [])];
  };

  it('starts with default values, and lets in who has the token that the chart made', async () => {
    const objects = await rendered();
    const tokens = objects.find(({ kind, metadata }) => kind === 'Secret' && metadata.name === 'x-console-tokens')?.data?.['tokens'];
    const folder = await mkdtemp(join(tmpdir(), 'longhaul-chart-'));
    const file = join(folder, 'tokens');
    await writeFile(file, Buffer.from(tokens ?? '', 'base64'));
    const [node, program, main, ...args] = (await arguments_()).map((each) => each.replace('/etc/longhaul/console/tokens', file));
    expect([node, program, main]).toEqual(['node', 'bin/program.mjs', 'src/cli/main']);
    const { code, stderr } = await runCli(args, { cwd: folder, env: { TEMPORAL_ADDRESS: '127.0.0.1:1', HOME: folder } });
    await rm(folder, { recursive: true });
    // Nothing was wrong with arguments or tokens: it looked for the server.
    expect(code, stderr).toBe(4);
    expect(stderr).toContain('127.0.0.1:1');
  });

  it('has no token of the chart where people sign in in another way', async () => {
    for (const values of [{ 'console.args': ['--iap', '/projects/1'] }, { 'console.tokenSecret': 'mine' }]) {
      const secrets = (await rendered(values)).filter(({ kind }) => kind === 'Secret');
      expect(secrets).toEqual([]);
    }
    expect(await arguments_({ 'console.args': ['--iap', '/projects/1'] })).not.toContain('--token-file');
    expect(await arguments_({ 'console.tokenSecret': 'mine' })).toContain('--token-file');
    const named = await arguments_({ 'console.tokenSecret': 'mine', 'console.args': ['--token-file', '/etc/longhaul/console/tokens'] });
    expect(named.filter((each) => each === '--token-file')).toHaveLength(1);
  });

  it('signs sessions with one key in all replicas: the chart’s own where there are several, or a Secret that was named', async () => {
    const keyOf = async (values: object): Promise<{ name?: string; made: readonly string[] }> => {
      const objects = await rendered({ 'console.tokenSecret': 'mine', ...values });
      const variables = podsOf(objects).get('console')?.spec.containers[0]?.env as readonly { name: string; valueFrom?: unknown }[];
      const variable = variables.find(({ name }) => name === 'LONGHAUL_CONSOLE_KEY');
      const { secretKeyRef } = (variable?.valueFrom ?? {}) as { secretKeyRef?: { name: string; key: string } };
      const made = objects.flatMap(({ kind, metadata, data }) => (kind === 'Secret' && data?.['key'] ? [metadata.name] : []));
      if (made.length > 0) {
        const key = Buffer.from(objects.find(({ metadata }) => metadata.name === made[0])?.data?.['key'] ?? '', 'base64').toString();
        expect(sessionKeyOf({ LONGHAUL_CONSOLE_KEY: key })).toBe(key);
      }
      return { ...(secretKeyRef ? { name: `${secretKeyRef.name}/${secretKeyRef.key}` } : {}), made };
    };
    expect(await keyOf({})).toEqual({ made: [] });
    expect(await keyOf({ 'console.replicas': 3 })).toEqual({ name: 'x-console-sessions/key', made: ['x-console-sessions'] });
    expect(await keyOf({ 'console.replicas': 3, 'console.sessionSecret': 'own' })).toEqual({ name: 'own/key', made: [] });
    expect(await keyOf({ 'console.sessionSecret': 'own' })).toEqual({ name: 'own/key', made: [] });
  });

  it('knows the names under which ingress and gateway show it', async () => {
    const args = (await arguments_(EVERYTHING)).join(' ');
    expect(args).toContain('--host-name longhaul.example.com --host-name runs.example.com --https');
    expect(await arguments_()).not.toContain('--https');
  });
});
