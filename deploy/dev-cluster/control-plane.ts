import { mkdirSync, readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { API_PORT, kubeconfigOf, logOf, pkiOf, serverOf } from './layout.ts';
import type { Layout } from './layout.ts';
import { firstService, hostAddress, loopbackAddress, serviceRange } from './network.ts';
import { isAlive, startDetached, tail } from './processes.ts';
import type { ProcessRecord } from './processes.ts';
import { HopelessError, run, until } from './shell.ts';
import type { Component } from './state.ts';

/** Keys, certificates and kubeconfigs: every component speaks for itself, and RBAC says what it may. */
export async function createIdentities(layout: Layout): Promise<void> {
  mkdirSync(join(layout.directory, 'log'), { recursive: true, mode: 0o700 });
  const pki = pkiOf(layout);
  await pki.create();
  const { subnet } = layout;
  const apiNames = ['DNS:localhost', 'DNS:kubernetes', 'DNS:kubernetes.default', 'DNS:kubernetes.default.svc'];
  await Promise.all([
    pki.issue({
      name: 'apiserver',
      commonName: 'kube-apiserver',
      serves: [...apiNames, `IP:${hostAddress(subnet)}`, `IP:${firstService(subnet)}`].join(),
    }),
    pki.issue({ name: 'apiserver-kubelet-client', commonName: KUBELET_CLIENT }),
    pki.issue({ name: 'etcd', commonName: 'etcd', serves: `IP:${loopbackAddress(subnet)}`, authority: 'etcd-ca' }),
    pki.issue({ name: 'apiserver-etcd-client', commonName: 'kube-apiserver', authority: 'etcd-ca' }),
    pki.issue({ name: 'admin', commonName: 'admin', organization: 'system:masters' }),
    pki.issue({ name: 'kube-controller-manager', commonName: 'system:kube-controller-manager' }),
    pki.issue({ name: 'kube-scheduler', commonName: 'system:kube-scheduler' }),
    pki.issue({ name: 'kube-proxy', commonName: 'system:kube-proxy' }),
  ]);
  for (const user of ['admin', 'kube-controller-manager', 'kube-scheduler', 'kube-proxy'])
    pki.kubeconfig(user, serverOf(layout), kubeconfigOf(layout, user));
}

const KUBELET_CLIENT = 'kube-apiserver-kubelet-client';

/** What the API server's own client may do with kubelets: logs, exec, port-forward, metrics. */
const KUBELET_CLIENT_BINDING = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRoleBinding',
  metadata: { name: KUBELET_CLIENT },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:kubelet-api-admin' },
  subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: KUBELET_CLIENT }],
};

async function start(layout: Layout, component: Component, args: readonly string[]): Promise<ProcessRecord> {
  return await startDetached(join(layout.programs, component), args, { log: logOf(layout, component) });
}

export async function startEtcd(layout: Layout): Promise<ProcessRecord> {
  const pki = pkiOf(layout);
  const client = `https://${loopbackAddress(layout.subnet)}:2379`;
  const peer = `https://${loopbackAddress(layout.subnet)}:2380`;
  const tls = (prefix: string): readonly string[] => [
    `--${prefix}cert-file=${pki.certificate('etcd')}`,
    `--${prefix}key-file=${pki.key('etcd')}`,
    `--${prefix}trusted-ca-file=${pki.certificate('etcd-ca')}`,
    `--${prefix}client-cert-auth`,
  ];
  return await start(layout, 'etcd', [
    `--data-dir=${join(layout.directory, 'etcd')}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
    // The cluster lives no longer than this machine's uptime.
    '--unsafe-no-fsync',
    ...tls(''),
    ...tls('peer-'),
  ]);
}

export async function startApiServer(layout: Layout): Promise<ProcessRecord> {
  const pki = pkiOf(layout);
  const { subnet, timing } = layout;
  const api = await start(layout, 'kube-apiserver', [
    `--etcd-servers=https://${loopbackAddress(subnet)}:2379`,
    `--etcd-cafile=${pki.certificate('etcd-ca')}`,
    `--etcd-certfile=${pki.certificate('apiserver-etcd-client')}`,
    `--etcd-keyfile=${pki.key('apiserver-etcd-client')}`,
    `--bind-address=${hostAddress(subnet)}`,
    `--advertise-address=${hostAddress(subnet)}`,
    `--secure-port=${API_PORT}`,
    `--tls-cert-file=${pki.certificate('apiserver')}`,
    `--tls-private-key-file=${pki.key('apiserver')}`,
    `--client-ca-file=${pki.certificate('ca')}`,
    `--requestheader-client-ca-file=${pki.certificate('front-proxy-ca')}`,
    '--requestheader-allowed-names=front-proxy-client',
    '--requestheader-username-headers=X-Remote-User',
    '--requestheader-group-headers=X-Remote-Group',
    '--requestheader-extra-headers-prefix=X-Remote-Extra-',
    `--kubelet-client-certificate=${pki.certificate('apiserver-kubelet-client')}`,
    `--kubelet-client-key=${pki.key('apiserver-kubelet-client')}`,
    `--kubelet-certificate-authority=${pki.certificate('ca')}`,
    '--kubelet-preferred-address-types=InternalIP',
    `--service-account-key-file=${join(pki.directory, 'service-account.pub')}`,
    `--service-account-signing-key-file=${pki.key('service-account')}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-cluster-ip-range=${serviceRange(subnet)}`,
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    `--default-unreachable-toleration-seconds=${timing.unreachableToleration}`,
    `--default-not-ready-toleration-seconds=${timing.unreachableToleration}`,
    '--profiling=false',
  ]);
  await until('the API server', async () => {
    if (!isAlive(api)) throw new HopelessError(`the API server ended:\n${tail(logOf(layout, 'kube-apiserver'))}`);
    return (await readyz(layout)) ? true : undefined;
  });
  return api;
}

/** Whether the API server says that it is ready; anyone may ask that. */
async function readyz(layout: Layout): Promise<boolean> {
  return await new Promise((resolve) => {
    const ca = readFileSync(pkiOf(layout).certificate('ca'));
    const asked = request(`${serverOf(layout)}/readyz`, { ca, agent: false, timeout: 2000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    asked.on('timeout', () => asked.destroy());
    asked.on('error', () => resolve(false));
    asked.end();
  });
}

/** What needs an API server that answers; the binding is made once. */
export async function startControllers(layout: Layout): Promise<Partial<Record<Component, ProcessRecord>>> {
  const pki = pkiOf(layout);
  const kubectl = join(layout.programs, 'kubectl');
  await run(kubectl, ['--kubeconfig', kubeconfigOf(layout), 'apply', '-f', '-'], { input: JSON.stringify(KUBELET_CLIENT_BINDING) });
  const common = (component: Component): readonly string[] => [
    ...['kubeconfig', 'authentication-kubeconfig', 'authorization-kubeconfig'].map(
      (flag) => `--${flag}=${kubeconfigOf(layout, component)}`,
    ),
    `--bind-address=${loopbackAddress(layout.subnet)}`,
    '--leader-elect=false',
    // The defaults, 20 and 30, make a thousand Jobs take a minute.
    '--kube-api-qps=200',
    '--kube-api-burst=400',
    '--profiling=false',
  ];
  const [manager, scheduler] = await Promise.all([
    start(layout, 'kube-controller-manager', [
      ...common('kube-controller-manager'),
      `--root-ca-file=${pki.certificate('ca')}`,
      `--service-account-private-key-file=${pki.key('service-account')}`,
      `--cluster-signing-cert-file=${pki.certificate('ca')}`,
      `--cluster-signing-key-file=${pki.key('ca')}`,
      '--use-service-account-credentials',
      `--flex-volume-plugin-dir=${join(layout.directory, 'plugins')}`,
      '--node-monitor-period=1s',
      `--node-monitor-grace-period=${layout.timing.nodeMonitorGrace}s`,
      '--terminated-pod-gc-threshold=1000',
    ]),
    start(layout, 'kube-scheduler', common('kube-scheduler')),
  ]);
  return { 'kube-controller-manager': manager, 'kube-scheduler': scheduler };
}
