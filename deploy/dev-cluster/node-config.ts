import { statfsSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { PAUSE_IMAGE } from './images.ts';
import { cgroupOf, nodeDirectory, pkiOf } from './layout.ts';
import type { NodePlace } from './layout.ts';
import { clusterRange, nodeAddress, podRange } from './network.ts';

const CONTAINERD_SOCKET = '/run/containerd/containerd.sock';
export const DBUS_SOCKET = '/run/dbus.sock';

/** MiB that the kubelet keeps free by evicting pods; Kubernetes' default. */
const EVICTION_MEMORY_MB = 100;
const OVERLAYFS_MAGIC = 0x794c7630;

/** MiB of the machine that pods can have at most. */
export const machineMemoryMb = (): number => Math.floor(totalmem() / (1 << 20)) - EVICTION_MEMORY_MB;

export function containerdConfig(place: NodePlace): string {
  const directory = nodeDirectory(place);
  // An overlay cannot lie on an overlay, which is what the disk of a container is.
  const snapshotter = statfsSync(directory).type === OVERLAYFS_MAGIC ? 'native' : 'overlayfs';
  return `version = 2
root = "${join(directory, 'containerd')}"
state = "/run/containerd"
disabled_plugins = [${['aufs', 'btrfs', 'zfs', 'devmapper'].map((name) => `"io.containerd.snapshotter.v1.${name}"`).join(', ')}]
[grpc]
  address = "${CONTAINERD_SOCKET}"
[plugins."io.containerd.internal.v1.opt"]
  path = "${join(directory, 'opt')}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE_IMAGE}"
  disable_apparmor = true
  # Without CAP_SYS_RESOURCE a container's score may not go below that of its parent.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "${join(directory, 'cni')}"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "${snapshotter}"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      base_runtime_spec = "${baseSpecFile(place)}"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
`;
}

export const baseSpecFile = (place: NodePlace): string => join(nodeDirectory(place), 'base-spec.json');

/** What every container starts from: containerd's own, given as JSON, and the cluster's mounts. */
export function baseSpec({ layout }: NodePlace, containerdDefault: string): string {
  const spec = JSON.parse(containerdDefault) as { mounts: readonly unknown[] };
  const mounts = layout.mounts.map(({ from, to }) => ({
    destination: to,
    source: from,
    type: 'bind',
    options: ['rbind', 'ro', 'nosuid', 'nodev'],
  }));
  return JSON.stringify({ ...spec, mounts: [...spec.mounts, ...mounts] });
}

export function cniConfig({ layout, index }: NodePlace): string {
  return JSON.stringify({
    cniVersion: '1.0.0',
    name: 'pods',
    plugins: [
      {
        type: 'bridge',
        bridge: 'pods',
        isDefaultGateway: true,
        hairpinMode: true,
        ipMasq: false,
        ipam: { type: 'host-local', ranges: [[{ subnet: podRange(layout.subnet, index) }]] },
      },
    ],
  });
}

/** `kubeReserved` that leaves pods what the node is to have. */
function reserved({ spec }: NodePlace): Readonly<Record<string, string>> {
  const all = cpus().length * 1000;
  return {
    ...(spec.cpu === undefined ? {} : { cpu: `${Math.round(all - spec.cpu * 1000)}m` }),
    ...(spec.memoryMb === undefined ? {} : { memory: `${machineMemoryMb() - spec.memoryMb}Mi` }),
  };
}

export function kubeletConfig(place: NodePlace): Readonly<Record<string, unknown>> {
  const { layout, spec, index } = place;
  const pki = pkiOf(layout);
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address: nodeAddress(layout.subnet, index),
    port: 10250,
    readOnlyPort: 0,
    healthzBindAddress: '127.0.0.1',
    tlsCertFile: pki.certificate(`serving-${spec.name}`),
    tlsPrivateKeyFile: pki.key(`serving-${spec.name}`),
    authentication: { anonymous: { enabled: false }, webhook: { enabled: true }, x509: { clientCAFile: pki.certificate('ca') } },
    authorization: { mode: 'Webhook' },
    containerRuntimeEndpoint: `unix://${CONTAINERD_SOCKET}`,
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${cgroupOf(place)}`,
    failCgroupV1: false,
    failSwapOn: false,
    enforceNodeAllocatable: ['none'],
    kubeReserved: reserved(place),
    evictionHard: {
      'memory.available': `${EVICTION_MEMORY_MB}Mi`,
      'nodefs.available': '1%',
      'imagefs.available': '1%',
      'nodefs.inodesFree': '1%',
    },
    // There is nowhere to pull a removed image from again.
    imageGCHighThresholdPercent: 100,
    serializeImagePulls: false,
    volumePluginDir: join(nodeDirectory(place), 'plugins'),
    resolvConf: '',
    registerWithTaints: spec.taints ?? [],
    nodeStatusUpdateFrequency: '1s',
    // What does not change need not be told: the lease says that it lives.
    nodeStatusReportFrequency: '5m',
    // Renewed every quarter of it.
    nodeLeaseDurationSeconds: 4,
    syncFrequency: '10s',
    // GKE gives spot VMs 30 s, of which system pods have the last 15.
    shutdownGracePeriod: '30s',
    shutdownGracePeriodCriticalPods: '15s',
  };
}

export function kubeProxyConfig({ layout, spec }: NodePlace, kubeconfig: string): Readonly<Record<string, unknown>> {
  return {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'iptables',
    hostnameOverride: spec.name,
    clientConnection: { kubeconfig },
    clusterCIDR: clusterRange(layout.subnet),
    metricsBindAddress: '127.0.0.1:10249',
    healthzBindAddress: '127.0.0.1:10256',
    // Its other settings of connection tracking are the whole machine's.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
  };
}

export function dbusConfig(): string {
  return `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=${DBUS_SOCKET}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy>
</busconfig>
`;
}
