/**
 * `npm run bench -- recovery [--json] [--rounds N]`: seconds from a preemption to the replacement's Job and to its first trained sample, on a real
 * cluster with the reference trainer in real pods, whole trial workflows, and Kubernetes' own Job controller beside them in the same rounds.
 *
 * From the act: an eviction is timed from its request (the trainer's own commit is in it), a lost node from the moment its Node says so.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { canRunCluster, startCluster } from '../deploy/dev-cluster/index.ts';
import { trainerImage } from '../test/cluster/images.ts';
import { openTrialLab } from '../test/cluster/trial-lab.ts';
import { openScene } from './recovery/scene.ts';
import type { Recovery, Scene } from './recovery/scene.ts';
import { percentile, round } from './recovery/statistics.ts';

const NAMESPACE = 'recovery';
const NODE_MONITOR_GRACE_SECONDS = 8;
/** Trials are cancelled when they have been measured. */
const ENDLESS = 10_000;

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false }, rounds: { type: 'string', default: '4' } } });
const rounds = Number(values.rounds);
const say = (line: string): void => void process.stderr.write(`${line}\n`);

const capability = await canRunCluster();
if (!capability.ok) {
  say(`this machine cannot run the cluster: ${capability.why}`);
  process.exit(2);
}

const KINDS = ['evict', 'preempt', 'pod_deleted', 'node_lost'] as const;
type Kind = (typeof KINDS)[number];

const trainer = await trainerImage();
const directory = mkdtempSync(join(tmpdir(), 'longhaul-recovery-'));
const cluster = await startCluster({
  dir: join(directory, 'state'),
  nodes: [
    { name: 'spot-1', labels: { pool: 'spot' } },
    { name: 'small-1', labels: { pool: 'spot-small' }, cpu: 0.7 },
    { name: 'lost-1', labels: { pool: 'spot-lost', 'lost/node': 'yes' } },
  ],
  mounts: trainer.mounts,
  timing: { nodeMonitorGrace: NODE_MONITOR_GRACE_SECONDS, unreachableToleration: 20 },
});
try {
  await cluster.loadImage(trainer.archive);
  const lab = await openTrialLab(cluster, { namespace: NAMESPACE, pools: ['spot', 'spot-small', 'spot-lost'], epochs: ENDLESS });
  const scene = await openScene(cluster, lab, NAMESPACE);
  try {
    await measure(scene);
  } finally {
    await scene.close();
    await lab.close();
  }
} finally {
  await cluster.stop();
  rmSync(directory, { recursive: true, force: true });
}

async function measure(scene: Scene): Promise<void> {
  const found = new Map<Kind, Recovery[]>(KINDS.map((kind) => [kind, []]));
  const controller: number[] = [];
  for (let number = 1; number <= rounds; number++) {
    for (const kind of KINDS) {
      const recovery = await scene.recover(kind, `${kind.replace('_', '-')}-${number}`);
      found.get(kind)?.push(recovery);
      say(
        `${kind} ${number}: replaced after ${round(recovery.toJob)} s, trains after ${round(recovery.toSample)} s, lost ${recovery.lost} samples`,
      );
    }
    controller.push(await scene.jobController(number));
    say(`Job controller ${number}: replaced after ${round(controller.at(-1) ?? 0)} s`);
  }
  const seconds = (kind: Kind, share: number): number =>
    round(
      percentile(
        (found.get(kind) ?? []).map(({ toJob }) => toJob),
        share,
      ),
    );
  const noticed = KINDS.filter((kind) => kind !== 'node_lost').flatMap((kind) => found.get(kind) ?? []);
  const all = [...found.values()].flat();
  const result = {
    evict_p99_s: seconds('evict', 0.99),
    preempt_p99_s: seconds('preempt', 0.99),
    pod_deleted_p99_s: seconds('pod_deleted', 0.99),
    node_lost_after_sign_p99_s: seconds('node_lost', 0.99),
    job_controller_p50_s: round(percentile(controller, 0.5)),
    first_sample_p50_s: round(
      percentile(
        all.map(({ toSample }) => toSample),
        0.5,
      ),
    ),
    samples_lost_on_notice: noticed.reduce((sum, { lost }) => sum + lost, 0),
  };
  if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else {
    const rows = KINDS.map((kind) => `${kind.padEnd(14)} p50 ${seconds(kind, 0.5)} s, p99 ${seconds(kind, 0.99)} s to the replacement`);
    process.stdout.write(`${[...rows, ...Object.entries(result).map(([name, value]) => `${name.padEnd(28)} ${value}`)].join('\n')}\n`);
  }
}
