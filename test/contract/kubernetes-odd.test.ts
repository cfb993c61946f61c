/** What clusters do that nobody would think of, on a stand-in for one. */
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openKubernetesCompute } from '../../src/adapters/kubernetes/index.ts';
import type { KubernetesComputeOptions } from '../../src/adapters/kubernetes/index.ts';
import type { JobEnd, JobSpec } from '../../src/contract/jobs.ts';
import type { Compute, JobStatus } from '../../src/ports/compute.ts';
import { startStandIn } from '../support/kubernetes/server.ts';
import type { StandIn } from '../support/kubernetes/server.ts';
import { stamp } from '../support/kubernetes/objects.ts';

let standIn: StandIn;
let compute: Compute;
const open = async (options: KubernetesComputeOptions = {}): Promise<void> => {
  standIn = await startStandIn({ podEndMs: 20 });
  compute = await openKubernetesCompute(standIn.config, options);
};
afterEach(async () => {
  await compute.close();
  await standIn.close();
});

const job = (name: string, script = 'trap exit TERM; sleep 600 & wait'): JobSpec => ({
  ...{ name, image: 'image', command: ['sh', '-c', script], env: {}, resources: { cpu: 1, memoryMb: 64, gpu: 0 } },
  ...{ pool: { name: 'p', spot: true, pricePerHour: 1, nodeSelector: { pool: 'closed' }, tolerations: [] } },
  ...{ labels: { pipeline: 'p', run: name, step: 's', attempt: '1' }, graceSeconds: 1 },
});
const watch = (name: string): { readonly said: JobStatus[]; readonly end: Promise<JobEnd>; readonly leave: () => void } => {
  const leaving = new AbortController();
  const said: JobStatus[] = [];
  const end = compute.watch(name, { signal: leaving.signal, noCapacitySeconds: 600, onStatus: (status) => said.push(status) });
  end.catch(() => undefined);
  return { said, end, leave: () => leaving.abort() };
};
const eventually = (look: () => unknown) => expect.poll(look, { interval: 5 });
const podName = (name: string): string => standIn.controllers.podOf(name)?.metadata.name ?? '';

/** A pod that is on a machine and waits there. */
const holds = (pod: string, reason: string, message = '', scheduledAt = Date.now()): void =>
  void standIn.objects.change('pods', pod, ({ spec, status }) => {
    spec['nodeName'] = 'node-1';
    status['conditions'] = [{ type: 'PodScheduled', status: 'True', lastTransitionTime: stamp(scheduledAt) }];
    status['containerStatuses'] = [{ name: 'main', state: { waiting: { reason, message } } }];
  });
const placed = async (name: string): Promise<string> => {
  standIn.controllers.closedPools.add('closed');
  await compute.create(job(name));
  await eventually(() => podName(name)).not.toBe('');
  return podName(name);
};

describe('an image', () => {
  const MENDING_SECONDS = 2;
  const HALF_AN_HOUR_MS = 1_800_000;
  beforeEach(() => open({ patience: { recoverySeconds: MENDING_SECONDS } }));

  it('that was pulled for half an hour, failed then, and is pulled again, has not been in trouble for half an hour', async () => {
    // A machine that is older than the pod on it.
    standIn.objects.change('nodes', 'node-1', ({ metadata }) => (metadata.creationTimestamp = '2026-01-01T00:00:00Z'));
    const pod = await placed('large');
    const { said, end, leave } = watch('large');
    holds(pod, 'ErrImagePull', 'unexpected EOF', Date.now() - HALF_AN_HOUR_MS);
    await eventually(() => said.at(-1)?.message).toBe('ErrImagePull: unexpected EOF');
    holds(pod, 'ImagePullBackOff', 'Back-off pulling image', Date.now() - HALF_AN_HOUR_MS);
    await eventually(() => said.at(-1)?.message).toMatch(/Back-off/);
    standIn.controllers.open('closed');
    await eventually(() => said.at(-1)?.phase).toBe('running');
    await compute.terminate('large');
    expect((await end).notStarted).toBeNull();
    leave();
  });

  it('that cannot be pulled soon after there is a machine is given its time, and no more', async () => {
    const pod = await placed('small');
    const { end } = watch('small');
    holds(pod, 'ImagePullBackOff', 'connection refused');
    expect(await end).toMatchObject({ notStarted: { reason: 'image', message: 'ImagePullBackOff: connection refused' }, lingering: 'job' });
  });
});

describe('an image that is not there', () => {
  const BACK_OFF = 'Back-off pulling image "image"';
  const pulling = (why: string): string => `failed to pull and unpack image "image": failed to resolve reference "image": ${why}`;
  const AWAY = [
    pulling('failed to do request: Head "https://r.example/v2/m/manifests/1": dial tcp 10.0.0.7:443: connect: connection refused'),
    pulling('failed to do request: Head "https://r.example/v2/m/manifests/1": dial tcp: lookup r.example on 10.0.0.10:53: no such host'),
    pulling('failed to do request: Head "https://r.example/v2/m/manifests/1": net/http: TLS handshake timeout'),
    pulling('unexpected status from HEAD request to https://r.example/v2/m/manifests/1: 503 Service Unavailable'),
    pulling('pulling from host r.example failed with status code [manifests 1]: 502 Bad Gateway'),
    'toomanyrequests: You have reached your unauthenticated pull rate limit.',
    pulling('unexpected status from HEAD request to https://r.example/v2/m/manifests/1: 429 Too Many Requests'),
    pulling('failed to authorize: failed to fetch oauth token: Post "https://auth.example/token": context deadline exceeded'),
    'pull access denied, repository does not exist: server message: 500 Internal Server Error',
  ];
  const WRONG = [
    pulling('r.example/m:1: not found'),
    pulling('pull access denied, repository does not exist or may require authorization: authorization failed'),
    pulling('unexpected status from HEAD request to https://r.example/v2/m/manifests/1: 403 Forbidden'),
    pulling(
      'failed to authorize: failed to fetch oauth token: unexpected status from GET request to https://r.example/token: 401 Unauthorized',
    ),
    'no match for platform in manifest: not found',
  ];
  beforeEach(() => open({ patience: { recoverySeconds: 0.2 } }));

  it.each(AWAY)('may come, where its registry is away: %s', async (why) => {
    const pod = await placed('away');
    const { said, end } = watch('away');
    holds(pod, 'ErrImagePull', why);
    expect(await end).toMatchObject({ notStarted: { reason: 'image', passes: true } });
    expect(said.at(-1)).toMatchObject({ phase: 'pending', waitingFor: 'the registry', node: 'node-1' });
  });

  it.each(WRONG)('is not waited for, where it is wrong: %s', async (why) => {
    const pod = await placed('wrong');
    const { end } = watch('wrong');
    holds(pod, 'ImagePullBackOff', `${BACK_OFF}: ErrImagePull: ${why}`);
    const { notStarted } = await end;
    expect(notStarted).toEqual({ reason: 'image', message: `ImagePullBackOff: ${BACK_OFF}: ErrImagePull: ${why}` });
  });

  it('is as wrong as it was said to be, where the kubelet does not repeat why', async () => {
    const pod = await placed('old-kubelet');
    const { said, end } = watch('old-kubelet');
    holds(pod, 'ErrImagePull', pulling('not found'));
    await eventually(() => said.at(-1)?.message).toMatch(/not found/);
    holds(pod, 'ImagePullBackOff', BACK_OFF);
    expect((await end).notStarted).not.toHaveProperty('passes');
  });

  it('is not known to be wrong, where nobody says why', async () => {
    const pod = await placed('unsaid');
    const { end } = watch('unsaid');
    holds(pod, 'ImagePullBackOff', BACK_OFF);
    expect((await end).notStarted).toMatchObject({ reason: 'image', passes: true });
  });

  it('is not judged by its own name', async () => {
    standIn.controllers.closedPools.add('closed');
    const image = 'r.example/access-denied/429 too/forbidden:1';
    await compute.create({ ...job('named'), image });
    await eventually(() => podName('named')).not.toBe('');
    const { end } = watch('named');
    holds(podName('named'), 'ErrImagePull', `failed to pull "${image}": x509: certificate has expired`);
    expect((await end).notStarted).toMatchObject({ passes: true });
  });

  it('may be that of what comes before the main container', async () => {
    const pod = await placed('launched');
    const { said, end } = watch('launched');
    const why = pulling('unexpected status from HEAD request to https://r.example/v2/l/manifests/1: 503 Service Unavailable');
    standIn.objects.change('pods', pod, ({ spec, status }) => {
      spec['nodeName'] = 'node-1';
      status['conditions'] = [{ type: 'PodScheduled', status: 'True', lastTransitionTime: stamp() }];
      status['initContainerStatuses'] = [{ name: 'launcher', state: { waiting: { reason: 'ImagePullBackOff', message: why } } }];
      status['containerStatuses'] = [{ name: 'main', state: { waiting: { reason: 'PodInitializing' } } }];
    });
    expect(await end).toMatchObject({ notStarted: { reason: 'image', message: `ImagePullBackOff: ${why}`, passes: true } });
    expect(said.at(-1)).toMatchObject({ waitingFor: 'the registry' });
  });
});

describe('a pod', () => {
  beforeEach(() => open());

  it('that has a machine waits for no scheduler any more, whatever was said of it before', async () => {
    const pod = await placed('slow');
    const { said, leave } = watch('slow');
    const warn = (reason: string, message: string): unknown =>
      standIn.objects.add('events', {
        metadata: { name: `${pod}.${reason}` },
        spec: {},
        ...{ involvedObject: { kind: 'Pod', name: pod }, reason, message },
      });
    warn('FailedScheduling', '0/1 nodes are available');
    holds(pod, 'ContainerCreating');
    await eventually(() => said.at(-1)).toMatchObject({ node: 'node-1', message: 'ContainerCreating' });
    warn('FailedMount', 'the bucket is away');
    await eventually(() => said.at(-1)?.message).toBe('FailedMount: the bucket is away');
    leave();
  });

  it('that was replaced within its second is not the one whose end counts, in whichever order they are told', async () => {
    const labels = { 'batch.kubernetes.io/job-name': 'twice', 'app.kubernetes.io/managed-by': 'longhaul' };
    const pod = (name: string): void =>
      void standIn.objects.add('pods', { metadata: { name, labels }, spec: { nodeName: 'node-1' }, status: { phase: 'Pending' } });
    pod('old');
    standIn.objects.change('pods', 'old', ({ metadata }) => (metadata.deletionTimestamp = stamp()));
    const { said, leave } = watch('twice');
    await eventually(() => said.at(-1)?.phase).toBe('pending');
    pod('new');
    const { creationTimestamp = '' } = standIn.objects.get('pods', 'old')?.metadata ?? {};
    standIn.objects.change('pods', 'new', ({ metadata, status }) => {
      metadata.creationTimestamp = creationTimestamp;
      status['containerStatuses'] = [{ name: 'main', state: { running: { startedAt: stamp() } } }];
    });
    await eventually(() => said.at(-1)?.phase).toBe('running');
    standIn.objects.change('pods', 'old', ({ status }) => (status['phase'] = 'Failed'));
    standIn.objects.remove('pods', 'old');
    holds('new', 'Seen');
    await eventually(() => said.at(-1)?.message).toBe('Seen');
    leave();
  });
});

describe('a kubeconfig', () => {
  beforeEach(() => open());

  it('that is written anew, for another address and token, is read anew', async () => {
    await compute.create(job('first', 'sleep 600'));
    standIn.controllers.open('closed');
    const { said, leave } = watch('first');
    await eventually(() => said.at(-1)?.phase).toBe('running');
    const text = await readFile(standIn.config.kubeconfig ?? '', 'utf8');
    const [, port = ''] = /127\.0\.0\.1:(\d+)/.exec(text) ?? [];
    // The same control plane behind another door.
    const door = createServer((request, response) => {
      const to = { port, host: '127.0.0.1', method: request.method, path: request.url, headers: request.headers };
      const through = httpRequest(to, (answer) => void answer.pipe(response.writeHead(answer.statusCode ?? 0, answer.headers)));
      response.on('close', () => through.destroy());
      through.on('error', () => response.destroy());
      request.pipe(through);
    });
    await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
    try {
      const moved = JSON.parse(text.replace(port, String((door.address() as AddressInfo).port))) as { users: { user: object }[] };
      for (const user of moved.users) user.user = { token: 'new' };
      standIn.fault = ({ token }) => (token === 'Bearer new' ? null : 401);
      await writeFile(standIn.config.kubeconfig ?? '', JSON.stringify(moved));
      expect((await compute.list({ run: 'first' })).map(({ name }) => name)).toEqual(['first']);
      await compute.terminate('first');
      leave();
    } finally {
      door.closeAllConnections();
      door.close();
    }
  });
});
