import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { canRunCluster, ClusterError, defaultDirectory, openCluster, startCluster, stopAbandoned } from './index.ts';
import type { Cluster, NodeSpec, Taint } from './index.ts';
import { formatTaint } from './cluster.ts';
import { registered } from './machine.ts';
import { hasState } from './state.ts';

const say = (line: string): void => void process.stdout.write(`${line}\n`);

function parseTaint(text: string): Taint {
  const match = /^([^=:]+)(?:=([^:]*))?:(NoSchedule|PreferNoSchedule|NoExecute)$/.exec(text);
  if (match === null)
    throw new InvalidArgumentError('expected KEY=VALUE:EFFECT or KEY:EFFECT with the effect NoSchedule, PreferNoSchedule or NoExecute');
  const [, key = '', value, effect] = match;
  return { key, ...(value === undefined ? {} : { value }), effect: effect as Taint['effect'] };
}

function parseLabel(text: string): readonly [string, string] {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('expected KEY=VALUE');
  return [text.slice(0, at), text.slice(at + 1)];
}

function parseNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || Number.isNaN(value)) throw new InvalidArgumentError('expected a number');
  return value;
}

function collect<T>(parse: (text: string) => T): (text: string, before: readonly T[] | undefined) => readonly T[] {
  return (text, before = []) => [...before, parse(text)];
}

/** A pool is the label `pool`; spot pools also carry the label that GKE gives spot nodes. */
function poolLabels(pool: string): Readonly<Record<string, string>> {
  return { pool, ...(pool.startsWith('spot') ? { 'cloud.google.com/gke-spot': 'true' } : {}) };
}

/** `spot-1:spot` → a node spot-1 in the pool spot. */
function parseNode(text: string): NodeSpec {
  const [name = '', pool] = text.split(':');
  return { name, labels: pool === undefined ? {} : poolLabels(pool) };
}

const DEFAULT_NODES: readonly NodeSpec[] = [parseNode('spot-1:spot'), parseNode('on-demand-1:on-demand')];

const program = new Command('cluster')
  .exitOverride()
  .description('a real Kubernetes cluster on this machine; see deploy/dev-cluster/README.md');
program.option('--dir <folder>', 'state folder of the cluster', defaultDirectory());
const open = (): Cluster => openCluster(program.opts<{ dir: string }>().dir);
const directory = (): string => resolve(program.opts<{ dir: string }>().dir);

program
  .command('up', { isDefault: true })
  .description('build what is missing (minutes, once), start the cluster, wait until its nodes are Ready')
  .option('--node <name:pool>', 'a node and its pool; again for more (default: spot-1:spot on-demand-1:on-demand)', collect(parseNode))
  .option('--node-monitor-grace <seconds>', 'silence until a node is NotReady (Kubernetes: 50)', parseNumber)
  .option('--unreachable-toleration <seconds>', 'time until pods of an unreachable node are evicted (Kubernetes: 300)', parseNumber)
  .option('--kueue', 'Kueue beside it (built once, some 15 minutes of one processor): it admits the Jobs that name a queue')
  .action(async (options: { node?: readonly NodeSpec[]; nodeMonitorGrace?: number; unreachableToleration?: number; kueue?: boolean }) => {
    const able = await canRunCluster();
    if (!able.ok) throw new ClusterError(`cannot run a cluster here: ${able.why}`);
    const started = Date.now();
    const timing = {
      ...(options.nodeMonitorGrace === undefined ? {} : { nodeMonitorGrace: options.nodeMonitorGrace }),
      ...(options.unreachableToleration === undefined ? {} : { unreachableToleration: options.unreachableToleration }),
    };
    for (const [signal, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      process.once(signal, () => {
        const undo = hasState(directory()) ? open().stop() : Promise.resolve();
        void undo.finally(() => process.exit(code));
      });
    }
    const cluster = await startCluster({
      dir: directory(),
      nodes: options.node ?? DEFAULT_NODES,
      timing,
      detached: true,
      kueue: options.kueue ?? false,
    });
    say(`up in ${((Date.now() - started) / 1000).toFixed(1)} s\nexport KUBECONFIG=${cluster.kubeconfig}`);
  });

program
  .command('down')
  .description('end the cluster and give the machine back as it was')
  .action(async () => {
    await stopAbandoned();
    if (!hasState(directory())) return say(`no cluster in ${directory()}`);
    await open().stop();
    say('down');
  });

program
  .command('status')
  .description('its components and nodes')
  .option('--json', 'for programs')
  .action(async (options: { json?: boolean }) => {
    const status = await open().status();
    if (options.json === true) return say(JSON.stringify(status, null, 2));
    say(`KUBECONFIG    ${status.kubeconfig}\nhost address  ${status.hostAddress}`);
    for (const [name, state] of Object.entries(status.components)) say(`${name.padEnd(24)} ${state}`);
    for (const node of status.nodes) {
      const labels = Object.entries(node.labels).map(([key, value]) => `${key}=${value}`);
      const cordoned = node.state === 'ready' && !node.schedulable ? ', cordoned' : '';
      say(
        `node ${node.name.padEnd(19)} ${`${node.state}${cordoned}`.padEnd(10)} ${node.address}  ${[...labels, ...node.taints.map(formatTaint)].join(' ')}`,
      );
    }
    const others = registered().filter((other) => other.directory !== status.directory);
    for (const other of others) say(`another cluster of this machine: --dir ${other.directory}`);
  });

program
  .command('kubeconfig')
  .description("path of the administrator's kubeconfig: export KUBECONFIG=$(npm run -s cluster -- kubeconfig)")
  .action(() => say(open().kubeconfig));

program
  .command('kubectl')
  .description("the cluster's own kubectl: cluster kubectl get pods -A")
  .argument('[args...]')
  .allowUnknownOption()
  .helpOption(false)
  .action((args: readonly string[]) => {
    const done = spawnSync(open().kubectlProgram, [...args], { stdio: 'inherit', env: { ...process.env, KUBECONFIG: open().kubeconfig } });
    process.exitCode = done.status ?? 1;
  });

program
  .command('load')
  .description('put an image (docker or OCI archive) on the nodes')
  .argument('<archive>')
  .option('--node <name>', 'only on this node; again for more', collect(String))
  .action(async (archive: string, options: { node?: readonly string[] }) => await open().loadImage(resolve(archive), options.node));

program
  .command('expose')
  .description("let pods reach a port of this machine's loopback, until interrupted")
  .argument('<port>', 'for example 7233', parseNumber)
  .action(async (port: number) => {
    const exposed = await open().expose(port);
    say(`pods reach 127.0.0.1:${port} at ${exposed.host}:${exposed.port}; Ctrl-C ends it`);
  });

const node = program.command('node').description('add, disturb and remove nodes');

node
  .command('add')
  .argument('<name>')
  .option('--pool <pool>', 'spot, on-demand or another pool', 'spot')
  .option('--label <key=value>', 'again for more', collect(parseLabel))
  .option('--taint <key=value:effect>', 'again for more', collect(parseTaint))
  .option('--cpu <cores>', 'cores that pods may request', parseNumber)
  .option('--memory <MiB>', 'memory that pods may request', parseNumber)
  .option('--gpus <count>', 'nvidia.com/gpu that it claims to have', parseNumber)
  .action(
    async (
      name: string,
      options: {
        pool: string;
        label?: readonly (readonly [string, string])[];
        taint?: readonly Taint[];
        cpu?: number;
        memory?: number;
        gpus?: number;
      },
    ) => {
      const labels = { ...poolLabels(options.pool), ...Object.fromEntries(options.label ?? []) };
      await open().addNode({ name, labels, taints: options.taint ?? [], cpu: options.cpu, memoryMb: options.memory, gpus: options.gpus });
      say(`node ${name} is Ready`);
    },
  );

const simple = (command: string, description: string, act: (cluster: Cluster, name: string) => Promise<void>): void => {
  node
    .command(command)
    .description(description)
    .argument('<name>')
    .action(async (name: string) => {
      await act(open(), name);
      say(`node ${name}: ${command} done`);
    });
};
simple('drain', 'cordon it and evict its pods', async (cluster, name) => await cluster.drain(name));
simple('uncordon', 'let pods come to it again', async (cluster, name) => await cluster.uncordon(name));
simple('freeze', 'its VM vanishes: no network, no kubelet, no containers', async (cluster, name) => await cluster.freeze(name));
simple('shutdown', 'the notice before a spot VM is taken: graceful node shutdown', async (cluster, name) => await cluster.shutdown(name));
simple('thaw', 'bring it back after freeze or shutdown', async (cluster, name) => await cluster.thaw(name));
simple(
  'restart',
  'start its kubelet again, and register it if its object was deleted',
  async (cluster, name) => await cluster.restartNode(name),
);
simple('delete', 'pull the plug and delete its object', async (cluster, name) => await cluster.removeNode(name));

for (const [command, act] of [['taint', 'taint'], ['untaint', 'untaint']] as const) {
  node
    .command(command)
    .argument('<name>')
    .argument('<taint>', 'KEY=VALUE:EFFECT', parseTaint)
    .action(async (name: string, taint: Taint) => {
      await open()[act](name, taint);
      say(`node ${name}: ${command} ${formatTaint(taint)}`);
    });
} // prettier-ignore

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : 2);
  if (!(error instanceof ClusterError)) throw error;
  process.stderr.write(`cluster: ${error.message}\n`);
  process.exitCode = 1;
}
