/** Kueue beside a cluster: built once, and run as a process of this machine that the API server reaches over loopback. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { kubeconfigOf, logOf, pkiOf, serverOf } from './layout.ts';
import type { Layout } from './layout.ts';
import { loopbackAddress } from './network.ts';
import { isAlive, startDetached, tail } from './processes.ts';
import type { ProcessRecord } from './processes.ts';
import { ClusterError, HANGS_AFTER_SECONDS, HopelessError, run, until } from './shell.ts';
import { cacheDirectory, ensureTools, goBuild, lock, withGo } from './tools.ts';
import type { Progress } from './tools.ts';

const VERSION = 'v0.17.0';
const MODULE = `sigs.k8s.io/kueue@${VERSION}`;
/** About what `go list -deps ./cmd/kueue` counts. */
const PACKAGES_TO_BUILD = 1600;
const OBJECTS = 'objects.json';

/** What its own installation makes, but for what runs it in pods: that is a process here. */
const KINDS = new Set([
  'Namespace',
  'CustomResourceDefinition',
  'ServiceAccount',
  'ClusterRole',
  'ClusterRoleBinding',
  'Role',
  'RoleBinding',
  'MutatingWebhookConfiguration',
  'ValidatingWebhookConfiguration',
]);
/** Of its webhooks those on its own objects and on Jobs; the others are for frameworks that are not here. */
const HOOKED = /^\/(?:mutate|validate)-(?:kueue-x-k8s-io|batch-v1-job$)/;
/** Whom its roles are bound to. */
const ACCOUNT = 'system:serviceaccount:kueue-system:kueue-controller-manager';
const PORTS = { health: 8081, metrics: 8443, webhook: 9443 } as const;
/** It looks for the certificate of its metrics there, and nowhere else: a place of its own, which the machine does not see. */
const OWN_ETC = 'mount -t tmpfs none /etc && mkdir -p /etc/kueue/metrics && ln -s "$0" /etc/kueue/metrics/certs && exec "$@"';

interface ClientConfig {
  readonly service?: { readonly path?: string };
}
interface KueueObject {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly webhooks?: readonly { readonly clientConfig: ClientConfig }[];
  readonly spec?: { readonly conversion?: { readonly webhook?: { readonly clientConfig: ClientConfig } } };
}

/** Builds it where it is missing; other processes that want the same wait. Returns the folder of the program and its objects. */
export async function ensureKueue(progress: Progress): Promise<string> {
  const directory = join(cacheDirectory(), `kueue-${VERSION}`);
  if (existsSync(directory)) return directory;
  const kubectl = join(await ensureTools(progress), 'kubectl');
  const release = await lock(`${directory}.lock`, progress);
  try {
    if (!existsSync(directory)) await build(directory, kubectl, progress);
  } finally {
    release();
  }
  return directory;
}

async function build(directory: string, kubectl: string, progress: Progress): Promise<void> {
  await withGo(directory, 'Kueue from the Go module proxy, some 15 minutes of one processor', progress, async (draft, env) => {
    const install = ['install', '-v', '-trimpath', '-ldflags', '-s -w', MODULE.replace('@', '/cmd/kueue@')];
    await goBuild(install, { ...env, GOBIN: draft }, PACKAGES_TO_BUILD, progress);
    const { Dir } = JSON.parse(await run('go', ['mod', 'download', '-json', MODULE], { env })) as { Dir: string };
    const text = await run(kubectl, ['kustomize', join(Dir, 'config', 'default')]);
    const objects = parseAllDocuments(text).map((document) => document.toJS() as KueueObject);
    writeFileSync(join(draft, OBJECTS), JSON.stringify(objects.filter(({ kind }) => KINDS.has(kind))));
  });
}

/** Installs its objects, starts it, and waits until it is asked about Jobs. @param programs the folder that `ensureKueue` gave */
export async function startKueue(layout: Layout, programs: string): Promise<ProcessRecord> {
  const address = loopbackAddress(layout.subnet);
  const directory = await prepare(layout);
  const pki = pkiOf(layout);
  const caBundle = readFileSync(pki.certificate('ca')).toString('base64');
  const reached = ({ service }: ClientConfig): object => ({ url: `https://${address}:${PORTS.webhook}${service?.path ?? ''}`, caBundle });
  const objects = JSON.parse(readFileSync(join(programs, OBJECTS), 'utf8')) as readonly KueueObject[];
  const kubectl = async (args: readonly string[], input?: string): Promise<string> =>
    await run(join(layout.programs, 'kubectl'), ['--kubeconfig', kubeconfigOf(layout), ...args], input === undefined ? {} : { input });
  const list = { apiVersion: 'v1', kind: 'List', items: objects.map((object) => reachedBy(object, reached)) };
  await kubectl(['apply', '--server-side', '-f', '-'], JSON.stringify(list));
  const kinds = objects.filter(({ kind }) => kind === 'CustomResourceDefinition').map(({ metadata }) => `crd/${metadata.name}`);
  await kubectl(['wait', '--for=condition=Established', ...kinds, `--timeout=${HANGS_AFTER_SECONDS}s`]);
  const log = logOf(layout, 'kueue');
  const command = [join(programs, 'kueue'), `--config=${join(directory, 'config.json')}`, '--feature-gates=VisibilityOnDemand=false'];
  const kueue = await startDetached('unshare', ['--mount', 'sh', '-c', OWN_ETC, directory, ...command], {
    log,
    env: { KUBECONFIG: kubeconfigOf(layout, 'kueue') },
  });
  await until('Kueue', async () => {
    if (!isAlive(kueue)) throw new HopelessError(`Kueue ended:\n${tail(log)}`);
    return (await isReady(address)) ? true : undefined;
  });
  return kueue;
}

/** Key, certificate, kubeconfig and settings. @returns their folder */
async function prepare(layout: Layout): Promise<string> {
  const address = loopbackAddress(layout.subnet);
  const directory = join(layout.directory, 'kueue');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const pki = pkiOf(layout);
  await pki.issue({ name: 'kueue', commonName: ACCOUNT, serves: `IP:${address}` });
  pki.kubeconfig('kueue', serverOf(layout), kubeconfigOf(layout, 'kueue'));
  copyFileSync(pki.certificate('kueue'), join(directory, 'tls.crt'));
  copyFileSync(pki.key('kueue'), join(directory, 'tls.key'));
  const config = {
    apiVersion: 'config.kueue.x-k8s.io/v1beta2',
    kind: 'Configuration',
    namespace: 'kueue-system',
    health: { healthProbeBindAddress: `${address}:${PORTS.health}` },
    metrics: { bindAddress: `${address}:${PORTS.metrics}` },
    webhook: { host: address, port: PORTS.webhook, certDir: directory },
    leaderElection: { leaderElect: false },
    internalCertManagement: { enable: false },
    clientConnection: { qps: 200, burst: 400 },
    integrations: { frameworks: ['batch/job'] },
  };
  writeFileSync(join(directory, 'config.json'), JSON.stringify(config));
  return directory;
}

/** Its webhooks as the API server reaches them from here, without a Service. */
function reachedBy(object: KueueObject, reached: (config: ClientConfig) => object): object {
  const { spec, webhooks } = object;
  const hook = spec?.conversion?.webhook;
  if (hook) {
    const webhook = { ...hook, clientConfig: reached(hook.clientConfig) };
    return { ...object, spec: { ...spec, conversion: { ...spec.conversion, webhook } } };
  }
  if (!webhooks) return object;
  const own = webhooks.filter(({ clientConfig }) => HOOKED.test(clientConfig.service?.path ?? ''));
  if (own.length === 0) throw new ClusterError(`${object.metadata.name} has no webhook on Jobs: ${MODULE} is another one than we know`);
  return { ...object, webhooks: own.map((each) => ({ ...each, clientConfig: reached(each.clientConfig) })) };
}

async function isReady(address: string): Promise<boolean> {
  return await new Promise((resolve) => {
    const asked = request({ host: address, port: PORTS.health, path: '/readyz', agent: false, timeout: 2000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    asked.on('timeout', () => asked.destroy());
    asked.on('error', () => resolve(false));
    asked.end();
  });
}
