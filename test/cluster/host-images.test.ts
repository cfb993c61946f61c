import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canRunCluster, nodeImage, pythonImage, startCluster } from '../../deploy/dev-cluster/index.ts';
import type { BuiltImage, Cluster } from '../../deploy/dev-cluster/index.ts';
import { sharedCluster } from './harness.ts';

const capability = await canRunCluster();

/** A Job as Pod Security "restricted" wants it, as the image's own user. */
const job = (name: string, image: string, command: readonly string[]): string =>
  JSON.stringify({
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name, namespace: 'restricted' },
    spec: {
      backoffLimit: 0,
      template: {
        spec: {
          restartPolicy: 'Never',
          securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
          containers: [
            { name: 'main', image, command, securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } } },
          ],
        },
      },
    },
  });

describe.skipIf(!capability.ok)('images of what this machine has', () => {
  const work = mkdtempSync(join(tmpdir(), 'host-images-'));
  const venv = join(work, 'venv');
  const source = join(work, 'source');
  let cluster: Cluster;
  let packed: BuiltImage;
  let mounted: BuiltImage;
  let node: BuiltImage;
  let linksBefore: readonly string[];
  const sysctlsBefore = machineSysctls();

  beforeAll(async () => {
    execFileSync('python3', ['-m', 'venv', '--without-pip', venv]);
    const packages = execFileSync(join(venv, 'bin', 'python'), ['-c', 'import sysconfig; print(sysconfig.get_path("purelib"))'], {
      encoding: 'utf8',
    }).trim();
    writeFileSync(join(packages, 'installed.py'), 'WORDS = "an installed package"\n');
    mkdirSync(source);
    writeFileSync(join(source, 'main.mjs'), 'console.log(`Node as ${process.getuid()}`);\n');
    mounted = await pythonImage({ venv, name: 'test.local/mounted:1', mountPackages: true });
    const folder = { from: source, at: '/app' };
    packed = await pythonImage({ venv, name: 'test.local/packed:1' });
    node = await nodeImage({ name: 'test.local/node:1', folders: [folder], workingDirectory: '/app', command: ['node', 'main.mjs'] });
    linksBefore = links();
    cluster = await startCluster({ nodes: [{ name: 'one' }], mounts: mounted.mounts });
    await cluster.kubectl(['create', 'namespace', 'restricted']);
    await cluster.kubectl(['label', 'namespace', 'restricted', 'pod-security.kubernetes.io/enforce=restricted']);
    await cluster.kubectl(['-n', 'restricted', 'wait', '--for=create', 'serviceaccount/default', '--timeout=600s']);
    for (const { archive } of [packed, mounted, node]) await cluster.loadImage(archive);
  });

  afterAll(async () => {
    if (existsSync(cluster.directory)) await cluster.stop();
    for (const { archive } of [packed, mounted, node]) rmSync(archive, { force: true });
    rmSync(work, { recursive: true, force: true });
  });

  const output = async (name: string, image: BuiltImage, command: readonly string[]): Promise<string> => {
    await cluster.kubectl(['create', '-f', '-'], job(name, image.name, command));
    await cluster.kubectl(['-n', 'restricted', 'wait', '--for=condition=complete', `job/${name}`, '--timeout=600s']);
    return await cluster.kubectl(['-n', 'restricted', 'logs', `job/${name}`]);
  };

  const program =
    'import installed, ssl, sqlite3, zlib, sys; print(installed.WORDS, sys.prefix, len(ssl.create_default_context().get_ca_certs()) > 50)';

  it('packs a virtual environment', async () => {
    expect(packed.mounts).toEqual([]);
    expect(await output('packed', packed, ['python', '-c', program])).toBe('an installed package /opt/venv True\n');
  });

  it('lets the nodes mount the packages of a virtual environment, read-only', async () => {
    expect(mounted.mounts).toHaveLength(1);
    expect(await output('mounted', mounted, ['python', '-c', program])).toBe('an installed package /opt/venv True\n');
    const attempt = `touch ${mounted.mounts[0]!.to}/x 2>&1; true`;
    expect(await output('read-only', mounted, ['sh', '-c', attempt])).toContain('Read-only file system');
  });

  it('packs a folder with the Node.js of this process', async () => {
    expect(await output('node', node, ['node', 'main.mjs'])).toBe('Node as 10001\n');
  });

  it('keeps an image until what it is made of changes', async () => {
    const folders = [{ from: source, at: '/app' }];
    const options = { name: 'test.local/node:1', folders, workingDirectory: '/app', command: ['node', 'main.mjs'] };
    expect((await nodeImage(options)).archive).toBe(node.archive);
    writeFileSync(join(source, 'main.mjs'), 'console.log("changed");\n');
    const changed = await nodeImage(options);
    expect(changed.archive).not.toBe(node.archive);
    rmSync(changed.archive);
  });

  // The last one: it stops it.
  it('are of a cluster that ran beside the one of all tests, and leaves nothing behind', async () => {
    const shared = sharedCluster();
    expect(cluster.hostAddress).not.toBe(shared.hostAddress);
    expect(await cluster.kubectl(['get', 'nodes', '-o', 'name'])).toBe('node/one\n');
    expect(links()).not.toEqual(linksBefore);
    await cluster.stop();
    expect(links()).toEqual(linksBefore);
    expect(machineSysctls()).toEqual(sysctlsBefore);
    expect(existsSync(cluster.directory)).toBe(false);
    await shared.kubectl(['wait', '--for=condition=Ready', 'node/spot-1', 'node/on-demand-1', '--timeout=600s']);
  });
});

/** Network links, cgroups and mounts of clusters. */
function links(): readonly string[] {
  const network = execFileSync('ip', ['-br', 'link'], { encoding: 'utf8' }).split('\n').map((line) => line.split(/[ @]/)[0] ?? '').filter((name) => name.startsWith('lh')); // prettier-ignore
  const cgroups = readdirSync('/sys/fs/cgroup', { recursive: false, encoding: 'utf8' })
    .flatMap((name) => (existsSync(`/sys/fs/cgroup/${name}/cgroup.procs`) ? readdirSync(`/sys/fs/cgroup/${name}`) : [name]))
    .filter((name) => name.startsWith('longhaul-'));
  return [...network, ...cgroups].sort();
}

function machineSysctls(): readonly string[] {
  return ['vm/overcommit_memory', 'kernel/panic', 'kernel/panic_on_oops'].map((name) => readFileSync(`/proc/sys/${name}`, 'utf8'));
}
