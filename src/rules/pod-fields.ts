/**
 * Fields of pods and containers, each with what a policy says of it. One that is not here came with a later Kubernetes: nobody has thought of what it
 * lets a pod do, and an overlay that has it is refused where there is a policy.
 */
import type { Policy } from '../contract/policy.ts';

type Rule = Exclude<keyof Policy, '$schema' | 'version'>;
/** `own`: it changes nothing but the pod itself, its programs and the names that these see. */
type Ruled = readonly Rule[] | 'own';

export const POD_FIELDS: Readonly<Record<string, Ruled>> = {
  activeDeadlineSeconds: 'own',
  affinity: ['nodes', 'namespaces'],
  automountServiceAccountToken: ['serviceAccountTokens'],
  containers: ['images', 'resources', 'secrets', 'podSecurity'],
  dnsConfig: 'own',
  dnsPolicy: 'own',
  enableServiceLinks: 'own',
  ephemeralContainers: ['images', 'resources', 'secrets', 'podSecurity'],
  hostAliases: 'own',
  hostIPC: ['podSecurity'],
  hostNetwork: ['podSecurity'],
  hostPID: ['podSecurity'],
  // Without a user namespace of its own, as every pod that does not ask for one.
  hostUsers: 'own',
  hostname: 'own',
  hostnameOverride: 'own',
  imagePullSecrets: ['secrets'],
  initContainers: ['images', 'resources', 'secrets', 'podSecurity'],
  nodeName: ['nodes'],
  nodeSelector: ['nodes'],
  // Of Windows, what the standard asks of Linux is refused by the kubelet; the rules ask it of all.
  os: 'own',
  // The cluster takes what the RuntimeClass says and nothing else.
  overhead: 'own',
  // As above, of the priority class.
  preemptionPolicy: 'own',
  priority: ['priorityClasses'],
  priorityClassName: ['priorityClasses'],
  readinessGates: 'own',
  resourceClaims: ['resources'],
  resources: ['resources'],
  restartPolicy: 'own',
  runtimeClassName: ['runtimeClasses'],
  schedulerName: ['schedulers'],
  schedulingGates: 'own',
  // Of the pod's own namespace.
  schedulingGroup: 'own',
  securityContext: ['podSecurity'],
  serviceAccount: ['serviceAccounts'],
  serviceAccountName: ['serviceAccounts'],
  setHostnameAsFQDN: 'own',
  shareProcessNamespace: 'own',
  subdomain: 'own',
  terminationGracePeriodSeconds: 'own',
  tolerations: ['tolerations'],
  // Of the pod's own namespace.
  topologySpreadConstraints: 'own',
  volumes: ['volumes', 'buckets', 'secrets', 'serviceAccountTokens'],
};

export const CONTAINER_FIELDS: Readonly<Record<string, Ruled>> = {
  args: 'own',
  command: 'own',
  env: ['secrets'],
  envFrom: ['secrets'],
  image: ['images'],
  imagePullPolicy: 'own',
  // The kubelet asks from the machine's own network.
  lifecycle: ['podSecurity'],
  livenessProbe: ['podSecurity'],
  name: 'own',
  ports: ['podSecurity'],
  readinessProbe: ['podSecurity'],
  resizePolicy: 'own',
  resources: ['resources'],
  restartPolicy: 'own',
  restartPolicyRules: 'own',
  securityContext: ['podSecurity'],
  startupProbe: ['podSecurity'],
  stdin: 'own',
  stdinOnce: 'own',
  // Of ephemeral containers, which no pod is made with.
  targetContainerName: 'own',
  terminationMessagePath: 'own',
  terminationMessagePolicy: 'own',
  tty: 'own',
  // Of volumes, which have their rules.
  volumeDevices: 'own',
  volumeMounts: 'own',
  workingDir: 'own',
};
