/**
 * `npm run bench -- scale [--json] [--trials 1,10,100,1000]`: many trials at once on a real API server, with one training worker. The machines are
 * simulated (scale/simulated-machines.ts): no computer of a developer runs a thousand trainers.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { canRunCluster, startCluster } from '../deploy/dev-cluster/index.ts';
import type { Cluster } from '../deploy/dev-cluster/index.ts';
import { freePort } from '../src/stack/tcp.ts';
import { createSupervisor } from '../src/stack/supervisor.ts';
import { temporalServer, untilServing } from '../src/stack/temporal-server.ts';
import { openClient } from '../src/adapters/kubernetes/client.ts';
import { PERMISSIONS } from '../src/adapters/kubernetes/permissions.ts';
import { Profile } from '../src/contract/profile.ts';
import type { TrialInput } from '../src/contract/trial-run.ts';
import { SearchSpec } from '../src/contract/steps.ts';
import { makeNamespace } from '../test/cluster/harness.ts';
import { grant, kubeconfigAs } from '../test/cluster/rights.ts';
import { playRound } from './scale/round.ts';
import type { Round, Scene } from './scale/round.ts';
import { SimulatedMachines } from './scale/simulated-machines.ts';
import { startWorker } from './scale/workers.ts';
import { commandLine, JSON_OPTION } from '../tools/command-line.ts';

const NAMESPACE = 'scale';
const ACCOUNT = 'worker';
const POOL = { pool: 'simulated' };
/** Compiled and warm before anything is measured. */
const WARM_UP_TRIALS = 10;
const IDLE_MS = 10_000;
/** A few trials use less CPU than a worker's idle moments differ by: the round whose cost is the median counts. */
const FEW_TRIALS = 10;
const ROUNDS_OF_FEW = 7;
/** Of one search; a thousand at once are three. */
const MAX_PARALLEL = 400;

const { values, refuse } = commandLine({
  call: 'npm run bench -- scale',
  about: 'What a trial costs among many, on a cluster of this machine.',
  options: {
    json: JSON_OPTION,
    trials: { type: 'string', default: '1,10,100,1000', value: 'N,…', about: 'sizes of the searches' },
  },
});
const sizes = values.trials.split(',').map(Number);
if (!sizes.every((size) => Number.isInteger(size) && size > 0))
  refuse(`--trials: expected whole numbers from 1 with commas between, found "${values.trials}"`);
const say = (line: string): void => void process.stderr.write(`${line}\n`);

const capability = await canRunCluster();
if (!capability.ok) {
  say(`this machine cannot run the cluster: ${capability.why}`);
  process.exit(2);
}

/** Store, ledger and Temporal's file in memory: in production none of them is this machine's disk, whose flushes would be all that is measured. */
const directory = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'longhaul-scale-'));
const supervisor = createSupervisor(() => undefined);
const ports = { temporal: await freePort(), ui: await freePort() };
const server = supervisor.start(temporalServer(directory, ports));
try {
  const address = `127.0.0.1:${ports.temporal}`;
  await untilServing(address, 'default', server.ready);
  const cluster = await startCluster({ dir: join(directory, 'cluster'), nodes: [], timing: { nodeMonitorGrace: 60 } });
  try {
    await measure(cluster, address);
  } finally {
    await cluster.stop();
  }
} finally {
  await server.stop();
  supervisor.close();
  rmSync(directory, { recursive: true, force: true });
}

async function measure(cluster: Cluster, address: string): Promise<void> {
  await makeNamespace(cluster, NAMESPACE);
  const kube = openClient({ namespace: NAMESPACE, kubeconfig: cluster.kubeconfig });
  await grant(cluster, NAMESPACE, { [ACCOUNT]: PERMISSIONS });
  const kubeconfig = kubeconfigAs(cluster, NAMESPACE, ACCOUNT);
  const machines = await SimulatedMachines.boot(kube, Math.max(...sizes, WARM_UP_TRIALS), POOL);
  const environment = { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: 'default', LONGHAUL_LOG_LEVEL: 'warn' };
  const [control, training] = await Promise.all([
    startWorker('control', directory, environment),
    startWorker('training', directory, environment),
  ]);
  const connection = await Connection.connect({ address });
  try {
    const scene = { client: new Client({ connection }), kube, machines, control, training, inputOf: inputsFor(kubeconfig) };
    await playRound({ ...scene, idleCpu: 0 }, 'warm-up', WARM_UP_TRIALS);
    const cpu = (): number => control.cpuSeconds() + training.cpuSeconds();
    const before = cpu();
    await delay(IDLE_MS);
    const rounds = await playAll({ ...scene, idleCpu: (cpu() - before) / (IDLE_MS / 1000) });
    report(rounds, training.peakRssMb());
  } finally {
    await connection.close();
    await Promise.all([control.stop(), training.stop()]);
    await machines.shutDown();
  }
}

async function playAll(scene: Scene): Promise<Round[]> {
  const rounds: Round[] = [];
  for (const trials of sizes) {
    const played: Round[] = [];
    for (let turn = 0; turn < (trials <= FEW_TRIALS ? ROUNDS_OF_FEW : 1); turn++)
      played.push(await playRound(scene, `of-${trials}-${turn}`, trials));
    const round = played.sort((a, b) => a.cpuSecondsPerTrial - b.cpuSecondsPerTrial)[Math.floor(played.length / 2)];
    if (round === undefined) continue;
    rounds.push(round);
    say(`${trials} trials: ${JSON.stringify(round, (_key, value: unknown) => (typeof value === 'number' ? rounded(value, 3) : value))}`);
  }
  return rounds;
}

/** Inputs of trials that a search would start. */
function inputsFor(kubeconfig: string): (run: string, trial: number) => TrialInput {
  const root = join(directory, 'store');
  mkdirSync(root);
  const table = {
    layout: { kind: 'flat', session: 's', item: 'i', label: 'l' },
    features: [{ name: 'x', type: 'numeric', default: 0 }],
  };
  writeFileSync(join(root, 'features.json'), JSON.stringify(table));
  const profile = Profile.parse({
    warehouse: { kind: 'duckdb', path: join(directory, 'warehouse') },
    storage: { kind: 'directory', path: root },
    compute: { kind: 'kubernetes', namespace: NAMESPACE, kubeconfig, image: 'simulated' },
    pools: [{ name: 'spot', spot: true, pricePerHour: 1, nodeSelector: POOL }],
  });
  const spec = SearchSpec.parse({
    kind: 'search',
    data: { train: `file://${root}/train`, validation: `file://${root}/validation` },
    features: `file://${root}/features.json`,
    objective: { metric: 'loss', goal: 'minimize' },
    space: { x: { type: 'float', low: 0, high: 1 } },
    trials: 1000,
    parallel: MAX_PARALLEL,
    output: `file://${root}/runs`,
  });
  const common = {
    pipeline: 'scale',
    step: 'search',
    commit: null,
    search: null,
    priority: 0,
    deadlineAt: null,
    fork: null,
    resumed: null,
  };
  return (run, trial) => ({
    ...common,
    run,
    trial,
    parameters: { x: trial / 1000 },
    profile,
    spec,
    output: `file://${root}/runs/${run}/trial-${trial}`,
  });
}

function report(rounds: readonly Round[], peakRssMb: number): void {
  const largest = rounds.at(-1);
  if (!largest) return;
  const cost = (trials: number): number => rounds.find((round) => round.trials === trials)?.cpuSecondsPerTrial ?? Number.NaN;
  const result = {
    trials: largest.trials,
    trials_per_min: rounded((60 * largest.trials) / (largest.launchSeconds + largest.finishSeconds), 1),
    storm_p99_s: rounded(largest.stormP99Seconds, 2),
    api_requests_per_s: rounded(largest.apiRequestsPerSecond, 1),
    rss_mb: Math.round(peakRssMb),
    loop_lag_p99_ms: rounded(largest.loopLagP99Ms, 1),
    cost_ratio_1000_to_10: rounded(cost(1000) / cost(10), 2),
  };
  if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else for (const [name, value] of Object.entries(result)) process.stdout.write(`${name.padEnd(24)} ${value}\n`);
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
