/**
 * The Pod Security Standard "restricted", which holds all of "baseline", for pods that a document shapes.
 * https://kubernetes.io/docs/concepts/security/pod-security-standards/
 */
import type { Json } from '../contract/values.ts';
import { childrenOf, containersOf, itemsOf, told, treeOf } from './pod-tree.ts';
import type { Tree } from './pod-tree.ts';

/** What every pod of Longhaul begins with. */
export const POD_SECURITY = { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } } as const;
export const CONTAINER_SECURITY = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } } as const;

interface PodProblem {
  readonly path: string;
  readonly found: Json | undefined;
  readonly allowed: readonly string[];
}

const VOLUMES = new Set(['configMap', 'csi', 'downwardAPI', 'emptyDir', 'ephemeral', 'persistentVolumeClaim', 'projected', 'secret']);
const SYSCTLS = new Set([
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_wmem',
]);
const SELINUX_TYPES = new Set(['', 'container_t', 'container_init_t', 'container_kvm_t', 'container_engine_t']);
const PROFILES = ['RuntimeDefault', 'Localhost'];
const APPARMOR_ANNOTATION = 'container.apparmor.security.beta.kubernetes.io/';

/** @param template a pod template as it is sent, without inherited fields */
export function restrictedProblems(template: Json): PodProblem[] {
  const problems: PodProblem[] = [];
  const expect = (holds: boolean, path: string, found: Json | undefined, ...allowed: string[]): void => {
    if (!holds) problems.push({ path, found, allowed });
  };
  const { metadata, spec: specification } = treeOf(template);
  const spec = treeOf(specification);
  const pod = treeOf(spec.securityContext);

  for (const field of ['hostNetwork', 'hostPID', 'hostIPC']) expect(isUnset(spec[field]), `spec.${field}`, spec[field], 'false');
  for (const [key, value] of Object.entries(treeOf(treeOf(metadata).annotations)))
    if (key.startsWith(APPARMOR_ANNOTATION))
      expect(
        /^(runtime\/default|localhost\/.*|)$/.test(told(value)),
        `metadata.annotations.${key}`,
        value,
        'runtime/default',
        'localhost/*',
      );
  for (const [index, sysctl] of itemsOf(pod.sysctls).entries()) {
    const { name = null } = treeOf(sysctl);
    expect(SYSCTLS.has(told(name)), `spec.securityContext.sysctls.${index}`, name, ...SYSCTLS);
  }
  for (const [index, volume] of itemsOf(spec.volumes).entries()) {
    const kinds = Object.keys(childrenOf(volume)).filter((key) => key !== 'name');
    for (const kind of kinds) expect(VOLUMES.has(kind), `spec.volumes.${index}`, kind, ...VOLUMES);
  }
  expect(pod.runAsNonRoot !== false, 'spec.securityContext.runAsNonRoot', pod.runAsNonRoot, 'true');
  checkBoth(pod, 'spec.securityContext', expect);

  for (const { path, container } of containersOf(spec)) checkContainer(container, path, pod, expect);
  return problems;
}

type Expect = (holds: boolean, path: string, found: Json | undefined, ...allowed: string[]) => void;

function checkContainer(container: Tree, path: string, pod: Tree, expect: Expect): void {
  const own = treeOf(container.securityContext);
  const at = `${path}.securityContext`;
  const { add, drop } = treeOf(own.capabilities);
  expect(isUnset(own.privileged), `${at}.privileged`, own.privileged, 'false');
  expect(own.allowPrivilegeEscalation === false, `${at}.allowPrivilegeEscalation`, own.allowPrivilegeEscalation, 'false');
  expect(itemsOf(drop).includes('ALL'), `${at}.capabilities.drop`, drop, 'ALL');
  for (const capability of itemsOf(add))
    expect(capability === 'NET_BIND_SERVICE', `${at}.capabilities.add`, capability, 'NET_BIND_SERVICE');
  const nonRoot = own.runAsNonRoot ?? pod.runAsNonRoot;
  expect(nonRoot === true, `${at}.runAsNonRoot`, nonRoot, 'true');
  const seccomp = treeOf(own.seccompProfile ?? pod.seccompProfile).type;
  expect(PROFILES.includes(told(seccomp)), `${at}.seccompProfile.type`, seccomp, ...PROFILES);
  expect(isUnset(own.procMount) || own.procMount === 'Default', `${at}.procMount`, own.procMount, 'Default');
  checkBoth(own, at, expect);
  for (const [index, port] of itemsOf(container.ports).entries()) {
    const { hostPort } = treeOf(port);
    expect(isUnset(hostPort) || hostPort === 0, `${path}.ports.${index}.hostPort`, hostPort, '0');
  }
  for (const [name, handler] of handlersOf(container)) {
    const host = treeOf(handler.httpGet).host ?? treeOf(handler.tcpSocket).host;
    expect(isUnset(host) || host === '', `${path}.${name}.host`, host, 'no host');
  }
}

/** What pods and containers may both say. */
function checkBoth(context: Tree, at: string, expect: Expect): void {
  const seLinux = treeOf(context.seLinuxOptions);
  const apparmor = treeOf(context.appArmorProfile).type;
  const { hostProcess } = treeOf(context.windowsOptions);
  expect(context.runAsUser !== 0, `${at}.runAsUser`, context.runAsUser, 'any but 0');
  expect(isUnset(hostProcess), `${at}.windowsOptions.hostProcess`, hostProcess, 'false');
  expect(SELINUX_TYPES.has(told(seLinux.type ?? '')), `${at}.seLinuxOptions.type`, seLinux.type, ...SELINUX_TYPES);
  for (const field of ['user', 'role'])
    expect(isUnset(seLinux[field]) || seLinux[field] === '', `${at}.seLinuxOptions.${field}`, seLinux[field], 'none');
  expect(isUnset(apparmor) || PROFILES.includes(told(apparmor)), `${at}.appArmorProfile.type`, apparmor, ...PROFILES);
  const seccomp = treeOf(context.seccompProfile).type;
  expect(isUnset(seccomp) || PROFILES.includes(told(seccomp)), `${at}.seccompProfile.type`, seccomp, ...PROFILES);
}

function handlersOf(container: Tree): [string, Tree][] {
  const { postStart, preStop } = treeOf(container.lifecycle);
  const { livenessProbe, readinessProbe, startupProbe } = container;
  return Object.entries({ livenessProbe, readinessProbe, startupProbe, postStart, preStop }).map(([name, value]) => [name, treeOf(value)]);
}

const isUnset = (value: Json | undefined): boolean => value === undefined || value === null || value === false;
