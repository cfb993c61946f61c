import { describe, expect, it } from 'vitest';
import { jobManifest } from '../../../src/adapters/kubernetes/job-manifest.ts';
import { labelValue, specHash } from '../../../src/adapters/kubernetes/labels.ts';
import { mergeOverlay } from '../../../src/rules/overlay.ts';
import type { JobSpec } from '../../../src/contract/jobs.ts';
import type { Json } from '../../../src/contract/values.ts';
import { Compute, Pool } from '../../../src/contract/profile.ts';

type Config = Extract<Compute, { kind: 'kubernetes' }>;
const config = (changes: object = {}): Config => Compute.parse({ kind: 'kubernetes', image: 'trainer:1', ...changes }) as Config;

const SPEC: JobSpec = {
  name: 'run-1-search-t3-a2',
  labels: { pipeline: 'grocery', run: 'run-1', step: 'search', trial: '3', attempt: '2' },
  command: ['python', '-m', 'longhaul_trainer'],
  env: { LONGHAUL_TRIAL: 'gs://bucket/trial.json' },
  resources: { cpu: 1.5, memoryMb: 2048, ephemeralMb: 1000, gpu: 1 },
  pool: {
    name: 'spot-n2',
    spot: true,
    pricePerHour: 0.1,
    nodeSelector: { 'cloud.google.com/gke-spot': 'true' },
    tolerations: [{ key: 'spot', operator: 'Equal', value: 'true', effect: 'NoSchedule' }],
  },
  graceSeconds: 15,
  deadlineSeconds: 3600,
};

interface Manifest {
  readonly metadata: { readonly labels: Record<string, string>; readonly annotations: Record<string, string> };
  readonly spec: {
    readonly template: {
      readonly metadata: object;
      readonly spec: { readonly containers: readonly Record<string, unknown>[] } & Record<string, unknown>;
    };
  } & Record<string, unknown>;
}
const manifest = (changes: object = {}, spec: Partial<JobSpec> = {}): Manifest =>
  jobManifest({ ...SPEC, ...spec }, config(changes)) as unknown as Manifest;
const pod = (changes: object = {}, spec: Partial<JobSpec> = {}) => manifest(changes, spec).spec.template.spec;
const main = (changes: object = {}, spec: Partial<JobSpec> = {}) => pod(changes, spec).containers[0]!;

const SHM = { name: 'shm', mountPath: '/dev/shm' };
/** What a pod gets for its machine since then. */
const ADDED = [
  '"cluster-autoscaler.kubernetes.io/safe-to-evict":"false"',
  ',{"key":"cloud.google.com/gke-spot","operator":"Equal","value":"true","effect":"NoSchedule"},{"key":"nvidia.com/gpu","operator":"Exists","effect":"NoSchedule"}',
  '"volumes":[{"name":"shm","emptyDir":{"medium":"Memory","sizeLimit":"1024Mi"}}],',
  ',{"name":"shm","emptyDir":{"medium":"Memory","sizeLimit":"1024Mi"}}',
  '"volumeMounts":[{"name":"shm","mountPath":"/dev/shm"}],',
  ',{"name":"shm","mountPath":"/dev/shm"}',
];
const withoutMachine = (json: string): string => ADDED.reduce((text, added) => text.replace(added, ''), json);

describe('the Job of an attempt', () => {
  it('is one pod that is never restarted or replaced by Kubernetes', () => {
    expect(manifest().spec).toMatchObject({ backoffLimit: 0, completions: 1, parallelism: 1, ttlSecondsAfterFinished: 3600 });
    expect(manifest().spec['podFailurePolicy']).toMatchObject({ rules: [{ action: 'FailJob' }, { action: 'FailJob' }] });
    expect(pod()).toMatchObject({ restartPolicy: 'Never', terminationGracePeriodSeconds: 15, activeDeadlineSeconds: 3600 });
  });

  it('keeps Pod Security "restricted", and no token of the API server', () => {
    expect(pod()).toMatchObject({
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      automountServiceAccountToken: false,
    });
    expect(main()['securityContext']).toEqual({ allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } });
  });

  it('goes to its pool, with what it needs', () => {
    expect(pod()).toMatchObject({ nodeSelector: SPEC.pool.nodeSelector });
    expect(pod()['tolerations']).toEqual(expect.arrayContaining(SPEC.pool.tolerations));
    const both = { memory: '2048Mi', 'ephemeral-storage': '1000Mi', 'nvidia.com/gpu': '1' };
    expect(main()['resources']).toEqual({ requests: { cpu: '1500m', ...both }, limits: both });
    expect(main({ cpuLimit: 'request' })['resources']).toMatchObject({ limits: { cpu: '1500m' } });
  });

  it('has what the profile gives to every Job', () => {
    const given = manifest({
      serviceAccount: 'trainer',
      priorityClass: 'training',
      imagePullSecrets: ['registry'],
      labels: { team: 'ranking' },
      annotations: { note: 'x' },
      env: { A: '1', LONGHAUL_TRIAL: 'of the profile' },
    });
    expect(given.spec.template.spec).toMatchObject({
      serviceAccountName: 'trainer',
      priorityClassName: 'training',
      imagePullSecrets: [{ name: 'registry' }],
    });
    expect(given.spec.template.metadata).toMatchObject({
      labels: { team: 'ranking', 'longhaul.dev/trial': '3' },
      annotations: { note: 'x' },
    });
    expect(given.spec.template.spec.containers[0]!['env']).toEqual([
      { name: 'A', value: '1' },
      { name: 'LONGHAUL_TRIAL', value: 'gs://bucket/trial.json' },
    ]);
  });

  it.each([
    [{ metadata: { labels: { 'app.kubernetes.io/managed-by': null } } }],
    [{ metadata: { labels: { 'app.kubernetes.io/managed-by': 'somebody' } } }],
    [{ metadata: { labels: { 'longhaul.dev/trial': '4' } } }],
    [{ metadata: { labels: null } }],
    [{ metadata: null }],
  ])('keeps the labels by which it is found, and network policies hold: %j', (podTemplate) => {
    expect(() => manifest({ podTemplate })).toThrow('compute.podTemplate: metadata.labels must keep');
    expect(manifest({ podTemplate: { metadata: { labels: { team: 'ranking' } } } }).spec.template.metadata).toMatchObject({
      labels: {
        team: 'ranking',
        'app.kubernetes.io/managed-by': 'longhaul',
      },
    });
  });

  it('has the images that its tags meant, but for those that machines have by the tag alone', () => {
    const digests = { 'trainer:1': `sha256:${'a'.repeat(64)}`, 'own:2': `sha256:${'b'.repeat(64)}` };
    const code = { archive: `gs://bucket/code/${'c'.repeat(64)}` };
    const imagesOf = (changes: object, spec: Partial<JobSpec>) => {
      const { initContainers = [], containers } = pod(changes, spec) as {
        initContainers?: { image: string }[];
        containers: { image?: unknown }[];
      };
      return [...initContainers, ...containers].map(({ image }) => image);
    };
    expect(imagesOf({}, { digests, image: 'own:2', code })).toEqual([`trainer:1@${digests['trainer:1']}`, `own:2@${digests['own:2']}`]);
    expect(imagesOf({}, { digests, image: 'toString', code })).toEqual([`trainer:1@${digests['trainer:1']}`, 'toString']);
    expect(imagesOf({ imagePullPolicy: 'Never' }, { digests })).toEqual(['trainer:1']);
  });

  it('is suspended for Kueue, which admits it', () => {
    const queued = manifest({ queue: 'training' });
    expect(queued.metadata.labels).toMatchObject({ 'kueue.x-k8s.io/queue-name': 'training' });
    expect(queued.spec['suspend']).toBe(true);
    expect(manifest().spec['suspend']).toBeUndefined();
  });

  it('mounts a bucket by the GCS FUSE CSI driver, and other volumes', () => {
    const volumes = [
      { name: 'data', mountPath: '/data', readOnly: true, gcsFuse: { bucket: 'features', attributes: { mountOptions: 'implicit-dirs' } } },
      { name: 'scratch', mountPath: '/scratch', source: { emptyDir: {} } },
    ];
    expect(pod({ volumes })['volumes']).toEqual([
      {
        name: 'data',
        csi: {
          driver: 'gcsfuse.csi.storage.gke.io',
          readOnly: true,
          volumeAttributes: { bucketName: 'features', mountOptions: 'implicit-dirs' },
        },
      },
      { name: 'scratch', emptyDir: {} },
      expect.objectContaining({ name: 'shm' }),
    ]);
    expect(main({ volumes })['volumeMounts']).toMatchObject([
      { name: 'data', mountPath: '/data', readOnly: true },
      { name: 'scratch', mountPath: '/scratch' },
      SHM,
    ]);
    expect(manifest({ volumes }).spec.template.metadata).toMatchObject({ annotations: { 'gke-gcsfuse/volumes': 'true' } });
  });

  it('keeps dollar signs from Kubernetes’ own expansion', () => {
    expect(main({}, { command: ['sh', '-c', 'echo $(date) $$'], env: { P: '$(HOME)' } })).toMatchObject({
      command: ['sh', '-c', 'echo $$(date) $$$$'],
      env: [{ name: 'P', value: '$$(HOME)' }],
    });
  });

  it('takes the overlay last, and nothing that breaks out of the pod', () => {
    const podTemplate = { spec: { containers: [{ name: 'main', env: [{ name: 'EXTRA', value: '1' }] }], runtimeClassName: 'gvisor' } };
    expect(pod({ podTemplate })).toMatchObject({ runtimeClassName: 'gvisor' });
    expect(main({ podTemplate })).toMatchObject({ image: 'trainer:1', env: [{ name: 'LONGHAUL_TRIAL' }, { name: 'EXTRA' }] });
    const refused = (overlay: object): unknown =>
      expect(() => manifest({ podTemplate: overlay })).toThrow(/compute\.podTemplate: .*not allowed/);
    refused({ spec: { hostNetwork: true } });
    refused({ spec: { containers: [{ name: 'main', securityContext: { privileged: true } }] } });
    refused({ spec: { initContainers: [{ name: 'x', securityContext: { privileged: true } }] } });
  });
});

describe('an overlay', () => {
  it('merges lists by name, appends tolerations, replaces the rest, and removes with null and $patch', () => {
    const base: Json = {
      a: [{ name: 'x' }],
      containers: [{ name: 'main', args: ['1'], image: 'i' }, { name: 'side' }],
      tolerations: [{ key: 'k' }],
      gone: 1,
    };
    const overlay: Json = {
      a: [{ name: 'y' }],
      containers: [{ name: 'main', args: ['2'] }, { name: 'side', $patch: 'delete' }, { name: 'new' }],
      tolerations: [{ key: 'l' }],
      gone: null,
    };
    expect(mergeOverlay(base, overlay)).toEqual({
      a: [{ name: 'y' }],
      containers: [{ name: 'main', args: ['2'], image: 'i' }, { name: 'new' }],
      tolerations: [{ key: 'k' }, { key: 'l' }],
    });
  });
});

describe('labels', () => {
  it('keep what Kubernetes allows, and stay different when it does not', () => {
    expect(labelValue('prepare.dataset_train-1')).toBe('prepare.dataset_train-1');
    const odd = ['a/b', 'a b', 'x'.repeat(64), `${'x'.repeat(64)}y`, '-a', 'ä'];
    const values = odd.map(labelValue);
    expect(new Set(values).size).toBe(odd.length);
    for (const value of values) expect(value).toMatch(/^[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/);
  });

  it('tell specs apart by their content and not by the order of keys', () => {
    const reordered = Object.fromEntries(Object.entries(SPEC).reverse()) as unknown as JobSpec;
    expect(specHash(reordered)).toBe(specHash(SPEC));
    expect(specHash({ ...SPEC, graceSeconds: 16 })).not.toBe(specHash(SPEC));
  });
});

describe('the Job of shipped code', () => {
  const CODE = { archive: `gs://bucket/code/${'a'.repeat(64)}`, requirements: `gs://bucket/code/${'b'.repeat(64)}` };
  const shipped = (spec: Partial<JobSpec> = {}, changes: object = {}) =>
    pod(changes, { image: 'europe/base:1', command: ['python', 'train.py', '$HOME'], code: CODE, ...spec });
  const SOURCES = ['--code', CODE.archive, '--requirements', CODE.requirements];

  it('gets launcher, SDK and code from the image of the profile, whatever its own has', () => {
    const { initContainers, containers, volumes } = shipped() as unknown as Record<string, readonly Record<string, unknown>[]>;
    expect(initContainers).toMatchObject([
      {
        name: 'longhaul-launcher',
        image: 'trainer:1',
        command: ['python3', '-m', 'longhaul.launch', '--prepare', '/longhaul', ...SOURCES],
      },
    ]);
    expect(containers).toMatchObject([
      {
        name: 'main',
        image: 'europe/base:1',
        workingDir: '/longhaul',
        command: ['python3', '/longhaul/launch.py', '--home', '/longhaul', ...SOURCES, '--', 'python', 'train.py', '$$HOME'],
      },
    ]);
    expect(volumes).toEqual([{ name: 'longhaul-code', emptyDir: {} }, expect.objectContaining({ name: 'shm' })]);
    for (const container of [...initContainers!, ...containers!])
      expect(container).toMatchObject({
        volumeMounts: [{ name: 'longhaul-code', mountPath: '/longhaul' }, SHM],
        env: [{ name: 'LONGHAUL_TRIAL', value: 'gs://bucket/trial.json' }],
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
        terminationMessagePolicy: 'FallbackToLogsOnError',
      });
  });

  it('asks for no more than without it, and for GPUs once', () => {
    const { initContainers, containers } = shipped() as unknown as Record<string, readonly { readonly resources: object }[]>;
    expect(containers![0]!.resources).toEqual(main()['resources']);
    expect(JSON.stringify(initContainers![0]!.resources)).not.toContain('gpu');
  });

  it('runs by the interpreter that the step names', () => {
    const { containers } = shipped({ code: { ...CODE, python: '/opt/conda/bin/python' } });
    expect(containers[0]).toMatchObject({ command: expect.arrayContaining(['/opt/conda/bin/python', '--home']) as unknown });
  });

  it('keeps the volumes of the profile', () => {
    const volumes = [{ name: 'data', mountPath: '/data', source: { persistentVolumeClaim: { claimName: 'd' } } }];
    const { initContainers, volumes: found } = shipped({}, { volumes }) as unknown as Record<string, readonly Record<string, unknown>[]>;
    expect(found).toHaveLength(3);
    expect(initContainers![0]!['volumeMounts']).toMatchObject([{ name: 'data', mountPath: '/data' }, { name: 'longhaul-code' }, SHM]);
  });

  it('keeps the sign of a launcher that failed, for a worker that comes after the pod is gone', () => {
    const rules = (manifest({}, { code: CODE }).spec['podFailurePolicy'] as { readonly rules: readonly object[] }).rules;
    expect(rules).toHaveLength(3);
    expect(rules[2]).toMatchObject({ onExitCodes: { containerName: 'longhaul-launcher' } });
  });

  it('is the manifest of before, byte for byte, where no code is shipped', () => {
    const volumes = [{ name: 'data', mountPath: '/data', source: { emptyDir: {} } }];
    const found = [manifest(), manifest({ queue: 'q', volumes }, { image: 'own:1' })].map((each) => withoutMachine(JSON.stringify(each)));
    expect(found).toEqual(BEFORE);
  });
});

/** As 0.2.0 made them. */
const BEFORE = [
  // prettier-ignore
  '{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"run-1-search-t3-a2","labels":{"app.kubernetes.io/managed-by":"longhaul","longhaul.dev/pipeline":"grocery","longhaul.dev/run":"run-1","longhaul.dev/step":"search","longhaul.dev/trial":"3","longhaul.dev/attempt":"2"},"annotations":{"longhaul.dev/spec-sha256":"15f0c451f01b10462ebb7592dc72c5679b3fb1169a9b617d5cc428724be25db7","longhaul.dev/labels":"{\\"pipeline\\":\\"grocery\\",\\"run\\":\\"run-1\\",\\"step\\":\\"search\\",\\"trial\\":\\"3\\",\\"attempt\\":\\"2\\"}"}},"spec":{"backoffLimit":0,"completions":1,"parallelism":1,"podFailurePolicy":{"rules":[{"action":"FailJob","onPodConditions":[{"type":"DisruptionTarget","status":"True"}]},{"action":"FailJob","onExitCodes":{"containerName":"main","operator":"NotIn","values":[0]}}]},"ttlSecondsAfterFinished":3600,"template":{"metadata":{"labels":{"app.kubernetes.io/managed-by":"longhaul","longhaul.dev/pipeline":"grocery","longhaul.dev/run":"run-1","longhaul.dev/step":"search","longhaul.dev/trial":"3","longhaul.dev/attempt":"2"},"annotations":{}},"spec":{"restartPolicy":"Never","terminationGracePeriodSeconds":15,"activeDeadlineSeconds":3600,"automountServiceAccountToken":false,"enableServiceLinks":false,"nodeSelector":{"cloud.google.com/gke-spot":"true"},"tolerations":[{"key":"spot","operator":"Equal","value":"true","effect":"NoSchedule"}],"securityContext":{"runAsNonRoot":true,"seccompProfile":{"type":"RuntimeDefault"}},"containers":[{"name":"main","image":"trainer:1","imagePullPolicy":"IfNotPresent","command":["python","-m","longhaul_trainer"],"env":[{"name":"LONGHAUL_TRIAL","value":"gs://bucket/trial.json"}],"resources":{"requests":{"cpu":"1500m","memory":"2048Mi","ephemeral-storage":"1000Mi","nvidia.com/gpu":"1"},"limits":{"memory":"2048Mi","ephemeral-storage":"1000Mi","nvidia.com/gpu":"1"}},"securityContext":{"allowPrivilegeEscalation":false,"capabilities":{"drop":["ALL"]}},"terminationMessagePolicy":"FallbackToLogsOnError"}]}}}}',
  // prettier-ignore
  '{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"run-1-search-t3-a2","labels":{"app.kubernetes.io/managed-by":"longhaul","longhaul.dev/pipeline":"grocery","longhaul.dev/run":"run-1","longhaul.dev/step":"search","longhaul.dev/trial":"3","longhaul.dev/attempt":"2","kueue.x-k8s.io/queue-name":"q"},"annotations":{"longhaul.dev/spec-sha256":"e52e8febcaa1be7e08032f0dc7bca0975117a2141f916601c0ca137dfef5f1cc","longhaul.dev/labels":"{\\"pipeline\\":\\"grocery\\",\\"run\\":\\"run-1\\",\\"step\\":\\"search\\",\\"trial\\":\\"3\\",\\"attempt\\":\\"2\\"}"}},"spec":{"backoffLimit":0,"completions":1,"parallelism":1,"podFailurePolicy":{"rules":[{"action":"FailJob","onPodConditions":[{"type":"DisruptionTarget","status":"True"}]},{"action":"FailJob","onExitCodes":{"containerName":"main","operator":"NotIn","values":[0]}}]},"ttlSecondsAfterFinished":3600,"suspend":true,"template":{"metadata":{"labels":{"app.kubernetes.io/managed-by":"longhaul","longhaul.dev/pipeline":"grocery","longhaul.dev/run":"run-1","longhaul.dev/step":"search","longhaul.dev/trial":"3","longhaul.dev/attempt":"2"},"annotations":{}},"spec":{"restartPolicy":"Never","terminationGracePeriodSeconds":15,"activeDeadlineSeconds":3600,"automountServiceAccountToken":false,"enableServiceLinks":false,"nodeSelector":{"cloud.google.com/gke-spot":"true"},"tolerations":[{"key":"spot","operator":"Equal","value":"true","effect":"NoSchedule"}],"securityContext":{"runAsNonRoot":true,"seccompProfile":{"type":"RuntimeDefault"}},"volumes":[{"name":"data","emptyDir":{}}],"containers":[{"name":"main","image":"own:1","imagePullPolicy":"IfNotPresent","command":["python","-m","longhaul_trainer"],"env":[{"name":"LONGHAUL_TRIAL","value":"gs://bucket/trial.json"}],"resources":{"requests":{"cpu":"1500m","memory":"2048Mi","ephemeral-storage":"1000Mi","nvidia.com/gpu":"1"},"limits":{"memory":"2048Mi","ephemeral-storage":"1000Mi","nvidia.com/gpu":"1"}},"volumeMounts":[{"name":"data","mountPath":"/data","readOnly":false}],"securityContext":{"allowPrivilegeEscalation":false,"capabilities":{"drop":["ALL"]}},"terminationMessagePolicy":"FallbackToLogsOnError"}]}}}}',
];

describe('what a pod gets of its machine', () => {
  const of = (pool: object, resources: object = {}, changes: object = {}) =>
    pod(changes, { pool: { ...SPEC.pool, ...pool }, resources: { ...SPEC.resources, ...resources } });

  it.each(['nvidia.com/gpu', 'amd.com/gpu', 'gpu.intel.com/i915'])(
    'asks for %s where the pool has it, and tolerates its taint',
    (gpuResource) => {
      const given = of({ gpuResource }, { gpu: 2 });
      const asked = given.containers[0]!['resources'] as Record<'requests' | 'limits', Record<string, string>>;
      expect([asked.requests[gpuResource], asked.limits[gpuResource]]).toEqual(['2', '2']);
      expect(given['tolerations']).toContainEqual({ key: gpuResource, operator: 'Exists', effect: 'NoSchedule' });
      expect(JSON.stringify(of({ gpuResource }, { gpu: 0 }))).not.toContain(gpuResource);
    },
  );

  it.each(['gpu', 'nvidia/', 'AMD.com/gpu', 'nvidia.com/gpu/2', 'amd.com/ gpu'])('refuses %j as the name of a resource', (gpuResource) => {
    expect(() => Pool.parse({ name: 'a', spot: true, gpuResource })).toThrow(/VENDOR\/NAME/);
  });

  it('tolerates what GKE taints by itself, as the pool says it where that says it', () => {
    const selector = { 'cloud.google.com/gke-spot': 'true', 'kubernetes.io/arch': 'arm64' };
    const keys = (given: Record<string, unknown>) => (given['tolerations'] as { readonly key: string }[]).map(({ key }) => key);
    expect(keys(of({ nodeSelector: selector, tolerations: [] }, { gpu: 0 }))).toEqual(Object.keys(selector));
    const own = { key: 'cloud.google.com/gke-spot', operator: 'Exists' };
    expect(of({ nodeSelector: selector, tolerations: [own] }, { gpu: 0 })['tolerations']).toMatchObject([
      own,
      { key: 'kubernetes.io/arch' },
    ]);
    expect(of({ nodeSelector: { 'kubernetes.io/arch': 'amd64' }, tolerations: [] }, { gpu: 0 })['tolerations']).toBeUndefined();
  });

  it('has shared memory of half of its memory, unless the profile mounts something there', () => {
    expect(of({}, { memoryMb: 4096 })['volumes']).toEqual([{ name: 'shm', emptyDir: { medium: 'Memory', sizeLimit: '2048Mi' } }]);
    const volumes = [{ name: 'big', mountPath: '/dev/shm', source: { emptyDir: { medium: 'Memory' } } }];
    expect(JSON.stringify(of({}, {}, { volumes }))).not.toContain('"shm"');
  });

  it('is not moved by an autoscaler that tidies up, unless the profile says so', () => {
    const key = 'cluster-autoscaler.kubernetes.io/safe-to-evict';
    expect(manifest().spec.template.metadata).toMatchObject({ annotations: { [key]: 'false' } });
    expect(manifest({ annotations: { [key]: 'true' } }).spec.template.metadata).toMatchObject({ annotations: { [key]: 'true' } });
  });
});

describe('the Job of an attempt on several machines', () => {
  const gang = (changes: Partial<JobSpec> = {}) => manifest({}, { nodes: 3, ...changes });
  const envOf = (given: Manifest) =>
    given.spec.template.spec.containers[0]!['env'] as { name: string; value?: string; valueFrom?: unknown }[];

  it('is suspended whole for Kueue, which admits as many pods as it has machines', () => {
    const queued = manifest({ queue: 'training' }, { nodes: 3 });
    expect(queued.metadata.labels).toMatchObject({ 'kueue.x-k8s.io/queue-name': 'training' });
    // Admitted in part it would train in another world.
    expect(queued.metadata.annotations).not.toHaveProperty('kueue.x-k8s.io/job-min-parallelism');
    expect(queued.spec).toMatchObject({ suspend: true, completionMode: 'Indexed', completions: 3, parallelism: 3 });
  });

  it('is one Indexed Job that begins and ends as one', () => {
    expect(gang().spec).toMatchObject({ completionMode: 'Indexed', completions: 3, parallelism: 3, backoffLimit: 0 });
    expect(gang().spec['podFailurePolicy']).toMatchObject({ rules: [{ action: 'FailJob' }, { action: 'FailJob' }] });
  });

  it('tells each pod its rank, their number and where rank 0 is', () => {
    const env = envOf(gang());
    expect(env).toEqual(
      expect.arrayContaining([
        { name: 'LONGHAUL_NODES', value: '3' },
        { name: 'LONGHAUL_GPUS_PER_NODE', value: '1' },
        { name: 'LONGHAUL_COORDINATOR', value: 'run-1-search-t3-a2-0.run-1-search-t3-a2:29400' },
        {
          name: 'LONGHAUL_NODE_RANK',
          valueFrom: { fieldRef: { fieldPath: "metadata.annotations['batch.kubernetes.io/job-completion-index']" } },
        },
      ]),
    );
    expect(gang().spec.template.spec['subdomain']).toBe('run-1-search-t3-a2');
    expect(envOf(gang({ resources: { ...SPEC.resources, gpu: 0 } })).map(({ name }) => name)).not.toContain('LONGHAUL_GPUS_PER_NODE');
  });

  it('gives its Service a name that Services may have', () => {
    expect(gang({ name: '20261129-run-t1-a1' }).spec.template.spec['subdomain']).toBe('j-20261129-run-t1-a1');
  });

  it('is what it ever was with one machine', () => {
    const { nodeSelector, tolerations, ...pool } = SPEC.pool;
    expect(JSON.stringify(jobManifest({ ...SPEC, pool: { ...pool, topology: 'compact', nodeSelector, tolerations } }, config()).spec)).toBe(
      JSON.stringify(manifest().spec),
    );
    expect(JSON.stringify(manifest())).not.toMatch(/Indexed|subdomain|LONGHAUL_NODE|affinity/);
  });

  it('keeps to one zone, or to machines near each other, where its pool says so', () => {
    const affinityOf = (topology: 'zone' | 'compact') =>
      gang({ pool: { ...SPEC.pool, topology } }).spec.template.spec['affinity'] as { podAffinity: Record<string, object[]> };
    const own = { labelSelector: { matchLabels: { 'batch.kubernetes.io/job-name': SPEC.name } } };
    const zone = { topologyKey: 'topology.kubernetes.io/zone', ...own };
    expect(gang().spec.template.spec['affinity']).toBeUndefined();
    expect(affinityOf('zone').podAffinity).toEqual({ requiredDuringSchedulingIgnoredDuringExecution: [zone] });
    expect(affinityOf('compact').podAffinity['requiredDuringSchedulingIgnoredDuringExecution']).toEqual([zone]);
    expect(affinityOf('compact').podAffinity['preferredDuringSchedulingIgnoredDuringExecution']).toHaveLength(3);
  });

  it('lets the profile say where its machines are', () => {
    const podTemplate = { spec: { nodeSelector: { 'cloud.google.com/gke-placement-group': 'near' } } };
    expect(manifest({ podTemplate }, { nodes: 2 }).spec.template.spec['nodeSelector']).toMatchObject(podTemplate.spec.nodeSelector);
  });

  it('is refused under a name that leaves no room for ranks', () => {
    expect(() => jobManifest({ ...SPEC, nodes: 20, name: 'a'.repeat(61) }, config())).toThrow(/too long for 20 pods/);
  });
});

describe('a Job with secrets', () => {
  const secrets = [{ name: 'HF_TOKEN', from: 'kubernetes:hf/token' }];
  const of = (spec: Partial<JobSpec> = {}) => pod({}, { image: 'own:1', command: ['train'], secrets, ...spec });
  const envOf = (container: unknown) => (container as { env: readonly { name: string; value?: string; valueFrom?: object }[] }).env;

  it('gets them from Kubernetes, by reference, in the container that needs them and in no other', () => {
    const { containers, initContainers } = of() as { containers: unknown[]; initContainers: unknown[] };
    expect(envOf(containers[0])).toContainEqual({ name: 'HF_TOKEN', valueFrom: { secretKeyRef: { name: 'hf', key: 'token' } } });
    expect(JSON.stringify(initContainers)).not.toContain('HF_TOKEN');
  });

  it('has its command started by the launcher, which hides them, whatever image it has', () => {
    const { containers, initContainers } = of() as unknown as { containers: { command: string[] }[]; initContainers: { image: string }[] };
    expect(initContainers).toHaveLength(1);
    expect(initContainers[0]!.image).toBe('trainer:1');
    expect(containers[0]!.command).toEqual(
      ['python3', '/longhaul/launch.py', '--home', '/longhaul', '--secret', 'HF_TOKEN', '--', 'train'], // prettier-ignore
    );
    // Where its image says.
    expect(containers[0]).not.toHaveProperty('workingDir');
  });

  it('is refused where they are to come from a worker', () => {
    expect(() => of({ secrets: [{ name: 'A', from: 'env:A' }] })).toThrow('secret A: expected kubernetes:SECRET/KEY, found env:A');
  });
});
