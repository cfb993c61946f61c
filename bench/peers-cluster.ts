/**
 * `npm run bench -- peers-cluster [--json] [--rounds N] [--evictions N] [--parts chain,evict,requests,kueue]`: Longhaul's container steps beside
 * bare Jobs that one client starts and watches, in turns on one development cluster with real pods: a chain of steps that do nothing, from the
 * eviction of a running pod to its replacement running, and what the API server is asked for a hundred steps. `kueue`: chain and evictions also
 * in a queue of Kueue that has room for all of them (Kueue is built once, some 15 minutes of one processor).
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { canRunCluster, startCluster } from '../deploy/dev-cluster/index.ts';
import { openClient } from '../src/adapters/kubernetes/client.ts';
import { makeNamespace } from '../test/cluster/harness.ts';
import { openQueues } from '../test/kueue/queues.ts';
import { openJobs } from './peers-cluster/jobs.ts';
import { openLonghaul } from './peers-cluster/longhaul.ts';
import type { Place } from './peers-cluster/longhaul.ts';
import { answered } from './peers-cluster/requests.ts';
import { GATE, PATIENT, POLITE, POOL, READY } from './peers-cluster/way.ts';
import type { Way } from './peers-cluster/way.ts';
import { percentile } from './recovery/statistics.ts';
import { commandLine, JSON_OPTION } from '../tools/command-line.ts';

const STEPS = 20;
/** Compiled, connected and warm before anything is measured. */
const WARM_UP_STEPS = 2;
const AT_ONCE = 100;
const RUNNING_MS = 30_000;
const IDLE_MS = 20_000;
const LOOK_MS = 50;

const PARTS = ['chain', 'evict', 'requests', 'kueue'] as const;
const IN_QUEUE = '_kueue';
/** More than all that is ever there at once. */
const QUEUE_CPUS = 8;
const { values, whole, refuse } = commandLine({
  call: 'npm run bench -- peers-cluster',
  about: "Longhaul's container steps beside bare Jobs, on a cluster of this machine.",
  options: {
    json: JSON_OPTION,
    rounds: { type: 'string', default: '3', value: 'N', about: 'of the chain' },
    evictions: { type: 'string', default: '7', value: 'N', about: 'of either' },
    parts: { type: 'string', default: PARTS.join(','), value: 'PART,…', about: 'what is measured' },
  },
});
const [rounds, evictions, asked] = [whole('rounds'), whole('evictions'), values.parts.split(',')];
const say = (line: string): void => void process.stderr.write(`${line}\n`);
const round = (value: number): number => Number(value.toPrecision(3));

if (asked.some((part) => !PARTS.some((one) => one === part)))
  refuse(`--parts: expected some of ${PARTS.join(',')}, found "${values.parts}"`);
const capability = await canRunCluster();
if (!capability.ok) {
  say(`this machine cannot run the cluster: ${capability.why}`);
  process.exit(2);
}

/** Store, ledger and Temporal's file in memory, as etcd's: none of them is this machine's disk in production. */
const directory = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'longhaul-peers-cluster-'));
const gate = join(directory, 'gate');
mkdirSync(gate);
const cluster = await startCluster({
  dir: join(directory, 'cluster'),
  nodes: ['spot-1', 'spot-2'].map((name) => ({ name, labels: POOL })),
  mounts: [{ from: gate, to: GATE }],
  timing: { nodeMonitorGrace: 60 },
  kueue: asked.includes('kueue'),
});
try {
  const client = async (namespace: string) => {
    await makeNamespace(cluster, namespace);
    return openClient({ namespace, kubeconfig: cluster.kubeconfig });
  };
  const queued = async (name: string): Promise<Place> => {
    const namespace = name.replace('_', '-');
    const made = await client(namespace);
    await (await openQueues(cluster, namespace)).make(namespace, { any: QUEUE_CPUS });
    return { name, client: made, queue: namespace };
  };
  const places = async (name: string): Promise<Place[]> => {
    const plain = { name, client: await client(name) };
    return asked.includes('kueue') ? [plain, await queued(`${name}${IN_QUEUE}`)] : [plain];
  };
  const longhaul = await openLonghaul(directory, await places('longhaul'), cluster.kubeconfig);
  const jobs = (await places('jobs')).map((each) => openJobs(each.client, each));
  try {
    await measure([...longhaul.ways, ...jobs], longhaul.requests);
  } finally {
    await Promise.all(jobs.map((each) => each.close()));
    await longhaul.close();
  }
} finally {
  await cluster.stop();
  rmSync(directory, { recursive: true, force: true });
}

async function measure(ways: readonly Way[], requestsOfWorker: () => Promise<number>): Promise<void> {
  const figures: [string, number][] = [];
  const told = (name: string, of: (way: string) => number, whose = ways): void => {
    for (const way of whose) figures.push([`${way.name}_${name}`, round(of(way.name))]);
  };
  const ratios = (name: string, of: (way: string) => number): void => {
    figures.push([name, round(of('longhaul') / of('jobs'))]);
    if (asked.includes('kueue')) figures.push([`kueue_${name}`, round(of(`longhaul${IN_QUEUE}`) / of(`jobs${IN_QUEUE}`))]);
  };
  for (const way of ways) await way.chain('warm-up', WARM_UP_STEPS);
  if (asked.includes('chain')) {
    const chains = await inTurns(ways, rounds, (way, number) => way.chain(`chain-${number}`, STEPS), 'ms a step');
    told('ms_per_step', chains);
    ratios('step_ratio', chains);
  }
  if (asked.includes('evict')) {
    const evicted = await inTurns(
      ways,
      evictions,
      (way, number) => evictToRunning(way, `evicted-${number}`),
      's to the replacement running',
    );
    told('evict_to_running_p50_s', evicted);
    ratios('evict_ratio', evicted);
  }
  if (asked.includes('requests')) {
    const before = await requestsOfWorker();
    const counts = new Map<string, Requests>();
    const plain = ways.filter(({ name }) => !name.endsWith(IN_QUEUE));
    for (const way of plain) counts.set(way.name, await requestsFor(way));
    const of = (way: string): Requests => counts.get(way) ?? { all: Number.NaN, perMinute: Number.NaN };
    told('api_requests_100_steps', (way) => of(way).all, plain);
    told('api_requests_per_min_running', (way) => of(way).perMinute, plain);
    figures.push(['requests_ratio', round(of('longhaul').all / of('jobs').all)]);
    figures.push(['longhaul_worker_requests_100_steps', (await requestsOfWorker()) - before]);
  }
  if (values.json) process.stdout.write(`${JSON.stringify(Object.fromEntries(figures))}\n`);
  else for (const [name, value] of figures) process.stdout.write(`${name.padEnd(40)} ${value}\n`);
}

/** In turns, so that a slow moment of the machine hits both. @returns the median of a way */
async function inTurns(
  ways: readonly Way[],
  count: number,
  play: (way: Way, number: number) => Promise<number>,
  unit: string,
): Promise<(way: string) => number> {
  const found = new Map<string, number[]>();
  for (let number = 1; number <= count; number++)
    for (const way of ways) {
      const value = await play(way, number);
      found.set(way.name, [...(found.get(way.name) ?? []), value]);
      say(`${way.name} ${number}: ${round(value)} ${unit}`);
    }
  return (way) => percentile(found.get(way) ?? [], 0.5);
}

/** @returns seconds from the request to the moment at which the API server tells that another pod's container runs */
async function evictToRunning({ client, pods, start }: Way, name: string): Promise<number> {
  const { end } = await start(name, 1, POLITE);
  const first = await pods.until('a running pod', () => pods.running()[0]);
  while (!(await client.text('GET', `${client.podsPath(first)}/log`)).includes(READY)) await delay(LOOK_MS);
  const at = performance.now();
  const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: first, namespace: client.namespace } };
  await client.request('POST', `${client.podsPath(first)}/eviction`, { body });
  await pods.until('its replacement', () => pods.running().find((pod) => pod !== first));
  const seconds = (performance.now() - at) / 1000;
  await end();
  return seconds;
}

interface Requests {
  /** From the first request for them until all are known to have ended. */
  readonly all: number;
  /** While all run. */
  readonly perMinute: number;
}

/** Beyond what an idle cluster's own parts ask for. */
async function requestsFor({ name, client, pods, start }: Way): Promise<Requests> {
  rmSync(join(gate, 'open'), { force: true });
  const since = async (count: number, at: number): Promise<{ requests: number; seconds: number }> => ({
    requests: (await answered(client)) - count,
    seconds: (performance.now() - at) / 1000,
  });
  const [idleCount, idleAt] = [await answered(client), performance.now()];
  await delay(IDLE_MS);
  const idle = await since(idleCount, idleAt);
  const idlePerSecond = idle.requests / idle.seconds;
  const [count, at] = [await answered(client), performance.now()];
  const { ended, end } = await start('many', AT_ONCE, PATIENT);
  await pods.until('all of them running', () => (pods.running().length === AT_ONCE ? true : undefined));
  const started = await since(count, at);
  const [runningCount, runningAt] = [await answered(client), performance.now()];
  await delay(RUNNING_MS);
  const running = await since(runningCount, runningAt);
  writeFileSync(join(gate, 'open'), '');
  await ended;
  const all = await since(count, at);
  await end();
  const beyond = ({ requests, seconds }: { requests: number; seconds: number }): number => requests - idlePerSecond * seconds;
  say(
    `${name}: ${AT_ONCE} run after ${round(started.seconds)} s and ${round(beyond(started))} requests, ended after ${round(all.seconds)} s; ` +
      `${round(idlePerSecond)} a second while idle`,
  );
  return { all: beyond(all), perMinute: (60 * beyond(running)) / running.seconds };
}
