/**
 * `npm run bench -- recovery [--json] [--rounds N] [--kinds evict,preempt,pod_deleted,node_lost,gang_evict]`: seconds from a preemption to the replacement's
 * Job and to its first trained sample, on a real cluster with the reference trainer in real pods, whole trial workflows, and beside them in the same
 * rounds Kubernetes' own Job controller and the same trainer alone in a bare pod.
 *
 * `gang_evict`: one of two ranks of a trial on two machines is evicted.
 *
 * From the sign: the first event of the API that shows that the pod is to go, or that its node is silent. `_from_request` is from the request, in
 * which the scheduler's part of a preemption is. The trainer's own commit is in both.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canRunCluster, startCluster } from '../deploy/dev-cluster/index.ts';
import { trainerImage } from '../test/cluster/images.ts';
import { openTrialLab } from '../test/cluster/trial-lab.ts';
import { openScene } from './recovery/scene.ts';
import type { Bare, Recovery, Scene } from './recovery/scene.ts';
import { percentile, round } from './recovery/statistics.ts';
import { commandLine, JSON_OPTION } from '../tools/command-line.ts';

const NAMESPACE = 'recovery';
const NODE_MONITOR_GRACE_SECONDS = 8;
/** Trials are cancelled when they have been measured. */
const ENDLESS = 10_000;

const KINDS = ['evict', 'preempt', 'pod_deleted', 'node_lost', 'gang_evict'] as const;
type Kind = (typeof KINDS)[number];

const { values, whole, refuse } = commandLine({
  call: 'npm run bench -- recovery',
  about: 'How soon a lost attempt has a successor, on a cluster of this machine.',
  options: {
    json: JSON_OPTION,
    rounds: { type: 'string', default: '4', value: 'N', about: 'of each kind' },
    kinds: { type: 'string', default: KINDS.join(','), value: 'KIND,…', about: 'how attempts are lost' },
  },
});
const rounds = whole('rounds');
const asked = values.kinds.split(',');
const kinds = KINDS.filter((kind) => asked.includes(kind));
const say = (line: string): void => void process.stderr.write(`${line}\n`);

if (asked.some((kind) => !KINDS.some((one) => one === kind)))
  refuse(`--kinds: expected some of ${KINDS.join(',')}, found "${values.kinds}"`);
const capability = await canRunCluster();
if (!capability.ok) {
  say(`this machine cannot run the cluster: ${capability.why}`);
  process.exit(2);
}

const trainer = await trainerImage();
const directory = mkdtempSync(join(tmpdir(), 'longhaul-recovery-'));
const cluster = await startCluster({
  dir: join(directory, 'state'),
  nodes: [
    { name: 'spot-1', labels: { pool: 'spot' } },
    { name: 'small-1', labels: { pool: 'spot-small' }, cpu: 0.7 },
    { name: 'lost-1', labels: { pool: 'spot-lost', 'lost/node': 'yes' } },
    { name: 'gang-1', labels: { pool: 'spot-gang' }, cpu: 0.9 },
    { name: 'gang-2', labels: { pool: 'spot-gang' }, cpu: 0.9 },
  ],
  mounts: trainer.mounts,
  timing: { nodeMonitorGrace: NODE_MONITOR_GRACE_SECONDS, unreachableToleration: 20 },
});
try {
  await cluster.loadImage(trainer.archive);
  const lab = await openTrialLab(cluster, {
    namespace: NAMESPACE,
    pools: ['spot', 'spot-small', 'spot-lost', 'spot-gang'],
    epochs: ENDLESS,
  });
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
  const found = new Map<Kind, Recovery[]>(kinds.map((kind) => [kind, []]));
  const controller: number[] = [];
  const bare: Bare[] = [];
  // Where the reference trainer runs, which the bare pod has too.
  const isAlone = kinds.some((kind) => kind !== 'gang_evict');
  for (let number = 1; number <= rounds; number++) {
    for (const kind of kinds) {
      const recovery = await scene.recover(kind, `${kind.replace('_', '-')}-${number}`);
      found.get(kind)?.push(recovery);
      const { toJob, fromRequest, toStart, toSample, lost } = recovery;
      say(
        `${kind} ${number}: replaced ${round(toJob)} s after the sign (${round(fromRequest)} s after the request), restored after ` +
          `${round(toStart)} s, trains after ${round(toSample)} s, lost ${lost} samples`,
      );
    }
    if (!isAlone) continue;
    controller.push(await scene.jobController(number));
    say(`Job controller ${number}: replaced after ${round(controller.at(-1) ?? 0)} s`);
    const alone = await scene.bare(`bare-${number}`);
    bare.push(alone);
    say(`bare pod ${number}: imported after ${round(alone.toStart)} s, trains after ${round(alone.toSample)} s`);
  }
  const noticed = kinds.filter((kind) => kind !== 'node_lost').flatMap((kind) => found.get(kind) ?? []);
  const result = {
    ...Object.fromEntries(kinds.flatMap((kind) => figuresOf(kind, found.get(kind) ?? []))),
    ...(isAlone ? besideOthers(found, controller, bare) : {}),
    samples_lost_on_notice: noticed.reduce((sum, { lost }) => sum + lost, 0),
    rounds,
  };
  if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else
    process.stdout.write(
      `${Object.entries(result)
        .map(([name, value]) => `${name.padEnd(34)} ${value}`)
        .join('\n')}\n`,
    );
}

/** Of attempts with the reference trainer. */
function besideOthers(
  found: ReadonlyMap<Kind, readonly Recovery[]>,
  controller: readonly number[],
  bare: readonly Bare[],
): Record<string, number> {
  const all = [...found].flatMap(([kind, recoveries]) => (kind === 'gang_evict' ? [] : recoveries));
  const noticed = [...found].flatMap(([kind, recoveries]) => (kind === 'gang_evict' || kind === 'node_lost' ? [] : recoveries));
  const median = <T>(of: readonly T[], value: (one: T) => number): number => percentile(of.map(value), 0.5);
  return {
    job_controller_p50_s: round(percentile(controller, 0.5)),
    first_sample_p50_s: round(median(all, ({ toSample }) => toSample)),
    bare_first_sample_p50_s: round(median(bare, ({ toSample }) => toSample)),
    first_sample_over_bare_s: round(median(noticed, ({ toSample }) => toSample) - median(bare, ({ toSample }) => toSample)),
    start_over_bare_s: round(median(noticed, ({ toStart }) => toStart) - median(bare, ({ toStart }) => toStart)),
  };
}

/** @example figuresOf('evict', recoveries)[0] // ['evict_p90_s', 0.71] */
function figuresOf(kind: Kind, recoveries: readonly Recovery[]): [string, number][] {
  const name = kind === 'node_lost' ? 'node_lost_after_sign' : kind;
  const after = recoveries.map(({ toJob }) => toJob);
  const figures: [string, number][] = [
    [`${name}_p50_s`, percentile(after, 0.5)],
    [`${name}_p90_s`, percentile(after, 0.9)],
    [`${name}_max_s`, Math.max(...after)],
  ];
  if (kind === 'gang_evict') {
    figures.push([`${name}_p99_s`, percentile(after, 0.99)]);
    const [lost, trained] = [recoveries.reduce((sum, one) => sum + one.lost, 0), recoveries.reduce((sum, one) => sum + one.trained, 0)];
    figures.push([`${name}_work_lost_share`, trained === 0 ? 0 : lost / trained]);
  }
  // Of a node that falls silent the request is nothing that anybody would see.
  if (kind !== 'node_lost')
    figures.push([
      `${name}_from_request_p90_s`,
      percentile(
        recoveries.map(({ fromRequest }) => fromRequest),
        0.9,
      ),
    ]);
  return figures.map(([figure, value]) => [figure, round(value)]);
}
