/** Each rule of a policy: what it allows passes, anything else is named with rule, place and what is allowed. */
import { describe, expect, it } from 'vitest';
import { Policy } from '../../../src/contract/policy.ts';
import { RunDocument } from '../../../src/contract/run-document.ts';
import { violations } from '../../../src/rules/policy.ts';

const kubernetes = (compute: object = {}) => ({
  kind: 'kubernetes',
  namespace: 'north',
  image: 'registry.example/north/train:7',
  ...compute,
});
const profileOf = (changes: object = {}) => ({
  warehouse: { kind: 'bigquery', project: 'north-ml', dataset: 'ledger' },
  storage: { kind: 'gcs', bucket: 'north-data', prefix: 'runs' },
  compute: kubernetes(),
  ...changes,
});
const step = (id: string, spec: object) => ({ id, spec });
const container = (changes: object = {}) => ({
  kind: 'container',
  image: 'registry.example/north/tool:1',
  command: ['true'],
  output: 'gs://north-data/runs/tool-{key}',
  ...changes,
});
const documentOf = (
  profile: object = profileOf(),
  steps: readonly object[] = [step('tool', container())],
  onExit: readonly object[] = [],
) =>
  RunDocument.parse({
    schemaVersion: 1,
    pipeline: 'p',
    profileName: 'north',
    profile,
    steps,
    onExit,
    source: { file: 'pipeline.yaml', commit: null, dirty: false },
    hash: 'hash',
  });
const told = (policy: object, document: RunDocument) =>
  violations(Policy.parse(policy), document).map(({ rule, path, found }) => `${rule} ${path} ${found}`);
const query = (changes: object) =>
  step('rows', { kind: 'query', sql: 'SELECT 1', sqlFile: 'rows.sql', destination: 'features.rows_{key}', ...changes });

const ALLOWED = {
  warehouses: ['bigquery'],
  stores: ['gcs'],
  computes: ['kubernetes'],
  paths: [],
  endpoints: [],
  projects: ['north-*'],
  datasets: ['ledger', 'north-ml.features'],
  buckets: ['north-data/runs'],
  namespaces: ['north'],
  serviceAccounts: ['default', 'north-trainer'],
  serviceAccountTokens: false,
  kubeconfigs: [],
  contexts: [],
  images: ['registry.example/north/*'],
  priorityClasses: ['low'],
  secrets: ['north-*', 'pull:registry'],
  pools: { spot: 4, 'west/spot': 2 },
  volumes: ['emptyDir', 'secret', 'csi:gcsfuse.csi.storage.gke.io'],
  reservedLabels: ['app.kubernetes.io/*'],
  podSecurity: 'restricted',
  resources: { cpu: 8, memoryMb: 16384, gpu: 1, nodes: 2 },
  commands: ['/opt/tell *'],
  webhooks: ['NORTH_*'],
};

describe('a policy', () => {
  it('that says nothing allows everything', () => {
    const everything = profileOf({
      warehouse: { kind: 'duckdb', path: '/w' },
      storage: { kind: 'directory', path: '/s' },
      compute: kubernetes({ kubeconfig: '/any', podTemplate: { spec: { hostPID: true, serviceAccountName: 'x' } } }),
      notifications: [{ on: ['finish'], command: ['sh', '-c', 'id'] }],
    });
    expect(told({}, documentOf(everything))).toEqual([]);
  });

  it('holds for each of several clusters', () => {
    const clusters = {
      one: { ...kubernetes(), namespace: 'north' },
      other: { ...kubernetes({ serviceAccount: 'cluster-admin', context: 'elsewhere' }), namespace: 'kube-system' },
    };
    expect(told(ALLOWED, documentOf(profileOf({ clusters })))).toEqual([
      'namespaces profile.clusters.other.namespace kube-system',
      'contexts profile.clusters.other.context elsewhere',
      'serviceAccounts profile.clusters.other.serviceAccount cluster-admin',
    ]);
  });

  it('allows what its rules name', () => {
    const profile = profileOf({
      compute: kubernetes({
        serviceAccount: 'north-trainer',
        priorityClass: 'low',
        imagePullSecrets: ['north-images', 'registry'],
        labels: { team: 'north' },
        volumes: [{ name: 'scratch', mountPath: '/scratch', source: { emptyDir: {} } }],
        podTemplate: {
          spec: {
            securityContext: { runAsUser: 10001, fsGroup: 10001 },
            volumes: [{ name: 'key', secret: { secretName: 'north-key' } }],
            containers: [
              { name: 'main', resources: { limits: { cpu: '7500m', memory: '16Gi' } }, volumeMounts: [{ name: 'key', mountPath: '/key' }] },
            ],
          },
        },
      }),
      notifications: [{ on: ['failure'], command: ['/opt/tell', 'north'], webhookEnv: 'NORTH_HOOK' }],
    });
    const steps = [
      query({ tables: { old: '{steps.before.outputs.table}', near: 'north-ml.features.old', own: 'plain' } }),
      step('tool', container()),
    ];
    expect(told(ALLOWED, documentOf(profile, steps))).toEqual([]);
  });

  it.each([
    ['warehouses profile.warehouse.kind duckdb', { warehouse: { kind: 'duckdb', path: '/w' } }],
    ['paths profile.warehouse.path /w', { warehouse: { kind: 'duckdb', path: '/w' } }],
    ['stores profile.storage.kind directory', { storage: { kind: 'directory', path: '/s' } }],
    ['paths profile.storage.path /s', { storage: { kind: 'directory', path: '/s' } }],
    ['computes profile.compute.kind process', { compute: { kind: 'process', path: '/j' } }],
    ['paths profile.compute.path /j', { compute: { kind: 'process', path: '/j' } }],
    ['projects profile.warehouse.project south', { warehouse: { kind: 'bigquery', project: 'south' } }],
    ['datasets profile.warehouse.dataset north-ml.other', { warehouse: { kind: 'bigquery', project: 'north-ml', dataset: 'other' } }],
    [
      'projects profile.warehouse.reservation south',
      { warehouse: { kind: 'bigquery', project: 'north-ml', reservation: 'projects/south/locations/US/reservations/r' } },
    ],
    [
      'projects profile.warehouse.kmsKey south',
      { warehouse: { kind: 'bigquery', project: 'north-ml', kmsKey: 'projects/south/locations/l/keyRings/r/cryptoKeys/k' } },
    ],
    ['endpoints profile.warehouse.apiEndpoint http://x', { warehouse: { kind: 'bigquery', project: 'north-ml', apiEndpoint: 'http://x' } }],
    [
      'endpoints profile.storage.apiEndpoint http://x',
      { storage: { kind: 'gcs', bucket: 'north-data', prefix: 'runs', apiEndpoint: 'http://x' } },
    ],
    ['buckets profile.storage north-data/', { storage: { kind: 'gcs', bucket: 'north-data' } }],
    ['buckets profile.storage north-data/runs-of-others', { storage: { kind: 'gcs', bucket: 'north-data', prefix: 'runs-of-others' } }],
    ['namespaces profile.compute.namespace kube-system', { compute: kubernetes({ namespace: 'kube-system' }) }],
    ['kubeconfigs profile.compute.kubeconfig /tmp/k', { compute: kubernetes({ kubeconfig: '/tmp/k' }) }],
    ['contexts profile.compute.context admin', { compute: kubernetes({ context: 'admin' }) }],
    ['serviceAccounts profile.compute.serviceAccount longhaul', { compute: kubernetes({ serviceAccount: 'longhaul' }) }],
    ['images profile.compute.image evil:1', { compute: kubernetes({ image: 'evil:1' }) }],
    ['priorityClasses profile.compute.priorityClass high', { compute: kubernetes({ priorityClass: 'high' }) }],
    [
      'reservedLabels profile.compute.labels app.kubernetes.io/component',
      { compute: kubernetes({ labels: { 'app.kubernetes.io/component': 'console' } }) },
    ],
    [
      'volumes profile.compute.volumes.0 nfs',
      { compute: kubernetes({ volumes: [{ name: 'n', mountPath: '/n', source: { nfs: { server: 's', path: '/' } } }] }) },
    ],
    [
      'buckets profile.compute.volumes.0 south',
      { compute: kubernetes({ volumes: [{ name: 'n', mountPath: '/n', gcsFuse: { bucket: 'south' } }] }) },
    ],
    [
      'secrets profile.compute.volumes.0 longhaul-temporal',
      { compute: kubernetes({ volumes: [{ name: 'n', mountPath: '/n', source: { secret: { secretName: 'longhaul-temporal' } } }] }) },
    ],
    [
      'secrets profile.compute.imagePullSecrets.1 longhaul-temporal',
      { compute: kubernetes({ imagePullSecrets: ['registry', 'longhaul-temporal'] }) },
    ],
    [
      'secrets profile.compute.volumes.0 registry',
      { compute: kubernetes({ volumes: [{ name: 'n', mountPath: '/n', source: { secret: { secretName: 'registry' } } }] }) },
    ],
    ['pools profile.pools.0.shared gpu', { pools: [{ name: 'gpu', spot: true, shared: true, maxAttempts: 1 }] }],
    ['pools profile.pools.0.shared east/spot', { pools: [{ name: 'spot', cluster: 'east', spot: true, shared: true, maxAttempts: 1 }] }],
    ['pools profile.pools.0.shared constructor', { pools: [{ name: 'constructor', spot: true, shared: true, maxAttempts: 1 }] }],
    ['pools profile.pools.0.shared false', { pools: [{ name: 'spot', spot: true, maxAttempts: 400 }] }],
    ['pools profile.pools.0.maxAttempts none', { pools: [{ name: 'spot', spot: true, shared: true }] }],
    [
      'webhooks profile.notifications.0.webhookEnv TEMPORAL_API_KEY',
      { notifications: [{ on: ['finish'], webhookEnv: 'TEMPORAL_API_KEY' }] },
    ],
    ['commands profile.notifications.0.command "/opt/tell x" y', { notifications: [{ on: ['finish'], command: ['/opt/tell x', 'y'] }] }],
    ['commands profile.notifications.0.command sh -c id', { notifications: [{ on: ['finish'], command: ['sh', '-c', 'id'] }] }],
  ])('refuses in a profile: %s', (expected, changes) => {
    expect(told(ALLOWED, documentOf(profileOf(changes)))).toContain(expected);
  });

  it.each([
    ['images steps.x.image evil:1', step('x', container({ image: 'evil:1' }))],
    ['resources steps.x.resources.cpu 9', step('x', container({ resources: { cpu: 9 } }))],
    ['resources steps.x.resources.gpu 2', step('x', container({ resources: { gpu: 2 } }))],
    ['buckets steps.x.inputs.data.0 south/data', step('x', container({ inputs: { data: ['gs://south/data'] } }))],
    ['buckets steps.x.inputs.data north-data/runs/../models', step('x', container({ inputs: { data: 'gs://north-data/runs/../models' } }))],
    ['buckets steps.x.env.AT {steps.a.outputs.b}/x', step('x', container({ env: { AT: 'gs://{steps.a.outputs.b}/x' } }))],
    ['paths steps.x.output /north/../etc', step('x', container({ output: 'file:///north/%2e%2e/etc' }))],
    ['paths steps.x.inputs.message /south/x', step('x', container({ inputs: { message: 'file:///south/x' } }))],
    ['buckets steps.x.env.source south/x', step('x', container({ env: { source: 'gs://south/x' } }))],
    ['paths steps.x.output /etc', step('x', container({ output: 'file:///etc' }))],
    ['datasets steps.rows.destination north-ml.theirs', query({ destination: 'theirs.rows_{key}' })],
    ['datasets steps.rows.destination north-ml.{}', query({ destination: '{params.dataset}.rows' })],
    ['projects steps.rows.tables.a south', query({ tables: { a: 'south.features.rows' } })],
    ['datasets steps.rows.tables.a south.features', query({ tables: { a: '`south.features.rows`' } })],
  ])('refuses in a step, whether in the run or on its exit: %s', (expected, asked) => {
    expect(told(ALLOWED, documentOf(profileOf(), [asked]))).toContain(expected);
    expect(told(ALLOWED, documentOf(profileOf(), [], [asked]))).toContain(expected.replace(' steps.', ' onExit.'));
  });

  it('lets a document name the pools that its operator shares, whatever number it says', () => {
    const shared = { spot: true, shared: true };
    const pools = [
      { name: 'spot', maxAttempts: 400, ...shared },
      { name: 'spot', cluster: 'west', maxAttempts: 1, ...shared },
      { name: 'own', spot: false },
    ];
    expect(told({ pools: ALLOWED.pools }, documentOf(profileOf({ pools })))).toEqual([]);
  });

  it('lets no podTemplate pass where it wants none, and says what it found', () => {
    const document = documentOf(profileOf({ compute: kubernetes({ podTemplate: { spec: { nodeName: 'a' } } }) }));
    expect(told({ podTemplate: false }, document)).toEqual(['podTemplate profile.compute.podTemplate {"spec":{"nodeName":"a"}}']);
  });
});

describe('samplers of one’s own', () => {
  const search = (sampler: object) =>
    documentOf(profileOf(), [
      step('tune', {
        kind: 'search',
        objective: { metric: 'loss', goal: 'minimize' },
        space: { rate: { type: 'float', low: 0, high: 1 } },
        trials: 1,
        sampler,
        output: 'gs://north-data/runs/tune-{key}',
      }),
    ]);

  it('run where the policy does not forbid it', () => {
    const own = search({ class: 'mine:Mine' });
    expect(told({}, own)).toEqual([]);
    expect(told({ ownSamplers: false }, own)).toEqual(['ownSamplers steps.tune.sampler.class mine:Mine']);
    expect(told({ ownSamplers: false }, search({ kind: 'tpe' }))).toEqual([]);
  });
});

describe('pods that a podTemplate shapes', () => {
  const asked = (podTemplate: object) => told(ALLOWED, documentOf(profileOf({ compute: kubernetes({ podTemplate }) })));
  const at = 'profile.compute.podTemplate';
  const main = (changes: object) => ({ spec: { containers: [{ name: 'main', ...changes }] } });

  it.each([
    [`podSecurity ${at}.spec.hostPID true`, { spec: { hostPID: true } }],
    [`podSecurity ${at}.spec.hostNetwork true`, { spec: { hostNetwork: true } }],
    [`podSecurity ${at}.spec.volumes.0 hostPath`, { spec: { volumes: [{ name: 'node', hostPath: { path: '/' } }] } }],
    [`podSecurity ${at}.spec.securityContext.runAsUser 0`, { spec: { securityContext: { runAsUser: 0 } } }],
    [`podSecurity ${at}.spec.securityContext.runAsNonRoot false`, { spec: { securityContext: { runAsNonRoot: false } } }],
    [`podSecurity ${at}.spec.containers.0.securityContext.runAsNonRoot nothing`, { spec: { securityContext: null } }],
    [`podSecurity ${at}.spec.containers.0.securityContext.allowPrivilegeEscalation nothing`, main({ securityContext: null })],
    [`podSecurity ${at}.spec.containers.0.securityContext.privileged true`, main({ securityContext: { privileged: true } })],
    [
      `podSecurity ${at}.spec.containers.0.securityContext.capabilities.drop nothing`,
      main({ securityContext: { capabilities: { drop: null } } }),
    ],
    [
      `podSecurity ${at}.spec.containers.0.securityContext.capabilities.add SYS_ADMIN`,
      main({ securityContext: { capabilities: { add: ['SYS_ADMIN'] } } }),
    ],
    [
      `podSecurity ${at}.spec.containers.0.securityContext.seccompProfile.type Unconfined`,
      main({ securityContext: { seccompProfile: { type: 'Unconfined' } } }),
    ],
    [`podSecurity ${at}.spec.containers.0.securityContext.procMount Unmasked`, main({ securityContext: { procMount: 'Unmasked' } })],
    [`podSecurity ${at}.spec.containers.0.ports.0.hostPort 80`, main({ ports: [{ containerPort: 80, hostPort: 80 }] })],
    [
      `podSecurity ${at}.spec.containers.0.readinessProbe.host 10.0.0.1`,
      main({ readinessProbe: { httpGet: { host: '10.0.0.1', port: 80 } } }),
    ],
    [
      `podSecurity ${at}.spec.initContainers.0.securityContext.allowPrivilegeEscalation nothing`,
      { spec: { initContainers: [{ name: 'first' }] } },
    ],
    [
      `podSecurity ${at}.metadata.annotations.container.apparmor.security.beta.kubernetes.io/main unconfined`,
      { metadata: { annotations: { 'container.apparmor.security.beta.kubernetes.io/main': 'unconfined' } } },
    ],
    [
      `podSecurity ${at}.spec.securityContext.sysctls.0 kernel.msgmax`,
      { spec: { securityContext: { sysctls: [{ name: 'kernel.msgmax', value: '1' }] } } },
    ],
    [
      `podSecurity ${at}.spec.securityContext.seLinuxOptions.type spc_t`,
      { spec: { securityContext: { seLinuxOptions: { type: 'spc_t' } } } },
    ],
    [
      `podSecurity ${at}.spec.securityContext.windowsOptions.hostProcess true`,
      { spec: { securityContext: { windowsOptions: { hostProcess: true } } } },
    ],
    [`serviceAccounts ${at}.spec.serviceAccountName longhaul`, { spec: { serviceAccountName: 'longhaul' } }],
    [`serviceAccounts ${at}.spec.serviceAccount longhaul`, { spec: { serviceAccount: 'longhaul' } }],
    [`serviceAccounts ${at}.spec.serviceAccountName `, { spec: { serviceAccountName: '' } }],
    [`serviceAccountTokens ${at}.spec.automountServiceAccountToken true`, { spec: { automountServiceAccountToken: true } }],
    [`serviceAccountTokens ${at}.spec.automountServiceAccountToken nothing`, { spec: { automountServiceAccountToken: null } }],
    [
      `serviceAccountTokens ${at}.spec.volumes.0.projected serviceAccountToken`,
      { spec: { volumes: [{ name: 't', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } }] } },
    ],
    [`priorityClasses ${at}.spec.priorityClassName system-node-critical`, { spec: { priorityClassName: 'system-node-critical' } }],
    [`images ${at}.spec.containers.1.image evil:1`, { spec: { containers: [{ name: 'beside', image: 'evil:1' }] } }],
    [`secrets ${at}.spec.containers.0 longhaul-temporal`, main({ envFrom: [{ secretRef: { name: 'longhaul-temporal' } }] })],
    [
      `secrets ${at}.spec.containers.0 longhaul-temporal`,
      main({ env: [{ name: 'K', valueFrom: { secretKeyRef: { name: 'longhaul-temporal', key: 'k' } } }] }),
    ],
    [
      `reservedLabels ${at}.metadata.labels app.kubernetes.io/instance`,
      { metadata: { labels: { 'app.kubernetes.io/instance': 'longhaul' } } },
    ],
    // The chart's network policies go by labels of Longhaul's own: without them none holds.
    [
      `reservedLabels ${at}.metadata.labels app.kubernetes.io/managed-by`,
      { metadata: { labels: { 'app.kubernetes.io/managed-by': null } } },
    ],
    [`reservedLabels ${at}.metadata.labels null`, { metadata: { labels: null } }],
    [`reservedLabels ${at}.metadata null`, { metadata: null }],
    [`resources ${at}.spec.containers.0.resources.memoryMb 32768`, main({ resources: { requests: { memory: '32Gi' } } })],
    [`resources ${at}.spec.containers.0.resources.gpu 4`, main({ resources: { limits: { 'amd.com/gpu': 4 } } })],
    [`resources ${at}.spec.resources.cpu 64`, { spec: { resources: { limits: { cpu: '64' } } } }],
    [
      `serviceAccountTokens ${at}.spec.volumes.0.projected serviceAccountToken`,
      { spec: { volumes: [{ name: 't', projected: { sources: { serviceAccountToken: { path: 't' } } } }] } },
    ],
    [
      `podSecurity ${at}.spec.ephemeralContainers.0.securityContext.privileged true`,
      { spec: { ephemeralContainers: [{ name: 'late', securityContext: { privileged: true } }] } },
    ],
    [`secrets ${at}.spec.imagePullSecrets.0 longhaul-temporal`, { spec: { imagePullSecrets: [{ name: 'longhaul-temporal' }] } }],
    [
      `serviceAccountTokens ${at}.spec.volumes.0.projected podCertificate`,
      { spec: { volumes: [{ name: 't', projected: { sources: [{ podCertificate: { signerName: 's', keyType: 'ED25519' } }] } }] } },
    ],
    [
      `secrets ${at}.spec.volumes.0 longhaul-temporal`,
      { spec: { volumes: [{ name: 't', azureFile: { secretName: 'longhaul-temporal', shareName: 's' } }] } },
    ],
    [`resources ${at}.spec.resourceClaims.0 all`, { spec: { resourceClaims: [{ name: 'all', resourceClaimTemplateName: 'every-gpu' }] } }],
    [
      `images ${at}.spec.initContainers.0.image registry.example/south/train@sha256:00`,
      { spec: { initContainers: [{ name: 'first', image: 'registry.example/south/train@sha256:00' }] } },
    ],
    [`resources ${at}.spec.containers.0.resources.cpu NaN`, main({ resources: { limits: { cpu: 'plenty' } } })],
  ])('are refused: %s', (expected, podTemplate) => {
    expect(asked(podTemplate)).toContain(expected);
  });

  it('run as `default` where they are to have no account, and may that only where it is allowed', () => {
    const trainerOnly = { ...ALLOWED, serviceAccounts: ['north-trainer'] };
    const without = (podTemplate: object) =>
      told(trainerOnly, documentOf(profileOf({ compute: kubernetes({ serviceAccount: 'north-trainer', podTemplate }) })));
    expect(without({})).toEqual([]);
    expect(without({ spec: { serviceAccountName: null } })).toEqual([`serviceAccounts ${at}.spec.serviceAccountName default`]);
    expect(without({ spec: null })).toContain(`serviceAccounts ${at}.spec.serviceAccountName default`);
  });

  it('are judged by what is sent: a field that is only inherited counts for nothing', () => {
    const disguised = JSON.parse(
      '{"spec":{"containers":[{"name":"main","securityContext":null,"__proto__":{"securityContext":{"allowPrivilegeEscalation":false,"capabilities":{"drop":["ALL"]}}}}]}}',
    ) as object;
    const compute = kubernetes();
    const document = documentOf(profileOf({ compute }));
    Object.assign(document.profile.compute, { podTemplate: disguised });
    expect(told(ALLOWED, document)).toContain(`podSecurity ${at}.spec.containers.0.securityContext.capabilities.drop nothing`);
  });
});
