import { setTimeout as delay } from 'node:timers/promises';
import { AdapterError } from '../../contract/errors.ts';
import { pathOfFileUri } from '../../contract/file-uri.ts';
import { tensorboardName } from '../../contract/ids.ts';
import type { JobSpec } from '../../contract/jobs.ts';
import type { Compute } from '../../ports/compute.ts';
import type { Tensorboards, TensorboardSpec } from '../../ports/tensorboard.ts';
import { GRACES } from '../../rules/durations.ts';

/** `TensorBoard 2.21.0 at http://localhost:41234/ (Press CTRL+C to quit)` */
const ADDRESS = /TensorBoard \S+ at (http:\/\/\S+)/;

/** A process of this machine, run as a Job beside the others: it outlives the worker, and `longhaul gc` removes it when it is forgotten. */
export function processTensorboards(compute: Compute): Tensorboards {
  return {
    async start(spec) {
      const job = jobOf(spec);
      const known = (await compute.list({ pipeline: spec.pipeline })).find(({ name }) => name === job.name);
      if (known?.phase === 'ended') await compute.remove(job.name);
      await compute.create(job);
      return addressOf(compute, job.name);
    },
    stop: ({ pipeline, home }) => compute.remove(tensorboardName(pipeline, home)),
  };
}

async function addressOf(compute: Compute, name: string): Promise<string> {
  const deadline = Date.now() + GRACES.tensorboardProcessStartMs;
  for (;;) {
    let last = '';
    for await (const line of compute.logs(name)) {
      const address = ADDRESS.exec(line)?.[1];
      if (address !== undefined) return address;
      last = line;
    }
    const job = (await compute.list()).find((each) => each.name === name);
    if (job?.phase === 'ended' || Date.now() > deadline) throw new AdapterError('Unavailable', `TensorBoard did not start: ${last}`);
    await delay(GRACES.tensorboardProcessLookMs);
  }
}

const jobOf = ({ pipeline, home, logdir }: TensorboardSpec): JobSpec => ({
  name: tensorboardName(pipeline, home),
  labels: { pipeline, run: 'tensorboard', step: 'tensorboard' },
  command: ['python', '-m', 'tensorboard.main', '--logdir', pathOfFileUri(logdir), '--port', '0'],
  env: { PYTHONUNBUFFERED: '1' },
  resources: { cpu: 0.1, memoryMb: 512, gpu: 0 },
  pool: { name: 'local', spot: false, pricePerHour: 0, nodeSelector: {}, tolerations: [] },
  graceSeconds: GRACES.tensorboardGraceSeconds,
});
