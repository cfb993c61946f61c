/** Every field that a pod can have, as the client of Kubernetes knows them: either it changes the pod alone, or a rule of the policy says no. */
import { V1Container, V1EphemeralContainer, V1PodSpec } from '@kubernetes/client-node';
import { describe, expect, it } from 'vitest';
import { Policy } from '../../../src/contract/policy.ts';
import { Profile } from '../../../src/contract/profile.ts';
import { CONTAINER_FIELDS, POD_FIELDS } from '../../../src/rules/pod-fields.ts';
import { podViolations } from '../../../src/rules/policy-pods.ts';
import { profileViolations } from '../../../src/rules/policy.ts';

/** Nothing is allowed but the plain pod. */
const STRICT = Policy.parse({
  namespaces: ['jobs'],
  serviceAccounts: ['trainer'],
  serviceAccountTokens: false,
  images: ['train:*'],
  priorityClasses: [],
  secrets: [],
  volumes: [],
  buckets: [],
  nodes: [],
  tolerations: ['cloud.google.com/*'],
  schedulers: ['default-scheduler'],
  runtimeClasses: [],
  podSecurity: 'restricted',
  resources: { cpu: 4, memoryMb: 8192, gpu: 1 },
});
const SAFE = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } };

const PROFILE = {
  warehouse: { kind: 'bigquery', project: 'p' },
  storage: { kind: 'gcs', bucket: 'b' },
  compute: { kind: 'kubernetes', namespace: 'jobs', image: 'train:1', serviceAccount: 'trainer' },
};
const refused = (spec: object, policy = STRICT): string[] => {
  const { compute } = Profile.parse({ ...PROFILE, compute: { ...PROFILE.compute, podTemplate: { spec } } });
  if (compute.kind !== 'kubernetes') throw new Error('the profile is of Kubernetes');
  return [...new Set(podViolations(policy, compute, 'compute').map(({ rule }) => rule))];
};
const inMain = (fields: object): object => ({ containers: [{ name: 'main', ...fields }] });

const term = (more: object): object => ({ requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'zone', ...more }] });
const node = (expression: object, list = 'matchExpressions'): object => ({
  affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ [list]: [expression] }] } } },
});
const HOSTNAME = 'kubernetes.io/hostname';

/** What a pod asks for, and the rule that refuses it; `own`: none, since it changes nothing but the pod. */
const POD: Readonly<Record<string, readonly (readonly [rule: string, value: unknown])[]>> = {
  activeDeadlineSeconds: [['own', 60]],
  affinity: [
    ['namespaces', { podAffinity: term({ namespaces: ['kube-system'] }) }],
    ['namespaces', { podAntiAffinity: term({ namespaceSelector: {} }) }],
    [
      'namespaces',
      { podAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm: { namespaces: ['south'] } }] } },
    ],
    ['own', { podAntiAffinity: term({ namespaces: ['jobs'] }) }],
    ['own', { podAffinity: term({ labelSelector: {} }) }],
    ['nodes', (node({ key: HOSTNAME, operator: 'In', values: ['control-plane-1'] }) as { affinity: unknown }).affinity],
    ['nodes', (node({ key: 'metadata.name', operator: 'In', values: ['n'] }, 'matchFields') as { affinity: unknown }).affinity],
    ['own', (node({ key: HOSTNAME, operator: 'NotIn', values: ['broken-1'] }) as { affinity: unknown }).affinity],
    ['own', (node({ key: 'zone', operator: 'In', values: ['a'] }) as { affinity: unknown }).affinity],
  ],
  automountServiceAccountToken: [['serviceAccountTokens', true]],
  containers: [['images', [{ name: 'more', image: 'theirs:1', securityContext: SAFE }]]],
  dnsConfig: [['own', { nameservers: ['192.0.2.1'] }]],
  dnsPolicy: [['own', 'None']],
  enableServiceLinks: [['own', true]],
  ephemeralContainers: [['images', [{ name: 'more', image: 'theirs:1', securityContext: SAFE }]]],
  hostAliases: [['own', [{ ip: '192.0.2.1', hostnames: ['a'] }]]],
  hostIPC: [['podSecurity', true]],
  hostNetwork: [['podSecurity', true]],
  hostPID: [['podSecurity', true]],
  hostUsers: [['own', true]],
  hostname: [['own', 'a']],
  hostnameOverride: [['own', 'a']],
  imagePullSecrets: [['secrets', [{ name: 'theirs' }]]],
  initContainers: [['images', [{ name: 'first', image: 'theirs:1', securityContext: SAFE }]]],
  nodeName: [['nodes', 'control-plane-1']],
  nodeSelector: [
    ['nodes', { [HOSTNAME]: 'control-plane-1' }],
    ['own', { pool: 'spot' }],
  ],
  os: [['own', { name: 'linux' }]],
  overhead: [['own', { cpu: '1' }]],
  preemptionPolicy: [['own', 'Never']],
  priority: [['priorityClasses', 2_000_001_000]],
  priorityClassName: [['priorityClasses', 'system-node-critical']],
  readinessGates: [['own', [{ conditionType: 'a' }]]],
  resourceClaims: [['resources', [{ name: 'gpu', resourceClaimTemplateName: 'all' }]]],
  resources: [['resources', { limits: { cpu: '64' } }]],
  restartPolicy: [['own', 'Never']],
  runtimeClassName: [['runtimeClasses', 'on-the-control-plane']],
  schedulerName: [
    ['schedulers', 'theirs'],
    ['own', 'default-scheduler'],
  ],
  schedulingGates: [['own', [{ name: 'a' }]]],
  schedulingGroup: [['own', { podGroupName: 'a' }]],
  securityContext: [['podSecurity', { runAsUser: 0 }]],
  serviceAccount: [['serviceAccounts', 'cluster-admin']],
  serviceAccountName: [['serviceAccounts', 'cluster-admin']],
  setHostnameAsFQDN: [['own', true]],
  shareProcessNamespace: [['own', true]],
  subdomain: [['own', 'a']],
  terminationGracePeriodSeconds: [['own', 30]],
  tolerations: [
    ['tolerations', [{ operator: 'Exists' }]],
    ['tolerations', [{ key: '', operator: 'Exists', effect: 'NoExecute' }]],
    ['tolerations', [{ key: 'node-role.kubernetes.io/control-plane', operator: 'Exists' }]],
    ['own', [{ key: 'cloud.google.com/gke-spot', operator: 'Exists' }]],
  ],
  topologySpreadConstraints: [['own', [{ topologyKey: 'zone', maxSkew: 1 }]]],
  volumes: [['volumes', [{ name: 'theirs', persistentVolumeClaim: { claimName: 'theirs' } }]]],
};

const host = { httpGet: { port: 80, host: '169.254.169.254' } };
const CONTAINER: typeof POD = {
  args: [['own', ['a']]],
  command: [['own', ['a']]],
  env: [['secrets', [{ name: 'A', valueFrom: { secretKeyRef: { name: 'theirs', key: 'a' } } }]]],
  envFrom: [['secrets', [{ secretRef: { name: 'theirs' } }]]],
  image: [['images', 'theirs:1']],
  imagePullPolicy: [['own', 'Always']],
  lifecycle: [['podSecurity', { postStart: host }]],
  livenessProbe: [['podSecurity', host]],
  name: [['own', 'main']],
  ports: [['podSecurity', [{ containerPort: 22, hostPort: 22 }]]],
  readinessProbe: [['podSecurity', host]],
  resizePolicy: [['own', [{ resourceName: 'cpu', restartPolicy: 'NotRequired' }]]],
  resources: [['resources', { requests: { memory: '1Ti' } }]],
  restartPolicy: [['own', 'Always']],
  restartPolicyRules: [['own', [{ action: 'Restart' }]]],
  securityContext: [['podSecurity', { privileged: true }]],
  startupProbe: [['podSecurity', { tcpSocket: { port: 1, host: '10.0.0.1' } }]],
  stdin: [['own', true]],
  stdinOnce: [['own', true]],
  targetContainerName: [['own', 'main']],
  terminationMessagePath: [['own', '/tmp/end']],
  terminationMessagePolicy: [['own', 'File']],
  tty: [['own', true]],
  volumeDevices: [['own', [{ name: 'a', devicePath: '/dev/a' }]]],
  volumeMounts: [['own', [{ name: 'a', mountPath: '/a' }]]],
  workingDir: [['own', '/a']],
};

const fieldsOf = (type: { getAttributeTypeMap(): { readonly baseName: string }[] }): string[] =>
  type.getAttributeTypeMap().map(({ baseName }) => baseName);
const cases = (table: typeof POD): [string, string, unknown][] =>
  Object.entries(table).flatMap(([field, samples]) => samples.map(([rule, value]): [string, string, unknown] => [field, rule, value]));

describe('a policy', () => {
  it('has thought of every field that the client of Kubernetes knows', () => {
    const containers = [...new Set([...fieldsOf(V1Container), ...fieldsOf(V1EphemeralContainer)])].sort();
    expect(Object.keys(POD_FIELDS).sort()).toEqual(fieldsOf(V1PodSpec).sort());
    expect(Object.keys(CONTAINER_FIELDS).sort()).toEqual(containers);
    expect(Object.keys(POD).sort()).toEqual(Object.keys(POD_FIELDS).sort());
    expect(Object.keys(CONTAINER).sort()).toEqual(Object.keys(CONTAINER_FIELDS).sort());
  });

  it.each(cases(POD))('answers to the pod’s %s by %s: %j', (field, rule, value) => {
    if (rule !== 'own') expect(POD_FIELDS[field]).toContain(rule);
    expect(refused({ [field]: value })).toEqual(rule === 'own' ? [] : [rule]);
    expect(refused({ [field]: value }, Policy.parse({}))).toEqual([]);
  });

  it.each(cases(CONTAINER))('answers to a container’s %s by %s: %j', (field, rule, value) => {
    if (rule !== 'own') expect(CONTAINER_FIELDS[field]).toContain(rule);
    expect(refused(inMain({ [field]: value }))).toEqual(rule === 'own' ? [] : [rule]);
  });

  it('refuses what a later Kubernetes brings', () => {
    expect(refused({ escapes: true })).toEqual(['podTemplate']);
    expect(refused(inMain({ escapes: true }))).toEqual(['podTemplate']);
  });

  it('holds for the machines that a pool names', () => {
    const pools = [
      {
        name: 'p',
        spot: true,
        nodeSelector: { [HOSTNAME]: 'control-plane-1' },
        tolerations: [{ operator: 'Exists' }, { key: 'cloud.google.com/gke-spot', operator: 'Exists' }],
      },
    ];
    const found = profileViolations(STRICT, Profile.parse({ ...PROFILE, pools })).map(
      ({ rule, path, found: asked }) => `${rule} ${path} ${asked}`,
    );
    expect(found.filter((line) => line.includes('pools'))).toEqual([
      `nodes profile.pools.0.nodeSelector.${HOSTNAME} control-plane-1`,
      'tolerations profile.pools.0.tolerations.0 (every taint)',
    ]);
  });
});
