/** The chart is upgraded under a run whose trainers lose their machines on the way. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Cluster } from '../../deploy/dev-cluster/index.ts';
import { openClient } from '../../src/adapters/kubernetes/client.ts';
import { podOf } from '../../src/adapters/kubernetes/pods.ts';
import { trialWorkflowId } from '../../src/contract/ids.ts';
import { RELEASE, upgradeChart } from '../cluster/chart.ts';
import { openExampleLab, SMALL_EXAMPLE } from '../cluster/example-lab.ts';
import type { ExampleLab } from '../cluster/example-lab.ts';
import { clusterCanRun, kubernetesConfig, sharedCluster } from '../cluster/harness.ts';

const NAMESPACE = 'upgrades';
const PATIENCE = { interval: 200 };
/** Data sets come from the cache; trials and evaluation do not. */
const TRAINED_ANEW = ['steps.search.cache=false', 'steps.evaluate.cache=false'];
/** Slow enough to be met while it trains; the steps are the same. */
const SLOWLY = 'steps.search.env.LONGHAUL_STEP_DELAY_SECONDS="0.2"';

describe.skipIf(!clusterCanRun())('a run in the Helm chart', () => {
  let cluster: Cluster;
  let lab: ExampleLab;
  beforeAll(async () => {
    cluster = sharedCluster();
    lab = await openExampleLab(cluster, NAMESPACE);
    await upgradeChart(cluster, NAMESPACE, '1');
  });
  afterAll(async () => {
    await lab.close();
  });

  const buildOf = async (workflowId: string): Promise<string | undefined> => {
    const { raw } = await lab.longhaul.client.workflow.getHandle(workflowId).describe();
    return raw.workflowExecutionInfo?.versioningInfo?.deploymentVersion?.buildId ?? undefined;
  };
  const currentBuild = async (): Promise<string | undefined> => {
    const request = { namespace: 'default', deploymentName: 'longhaul' };
    const { workerDeploymentInfo } = await lab.longhaul.client.workflowService.describeWorkerDeployment(request);
    return workerDeploymentInfo?.routingConfig?.currentDeploymentVersion?.buildId ?? undefined;
  };

  it('ends with the same bits, objectives and metrics when it is upgraded twice, and two of its trainers are evicted between', async () => {
    await (await lab.start('calm', SMALL_EXAMPLE)).result();
    const undisturbed = await lab.tableOf('calm');
    const run = await lab.start('stormy', [...SMALL_EXAMPLE, ...TRAINED_ANEW, SLOWLY]);
    const ended = run.result();
    const upgrading = async (): Promise<void> => {
      await Promise.all([trains(0), trains(1)]);
      expect(await buildsOfTrials()).toEqual(['1', '1']);
      await upgraded('second');
      await Promise.all([evict(0), evict(1)]);
      await Promise.all([trains(0, 2), trains(1, 2)]);
      // Preempted trials go on with the workers of the new build.
      expect(await buildsOfTrials()).toEqual(['second', 'second']);
      await upgraded('third');
    };
    await Promise.race([ended, upgrading()]);
    const result = await ended;
    expect(result.steps.filter(({ status }) => status !== 'cached').map(({ id }) => id)).toEqual(['search', 'evaluate']);
    const attempts = await lab.warehouse.ledger('attempts', { run: 'stormy' });
    expect(attempts.map(({ trial, attempt, verdict }) => `${trial} ${attempt} ${verdict}`).sort()).toEqual([
      '0 1 preempted',
      '0 2 succeeded',
      '1 1 preempted',
      '1 2 succeeded',
    ]);
    // The second attempts went on in the middle.
    const starts = (await Promise.all([lab.records('stormy', 0), lab.records('stormy', 1)])).flat().filter(({ kind }) => kind === 'start');
    expect(starts.filter(({ attempt, samples }) => attempt === 2 && samples > 0)).toHaveLength(2);
    expect(await lab.tableOf('stormy')).toEqual(undisturbed);
    expect([await buildsOfTrials(), await buildOf('stormy')]).toEqual([['second', 'second'], 'third']);

    async function trains(trial: number, attempt = 1): Promise<void> {
      const trained = async (): Promise<boolean> =>
        (await lab.records('stormy', trial)).some(
          (record) => record.attempt === attempt && (record.kind === 'train' || record.kind === 'validation'),
        );
      await expect.poll(trained, PATIENCE).toBe(true);
    }

    async function evict(trial: number): Promise<void> {
      const client = openClient(kubernetesConfig(cluster, NAMESPACE));
      const [job] = await lab.compute.list({ run: 'stormy', step: 'search', trial: String(trial), attempt: '1' });
      const name = (await podOf(client, job?.name ?? ''))?.metadata?.name ?? '';
      const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace: NAMESPACE } };
      await client.request('POST', `${client.podsPath(name)}/eviction`, { body });
    }

    async function upgraded(build: string): Promise<void> {
      await upgradeChart(cluster, NAMESPACE, build);
      await cluster.kubectl([
        '-n',
        NAMESPACE,
        'rollout',
        'status',
        'deployment',
        '-l',
        'app.kubernetes.io/component=control',
        '--timeout=300s',
      ]);
      await lookAfterBuilds(`promote-${build}`);
      await expect.poll(currentBuild, PATIENCE).toBe(build);
    }

    function buildsOfTrials(): Promise<(string | undefined)[]> {
      return Promise.all([0, 1].map((trial) => buildOf(trialWorkflowId('stormy', 'search', trial))));
    }
  });

  it('has removed the control workers of builds that have drained, and kept those of the current one', async () => {
    let looks = 0;
    const builds = async (): Promise<string[]> => {
      await lookAfterBuilds(`retire-${++looks}`);
      const names = await cluster.kubectl(['-n', NAMESPACE, 'get', 'deployments', '-l', 'app.kubernetes.io/component=control', '-o', 'jsonpath={range .items[*]}{.metadata.annotations.longhaul\\.dev/build} {end}']); // prettier-ignore
      return names.trim().split(' ');
    };
    await expect.poll(builds, PATIENCE).toEqual(['third']);
  });
});

/** What the chart's CronJob does every minute, now. */
async function lookAfterBuilds(name: string): Promise<void> {
  const cluster = sharedCluster();
  await cluster.kubectl(['-n', NAMESPACE, 'create', 'job', name, `--from=cronjob/${RELEASE}-builds`]);
  await cluster.kubectl(['-n', NAMESPACE, 'wait', '--for=condition=Complete', `job/${name}`, '--timeout=300s']);
}
