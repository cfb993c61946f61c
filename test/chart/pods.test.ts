import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { PERMISSIONS, QUEUE_PERMISSIONS, resourceName, USE_PERMISSIONS } from '../../src/adapters/kubernetes/permissions.ts';
import type { Pod, Rendered } from './rendered.ts';
import { EVERYTHING, podsOf, rendered } from './rendered.ts';

const PARTS = ['builds', 'codec-server', 'console', 'control', 'doctor', 'sampler', 'training', 'warehouse'];
const mapped = <Value>(pods: ReadonlyMap<string, Pod>, value: (pod: Pod) => Value): Record<string, Value> =>
  Object.fromEntries([...pods].map(([part, pod]) => [part, value(pod)]));
const named = (objects: readonly Rendered[], wanted: string): readonly Rendered[] => objects.filter(({ kind }) => kind === wanted);

describe('every pod of the chart', () => {
  it('has what values say of all: environment, files, labels, place', async () => {
    const placement = {
      nodeSelector: { pool: 'system' },
      tolerations: [{ key: 'system', operator: 'Exists' }],
      affinity: { nodeAffinity: {} },
      topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'ScheduleAnyway' }],
      priorityClassName: 'important',
    };
    const pods = podsOf(
      await rendered({
        ...EVERYTHING,
        ...placement,
        env: [{ name: 'NODE_EXTRA_CA_CERTS', value: '/ca/ca.crt' }],
        extraVolumes: [{ name: 'ca', configMap: { name: 'company' } }],
        extraVolumeMounts: [{ name: 'ca', mountPath: '/ca' }],
        podLabels: { team: 'ml', 'app.kubernetes.io/component': 'mine' },
      }),
    );
    expect([...pods.keys()].sort()).toEqual(PARTS);
    for (const [part, { metadata, spec }] of pods) {
      expect(spec, part).toMatchObject(placement);
      expect(metadata.labels, part).toMatchObject({ team: 'ml', 'app.kubernetes.io/instance': 'x' });
      expect(spec.volumes, part).toContainEqual({ name: 'ca', configMap: { name: 'company' } });
      expect(spec.containers[0]?.volumeMounts, part).toContainEqual({ name: 'ca', mountPath: '/ca' });
      expect(spec.containers[0]?.env, part).toContainEqual({ name: 'NODE_EXTRA_CA_CERTS', value: '/ca/ca.crt' });
    }
  });

  it('can have a place and space of its own', async () => {
    const pods = podsOf(
      await rendered({
        nodeSelector: { pool: 'system' },
        'workers.warehouse.nodeSelector': { pool: 'memory' },
        'workers.warehouse.scratch': { sizeLimit: '200Gi', storageClass: 'fast' },
        'sampler.scratch': { sizeLimit: '1Gi' },
      }),
    );
    expect(mapped(pods, ({ spec }) => spec['nodeSelector'])).toMatchObject({ warehouse: { pool: 'memory' }, control: { pool: 'system' } });
    const space = mapped(pods, ({ spec }) => spec.volumes.find(({ name }) => name === 'tmp'));
    const claim = { accessModes: ['ReadWriteOnce'], storageClassName: 'fast', resources: { requests: { storage: '200Gi' } } };
    expect(space['warehouse']).toEqual({ name: 'tmp', ephemeral: { volumeClaimTemplate: { spec: claim } } });
    expect([space['sampler'], space['control']].map((one) => one?.emptyDir)).toEqual([{ sizeLimit: '1Gi' }, { sizeLimit: '2Gi' }]);
  });
});

describe('keys of signed decisions', () => {
  it('are the console’s alone; whose count, the control workers know', async () => {
    const pods = podsOf(await rendered({ ...EVERYTHING, signing: { consoleKeySecret: 'private', signersConfigMap: 'public' } }));
    const having = (text: string): readonly string[] =>
      [...pods].flatMap(([part, pod]) => (JSON.stringify(pod).includes(text) ? [part] : []));
    expect([having('"secretName":"private"'), having('LONGHAUL_SIGNING_KEY')]).toEqual([['console'], ['console']]);
    expect([having('"configMap":{"name":"public"}'), having('LONGHAUL_SIGNERS')]).toEqual([['control'], ['control']]);
    const without = JSON.stringify([...podsOf(await rendered())]);
    expect(without).not.toMatch(/LONGHAUL_SIGN/);
  });
});

describe('accounts of the chart', () => {
  const GOOGLE = 'iam.gke.io/gcp-service-account';
  const accounts = async (values: object = {}): Promise<Record<string, string>> =>
    mapped(podsOf(await rendered({ ...EVERYTHING, ...values })), ({ spec }) => spec.serviceAccountName);
  /** As `Role create batch/jobs`. */
  const rightsOf = (objects: readonly Rendered[], account: string): readonly string[] => {
    const bindings = objects.filter(
      ({ kind, subjects = [] }) => kind.endsWith('RoleBinding') && subjects.some(({ name }) => name === account),
    );
    const roles = objects.filter(
      ({ kind, metadata }) => /Role$/.test(kind) && bindings.some(({ roleRef }) => roleRef?.name === metadata.name),
    );
    return roles.flatMap(({ kind, rules = [] }) =>
      rules.flatMap(({ apiGroups, resources, verbs }) => verbs.map((verb) => `${kind} ${verb} ${apiGroups.join()}/${resources.join()}`)),
    );
  };

  it('are separate for console, sampler, codec server and builds, none of which is the workers’ or the trainers’ at Google', async () => {
    const shared = { control: 'x', training: 'x', warehouse: 'x', doctor: 'x' };
    const own = { console: 'x-console', sampler: 'x-sampler', 'codec-server': 'x-codec-server', builds: 'x-builds' };
    expect(await accounts()).toEqual({ ...shared, ...own });
    const objects = await rendered({
      'serviceAccount.annotations': { [GOOGLE]: 'a' },
      'trainerServiceAccount.annotations': { [GOOGLE]: 'b' },
    });
    const known = named(objects, 'ServiceAccount').filter(({ metadata }) => metadata.annotations?.[GOOGLE] !== undefined);
    expect(known.map(({ metadata }) => metadata.name).sort()).toEqual(['longhaul-trainer', 'x']);
  });

  it('can be there already, or be one for each kind of worker', async () => {
    const values = {
      serviceAccount: { create: false, name: 'given' },
      'workers.training.serviceAccount': { create: true },
      'console.serviceAccount': { create: false, name: 'looker' },
    };
    expect(await accounts(values)).toMatchObject({ control: 'given', warehouse: 'given', training: 'x-training', console: 'looker' });
    const objects = await rendered(values);
    const made = named(objects, 'ServiceAccount').map(({ metadata }) => metadata.name);
    expect(made.sort()).toEqual(['longhaul-trainer', 'x-builds', 'x-sampler', 'x-training']);
    for (const account of ['given', 'x-training']) expect(rightsOf(objects, account)).toContain('Role create batch/jobs');
  });

  it('have the rights that Longhaul uses, and no more; the console’s only look', async () => {
    const objects = await rendered();
    const used = [...PERMISSIONS, ...QUEUE_PERMISSIONS, ...USE_PERMISSIONS].flatMap((one) =>
      one.verbs.map((verb) => `${one.namespaced ? 'Role' : 'ClusterRole'} ${verb} ${one.group}/${resourceName(one)}`),
    );
    expect([...rightsOf(objects, 'x')].sort()).toEqual(used.sort());
    const console_ = rightsOf(objects, 'x-console');
    expect(used).toEqual(expect.arrayContaining([...console_]));
    expect(console_.filter((right) => / (create|delete|patch|update) /.test(right))).toEqual([]);
    expect(console_).toContain('Role get /pods/log');
    expect([...rightsOf(objects, 'x-sampler'), ...rightsOf(objects, 'longhaul-trainer')]).toEqual([]);
  });
});

describe('alerts of the chart', () => {
  it.each(['PrometheusRule', 'Rules'])('ask for metrics that workers have: %s', async (kind) => {
    const rules = named(await rendered({ 'metrics.alerts': { enabled: true, kind } }), kind);
    const [group] = (rules[0]?.spec?.['groups'] ?? []) as readonly { rules: readonly { alert: string; expr: string }[] }[];
    const metrics = (text: string): readonly string[] => text.match(/\b(?:temporal|longhaul)_[a-z_]+(?=[{[)\\ ])/g) ?? [];
    // test/e2e/telemetry.test.ts shows each of the dashboard's on a worker.
    const served = new Set(metrics(readFileSync(new URL('../../deploy/grafana/longhaul.json', import.meta.url), 'utf8')));
    expect(group?.rules.length).toBeGreaterThan(5);
    for (const { alert, expr } of group?.rules ?? []) {
      expect(metrics(expr), alert).not.toEqual([]);
      for (const metric of metrics(expr)) expect(served, alert).toContain(metric);
    }
  });
});
