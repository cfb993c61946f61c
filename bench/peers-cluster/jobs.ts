/** Bare Jobs, one after the other, by a client that watches them; as Kubernetes' documentation advises for machines that may go. */
import { BUSYBOX_IMAGE } from '../../deploy/dev-cluster/index.ts';
import type { KubeClient } from '../../src/adapters/kubernetes/client.ts';
import { KUEUE_QUEUE } from '../../src/adapters/kubernetes/labels.ts';
import { JobEnds } from '../peers/job-ends.ts';
import { Pods } from './pods.ts';
import { GRACE_SECONDS, NOTHING, POOL, RESOURCES, USER } from './way.ts';
import type { Way } from './way.ts';

interface JobsWay extends Way {
  readonly close: () => Promise<void>;
}

/** @param queue of Kueue; undefined: whatever is made runs */
export function openJobs(client: KubeClient, { name: way, queue }: Pick<Way, 'name'> & { readonly queue?: string }): JobsWay {
  const pods = new Pods(client);
  const ends = new JobEnds(client);
  const run = async (name: string, command: readonly string[]): Promise<void> => {
    const ended = ends.of(name);
    await client.request('POST', client.jobsPath(), { body: jobOf(name, command, queue) });
    await ended;
  };
  return {
    name: way,
    client,
    pods,
    chain: async (name, steps) => {
      const began = performance.now();
      for (let step = 0; step < steps; step++) await run(`${name}-${step}`, NOTHING);
      return (performance.now() - began) / steps;
    },
    start: (name, steps, command) => {
      const names = Array.from({ length: steps }, (_, step) => `${name}-${step}`);
      const ended = Promise.all(names.map((each) => run(each, command)));
      return Promise.resolve({
        ended,
        end: async () => {
          await client.request('DELETE', client.jobsPath(), { body: { propagationPolicy: 'Background' } });
          await pods.gone();
        },
      });
    },
    close: async () => {
      await ends.close();
      await pods.close();
    },
  };
}

/**
 * `backoffLimit` is Kubernetes' default, and `podFailurePolicy` that of its task "Handling retriable and non-retriable pod failures":
 * a disruption is ignored, an exit code of the program's own ends the Job.
 */
const jobOf = (name: string, command: readonly string[], queue: string | undefined): object => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name, ...(queue === undefined ? {} : { labels: { [KUEUE_QUEUE]: queue } }) },
  spec: {
    ...(queue === undefined ? {} : { suspend: true }),
    backoffLimit: 6,
    podFailurePolicy: {
      rules: [
        { action: 'FailJob', onExitCodes: { containerName: 'main', operator: 'In', values: [42] } },
        { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
      ],
    },
    template: {
      spec: {
        restartPolicy: 'Never',
        terminationGracePeriodSeconds: GRACE_SECONDS,
        nodeSelector: POOL,
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        securityContext: { runAsNonRoot: true, runAsUser: USER, seccompProfile: { type: 'RuntimeDefault' } },
        containers: [
          {
            name: 'main',
            image: BUSYBOX_IMAGE,
            command,
            resources: {
              requests: { cpu: RESOURCES.cpu, memory: `${RESOURCES.memoryMb}Mi` },
              limits: { memory: `${RESOURCES.memoryMb}Mi` },
            },
            securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
          },
        ],
      },
    },
  },
});
