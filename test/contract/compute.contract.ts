import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { JobEnd, JobSpec } from '../../src/contract/jobs.ts';
import type { Compute, JobStatus } from '../../src/ports/compute.ts';

/** What a suite needs of an adapter. */
export interface OpenedCompute {
  /** Another client of the same Jobs, as the next worker would have. */
  connect(): Promise<Compute>;
  /** What Jobs need besides to run `sh` here: an image, say. */
  readonly job: Partial<JobSpec>;
  /** Makes Jobs of this pool wait for a machine until `open` is called; `message` is what a person is to be told. */
  closedPool(): Promise<{ readonly pool: JobSpec['pool']; readonly message: RegExp; open(): Promise<void> }>;
  /** How it names the image that ran; null where there is none. */
  readonly image: RegExp | null;
  close(): Promise<void>;
}

const POOL = { name: 'contract', spot: false, pricePerHour: 0, nodeSelector: {}, tolerations: [] };

/** Claims that every `Compute` must keep. Jobs run POSIX `sh`. */
/**
 * @param gpus whether machines there have four for a Job on each of two
 * @param sideBySide whether its tests may run at once: where most of each is to wait for a machine
 */
export function computeContract(name: string, open: () => Promise<OpenedCompute>, { gpus = true, sideBySide = false } = {}): void {
  (sideBySide ? describe.concurrent : describe)(`compute contract: ${name}`, () => {
    let opened: OpenedCompute;
    let compute: Compute;
    let count = 0;
    const stamp = Date.now().toString(36);
    beforeAll(async () => {
      opened = await open();
      compute = await opened.connect();
    });
    afterAll(async () => {
      await compute.close();
      await opened.close();
    });

    const watch = (spec: JobSpec | string, options: Partial<Parameters<Compute['watch']>[1]> = {}, client = compute): Promise<JobEnd> =>
      client.watch(typeof spec === 'string' ? spec : spec.name, {
        signal: new AbortController().signal,
        noCapacitySeconds: 60,
        ...options,
      });
    const lines = async (spec: JobSpec, options: Parameters<Compute['logs']>[1] = {}, client = compute): Promise<string[]> => {
      const found: string[] = [];
      for await (const line of client.logs(spec.name, options)) found.push(line);
      return found;
    };
    /** `expect.poll` knows one test at a time. */
    const until = async (look: () => Promise<boolean>): Promise<void> => {
      while (!(await look())) await delay(50);
    };
    const hasLogged = (spec: JobSpec, text: string, rank = 0): Promise<boolean> =>
      lines(spec, { rank }).then(
        (found) => found.includes(text),
        () => false,
      );
    const untilLogged = (spec: JobSpec, text: string, rank = 0): Promise<void> => until(() => hasLogged(spec, text, rank));
    /** Ends with 143 when it is asked to, a little later. */
    const POLITE = `trap 'echo asked; sleep 0.2; echo saved; exit 143' TERM; echo ready; while :; do sleep 0.1; done`;
    const STUBBORN = `trap 'echo asked' TERM; echo ready; while :; do sleep 0.1; done`;

    // What a test makes is its own, and goes with it.
    const it = test
      .extend('job', ({ task: _task }, { onCleanup }) => {
        const made: string[] = [];
        onCleanup(async () => {
          await Promise.all(made.map((each) => compute.remove(each)));
        });
        const run = `run-${stamp}-${++count}`;
        return (script: string, changes: Partial<JobSpec> = {}): JobSpec => {
          const spec: JobSpec = {
            name: `contract-${stamp}-${++count}`,
            labels: { pipeline: 'contract', run, step: 'step' },
            env: {},
            resources: { cpu: 0.1, memoryMb: 64, gpu: 0 },
            pool: POOL,
            graceSeconds: 3,
            ...opened.job,
            command: ['sh', '-c', script],
            ...changes,
          };
          made.push(spec.name);
          return spec;
        };
      })
      .extend('connect', ({ task: _task }, { onCleanup }) => {
        const clients: Compute[] = [];
        onCleanup(async () => {
          await Promise.all(clients.map((each) => each.close()));
        });
        return async (): Promise<Compute> => {
          const client = await opened.connect();
          clients.push(client);
          return client;
        };
      })
      .extend('run', ({ job }) => async (script: string, changes: Partial<JobSpec> = {}): Promise<JobEnd> => {
        const spec = job(script, changes);
        await compute.create(spec);
        return watch(spec);
      });

    describe('ends', () => {
      it('tell success, with times and the end of the log', async ({ run }) => {
        const before = Date.now();
        const end = await run('echo hello; sleep 1');
        expect(end).toMatchObject({
          state: 'succeeded',
          exitCode: 0,
          disruption: null,
          deletedByOther: false,
          outOfMemory: false,
          deadlineExceeded: false,
          notStarted: null,
          nodeLost: false,
        });
        expect(end.logTail).toContain('hello');
        expect(end.image ?? '').toMatch(opened.image ?? /^$/);
        // Kubernetes' times are whole seconds.
        expect(end.startedAt).toBeGreaterThanOrEqual(before - 1000);
        expect(end.endedAt - end.startedAt!).toBeGreaterThanOrEqual(900);
        expect(end.endedAt).toBeLessThanOrEqual(Date.now() + 1000);
      });

      it('tell exit codes', async ({ run }) => {
        const codes = [1, 65, 143];
        const ends = await Promise.all(codes.map((code) => run(`exit ${code}`)));
        expect(ends.map((end) => [end.state, end.exitCode])).toEqual(codes.map((code) => ['failed', code]));
        for (const end of ends) expect(end.message).not.toBe('');
      });

      it('tell a kill -9 from inside as 137', async ({ run }) => {
        // PID 1 of a container cannot be killed from inside: its child is, and the shell passes the code on.
        expect(await run(`sh -c 'kill -9 $$'; exit $?`)).toMatchObject({ state: 'failed', exitCode: 137 });
      });

      it('are told again, to everybody who asks', async ({ job, connect }) => {
        const spec = job('exit 7');
        await compute.create(spec);
        const other = await connect();
        const ends = await Promise.all([watch(spec), watch(spec, {}, other)]);
        ends.push(await watch(spec, {}, await connect()));
        for (const end of ends) expect(end).toMatchObject({ state: 'failed', exitCode: 7, endedAt: ends[0].endedAt });
      });

      it('carry at most 4 KiB of the log', async ({ run }) => {
        const end = await run(
          'i=0; while [ $i -lt 500 ]; do echo "line $i of a log that is longer than it may be"; i=$((i+1)); done; echo the last line; exit 3',
        );
        expect(Buffer.byteLength(end.logTail)).toBeLessThanOrEqual(4096);
        expect(end.logTail.trimEnd().endsWith('the last line')).toBe(true);
        expect(end.logTail).toMatch(/^line/);
      });

      it('are lost for a Job that is not there', async () => {
        expect(await watch(`contract-${stamp}-none`)).toMatchObject({ state: 'lost', exitCode: null, startedAt: null });
      });

      it('come at the deadline', async ({ run }) => {
        const end = await run(`trap 'exit 143' TERM; while :; do sleep 0.1; done`, { deadlineSeconds: 1 });
        expect(end).toMatchObject({ state: 'failed', deadlineExceeded: true });
      });
    });

    describe('creating', () => {
      it('adopts the same Job, running or ended, from any client', async ({ job, connect }) => {
        const spec = job('echo once; sleep 0.5');
        const { name } = spec;
        expect(await compute.create(spec)).toEqual({ adopted: false, name });
        const other = await connect();
        expect(await other.create(structuredClone(spec))).toEqual({ adopted: true, name });
        const end = await watch(spec, {}, other);
        expect(await compute.create(spec)).toEqual({ adopted: true, name });
        expect(await watch(spec)).toMatchObject({ state: 'succeeded', endedAt: end.endedAt });
        expect(await lines(spec)).toEqual(['once']);
      });

      it('takes a spec with its keys in another order for the same', async ({ job }) => {
        const spec = job('exit 0', { env: { A: '1', B: '2' } });
        await compute.create(spec);
        const reordered = Object.fromEntries(Object.entries({ ...spec, env: { B: '2', A: '1' } }).reverse()) as unknown as JobSpec;
        expect(await compute.create(reordered)).toEqual({ adopted: true, name: spec.name });
      });

      it('runs once whatever the number of creators', async ({ job, connect }) => {
        const spec = job('echo once; sleep 0.3');
        const other = await connect();
        const results = await Promise.all(Array.from({ length: 10 }, (_, i) => (i % 2 ? compute : other).create(spec)));
        expect(results.filter((result) => !result.adopted)).toHaveLength(1);
        await watch(spec);
        expect(await lines(spec)).toEqual(['once']);
      });

      it('adopts its own Job whatever the next release says of it, also under the name that the last one gave', async ({
        job,
        connect,
      }) => {
        const spec = job('sleep 0.5; exit 5', { labels: { ...job('').labels, trial: '1', attempt: '2' } });
        await compute.create(spec);
        const digests = { 'trainer:1': `sha256:${'a'.repeat(64)}` };
        const next: JobSpec = { ...spec, digests, env: { ADDED: '1' }, graceSeconds: 7, labels: { ...spec.labels, home: 'here' } };
        expect(await compute.create(next)).toEqual({ adopted: true, name: spec.name });
        const renamed = { ...next, name: `${spec.name}-new`, formerNames: [`${spec.name}-older`, spec.name] };
        expect(await (await connect()).create(renamed)).toEqual({ adopted: true, name: spec.name });
        expect(await watch(spec)).toMatchObject({ exitCode: 5 });
        expect((await compute.list({ run: spec.labels.run, attempt: '2' })).map(({ name }) => name)).toEqual([spec.name]);
      });

      it('leaves alone what had its former name and is another’s', async ({ job }) => {
        const theirs = job('echo theirs', { labels: { ...job('').labels, step: 'a.b' } });
        await compute.create(theirs);
        const ours = job('echo ours', { formerNames: [theirs.name], labels: { ...theirs.labels, step: 'a-b' } });
        expect(await compute.create(ours)).toEqual({ adopted: false, name: ours.name });
        await Promise.all([watch(theirs), watch(ours)]);
        expect([await lines(theirs), await lines(ours)]).toEqual([['theirs'], ['ours']]);
      });

      it('refuses a Job of another run, step, trial, attempt or home, and leaves it alone', async ({ job }) => {
        const labels = { ...job('').labels, trial: '1', attempt: '1', home: 'here' };
        const spec = job('sleep 0.5; exit 5', { labels });
        await compute.create(spec);
        for (const label of ['run', 'step', 'trial', 'attempt', 'home'] as const)
          await expect(compute.create({ ...spec, labels: { ...labels, [label]: 'another' } }), label).rejects.toMatchObject({
            name: 'AdapterError',
            type: 'InvalidInput',
            message: expect.stringContaining(spec.name) as string,
          });
        expect(await watch(spec)).toMatchObject({ exitCode: 5 });
      });

      it('makes it anew after it was removed', async ({ job }) => {
        const spec = job('echo run');
        await compute.create(spec);
        await watch(spec);
        await compute.remove(spec.name);
        expect(await compute.create({ ...spec, env: { SECOND: '1' } })).toEqual({ adopted: false, name: spec.name });
        await watch(spec);
        expect(await lines(spec)).toEqual(['run']);
      });

      it('refuses names that are no DNS labels', async ({ job }) => {
        for (const bad of ['', 'Upper', '../x', 'a/b', '-a', 'x'.repeat(64)]) {
          await expect(compute.create({ ...job('exit 0'), name: bad }), bad).rejects.toMatchObject({
            name: 'AdapterError',
            type: 'InvalidInput',
          });
        }
      });
    });

    describe('the environment', () => {
      it('has the Job’s variables as they are, and not the worker’s', async ({ job }) => {
        process.env['LONGHAUL_CONTRACT_SECRET'] = 'of the worker';
        const odd = 'a "b" $HOME \'c\' {d} 商品';
        const spec = job('echo "odd=$ODD"; echo "secret=[$LONGHAUL_CONTRACT_SECRET]"', { env: { ODD: odd } });
        await compute.create(spec);
        await watch(spec);
        delete process.env['LONGHAUL_CONTRACT_SECRET'];
        expect(await lines(spec)).toEqual([`odd=${odd}`, 'secret=[]']);
      });

      it('passes arguments as they are', async ({ job }) => {
        const spec = job('', { command: ['sh', '-c', 'printf "%s|" "$0" "$@"', 'zero', 'a b', '$x', '*', ''] });
        await compute.create(spec);
        await watch(spec);
        expect(await lines(spec)).toEqual(['zero|a b|$x|*||']);
      });
    });

    describe('watching', () => {
      it('shows the way from pending or running to the end', async ({ job }) => {
        const spec = job('sleep 1');
        await compute.create(spec);
        const seen: JobStatus[] = [];
        await watch(spec, { onStatus: (status) => seen.push(status) });
        expect(seen.map((status) => status.phase).filter((phase, i, all) => phase !== all[i - 1])).toEqual(
          expect.arrayContaining(['running']),
        );
        expect(seen.find((status) => status.phase === 'running')!.startedAt).not.toBeNull();
      });

      it('ends with the signal’s reason and leaves the Job alone', async ({ job }) => {
        const spec = job('echo begun; sleep 1; echo done');
        await compute.create(spec);
        await untilLogged(spec, 'begun');
        const controller = new AbortController();
        const reason = new Error('the worker stops');
        const watching = watch(spec, { signal: controller.signal });
        controller.abort(reason);
        await expect(watching).rejects.toBe(reason);
        await expect(watch(spec, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
        expect(await watch(spec)).toMatchObject({ state: 'succeeded' });
        expect(await lines(spec)).toEqual(['begun', 'done']);
      });

      it('goes on in another client when the first is closed', async ({ job, connect }) => {
        const first = await opened.connect();
        const spec = job('echo begun; sleep 1; exit 9');
        await first.create(spec);
        await untilLogged(spec, 'begun');
        await first.close();
        expect(await watch(spec, {}, await connect())).toMatchObject({ state: 'failed', exitCode: 9 });
      });

      it('ends when the Job is removed by someone else', async ({ job, connect }) => {
        const spec = job(POLITE);
        await compute.create(spec);
        await untilLogged(spec, 'ready');
        const watching = watch(spec);
        await (await connect()).remove(spec.name);
        expect(['lost', 'failed']).toContain((await watching).state);
      });
    });

    describe('terminating', () => {
      it('sends SIGTERM and lets the Job end as it likes', async ({ job, connect }) => {
        const spec = job(POLITE);
        await compute.create(spec);
        await untilLogged(spec, 'ready');
        await (await connect()).terminate(spec.name);
        expect(await watch(spec)).toMatchObject({ state: 'failed', exitCode: 143, deletedByOther: false, askedToEnd: true });
      });

      it('is not what ended a Job that got SIGTERM from elsewhere', async ({ job }) => {
        const spec = job('trap "exit 143" TERM; kill -TERM $$; wait');
        await compute.create(spec);
        const end = await watch(spec);
        expect([end.exitCode, end.askedToEnd ?? false]).toEqual([143, false]);
      });

      it('kills after the grace', async ({ job }) => {
        const spec = job(STUBBORN, { graceSeconds: 1 });
        await compute.create(spec);
        await untilLogged(spec, 'ready');
        const asked = Date.now();
        await compute.terminate(spec.name);
        const end = await watch(spec);
        expect(end).toMatchObject({ state: 'failed', exitCode: 137, outOfMemory: false });
        expect(Date.now() - asked).toBeGreaterThanOrEqual(900);
      });

      it('does nothing to a Job that has ended or is not there', async ({ job }) => {
        const spec = job('exit 0');
        await compute.create(spec);
        await watch(spec);
        await compute.terminate(spec.name);
        await compute.terminate(`contract-${stamp}-none`);
        expect(await watch(spec)).toMatchObject({ state: 'succeeded' });
      });

      it('may be asked twice', async ({ job }) => {
        const spec = job(POLITE);
        await compute.create(spec);
        await untilLogged(spec, 'ready');
        await Promise.all([compute.terminate(spec.name), compute.terminate(spec.name)]);
        expect(await watch(spec)).toMatchObject({ exitCode: 143 });
      });
    });

    describe('removing', () => {
      it('asks first, waits until nothing runs, and forgets', async ({ job }) => {
        const spec = job(POLITE);
        await compute.create(spec);
        await untilLogged(spec, 'ready');
        await compute.remove(spec.name);
        expect(await compute.list({ run: spec.labels.run })).toEqual([]);
        expect(await watch(spec)).toMatchObject({ state: 'lost' });
        expect(await lines(spec)).toEqual([]);
      });

      it('waits no longer than it is told to', async ({ job }) => {
        const spec = job(POLITE);
        await compute.create(spec);
        await untilLogged(spec, 'ready');
        await compute.remove(spec.name, { waitSeconds: 0 });
        await until(async () => (await compute.list({ run: spec.labels.run })).length === 0);
      });

      it('is fine with none', async () => {
        await compute.remove(`contract-${stamp}-none`);
      });

      it('may be asked by two at once', async ({ job, connect }) => {
        const spec = job(POLITE);
        await compute.create(spec);
        await Promise.all([compute.remove(spec.name), (await connect()).remove(spec.name)]);
        expect(await compute.list({ run: spec.labels.run })).toEqual([]);
      });
    });

    describe('logs', () => {
      it('are the lines of both outputs in order, also the last without a line feed', async ({ job }) => {
        // Two pipes: what is written at the same moment may be read in either order.
        const spec = job('echo one; sleep 0.2; echo two >&2; sleep 0.2; echo; printf "grüße ohne Ende"');
        await compute.create(spec);
        await watch(spec);
        expect(await lines(spec)).toEqual(['one', 'two', '', 'grüße ohne Ende']);
        expect(await lines(spec, { tailLines: 2 })).toEqual(['', 'grüße ohne Ende']);
        expect(await lines(spec, { tailLines: 100 })).toHaveLength(4);
      });

      it('have their times when asked for, and go on behind a line', async ({ job }) => {
        const spec = job('for i in 1 2 3 4; do echo "line $i"; sleep 0.05; done');
        await compute.create(spec);
        await watch(spec);
        const stamped = await lines(spec, { follow: true, stamped: true });
        expect(stamped.map((line) => line.replace(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z /, ''))).toEqual(
          [1, 2, 3, 4].map((number) => `line ${number}`),
        );
        expect(stamped.map((line) => line.slice(0, 11))).not.toContain('line 1');
        const at = /^\S+/.exec(stamped[1] ?? '')?.[0] ?? '';
        expect(await lines(spec, { follow: true, after: { at, lines: 2 } })).toEqual(['line 3', 'line 4']);
      });

      it('are followed until the Job ends', async ({ job }) => {
        const spec = job('for i in 1 2 3 4 5; do echo "line $i"; sleep 0.2; done');
        await compute.create(spec);
        await untilLogged(spec, 'line 1');
        expect(await lines(spec, { follow: true })).toEqual(['line 1', 'line 2', 'line 3', 'line 4', 'line 5']);
        expect((await watch(spec)).state).toBe('succeeded');
      });

      it('are followed until the signal aborts', async ({ job }) => {
        const spec = job(POLITE);
        await compute.create(spec);
        await untilLogged(spec, 'ready');
        const controller = new AbortController();
        const found: string[] = [];
        for await (const line of compute.logs(spec.name, { follow: true, signal: controller.signal })) {
          found.push(line);
          controller.abort();
        }
        expect(found).toEqual(['ready']);
      });

      it('keep long lines and many of them', async ({ job }) => {
        const spec = job(
          'i=0; while [ $i -lt 3000 ]; do echo "$i ----------------------------------------------------------------"; i=$((i+1)); done',
        );
        await compute.create(spec);
        await watch(spec);
        const found = await lines(spec);
        expect(found).toHaveLength(3000);
        expect(found[2999]).toMatch(/^2999 -+$/);
        expect(await lines(spec, { tailLines: 2000 })).toEqual(found.slice(1000));
      });
    });

    describe('lists', () => {
      it('choose by labels and tell the phase', async ({ job, connect }) => {
        const labels = { pipeline: 'contract', run: `listed-${stamp}` };
        const [ended, running] = [
          job('exit 0', { labels: { ...labels, step: 'a', trial: '1', attempt: '1' } }),
          job(POLITE, { labels: { ...labels, step: 'b' } }),
        ];
        await Promise.all([compute.create(ended), compute.create(running)]);
        await watch(ended);
        await untilLogged(running, 'ready');
        const found = await (await connect()).list({ run: `listed-${stamp}` });
        expect(found.map((each) => [each.name, each.phase]).sort()).toEqual(
          [
            [ended.name, 'ended'],
            [running.name, 'running'],
          ].sort(),
        );
        expect(found.find((each) => each.name === ended.name)!.labels).toMatchObject({ ...labels, step: 'a', trial: '1', attempt: '1' });
        expect((await compute.list({ run: `listed-${stamp}`, step: 'b' })).map((each) => each.name)).toEqual([running.name]);
        expect(await compute.list({ run: 'none' })).toEqual([]);
        expect((await compute.list()).length).toBeGreaterThanOrEqual(2);
      });
    });

    describe('no capacity', () => {
      it('is told while the Job waits, ends the watch after the allowed time, and leaves the Job', async ({ job }) => {
        const closed = await opened.closedPool();
        const spec = job('echo ran', { pool: closed.pool });
        await compute.create(spec);
        const seen: JobStatus[] = [];
        const end = await watch(spec, { noCapacitySeconds: 1, onStatus: (status) => seen.push(status) });
        expect(end.notStarted).toMatchObject({ reason: 'no-capacity', message: expect.stringMatching(closed.message) as string });
        expect(end).toMatchObject({ state: 'failed', startedAt: null, exitCode: null });
        expect(seen.some((status) => status.phase === 'pending' && closed.message.test(status.message ?? ''))).toBe(true);
        expect((await compute.list({ run: spec.labels.run })).find((each) => each.name === spec.name)?.phase).toBe('pending');
        await closed.open();
        expect(await watch(spec)).toMatchObject({ state: 'succeeded' });
        expect(await lines(spec)).toEqual(['ran']);
      });

      it('leaves a Job that can be removed', async ({ job }) => {
        const closed = await opened.closedPool();
        const spec = job('echo ran', { pool: closed.pool });
        await compute.create(spec);
        await watch(spec, { noCapacitySeconds: 1 });
        await compute.remove(spec.name);
        await closed.open();
        expect(await compute.list({ run: spec.labels.run })).toEqual([]);
      });
    });

    // One after another everywhere: each takes the machines of several.
    describe('several machines', { concurrent: false }, () => {
      /** Of each rank, what the script prints. Followed, for a pod that is ended because of another one goes with its log. */
      const printed = async (spec: JobSpec): Promise<string[][]> =>
        Promise.all(Array.from({ length: spec.nodes ?? 1 }, (_, rank) => lines(spec, { rank, follow: true })));

      it('run it as ranks that are told each other, and end as one', async ({ job }) => {
        const spec = job(
          'echo "$LONGHAUL_NODE_RANK of $LONGHAUL_NODES, $LONGHAUL_GPUS_PER_NODE GPUs at $LONGHAUL_COORDINATOR"; sleep 0.5',
          {
            nodes: 3,
          },
        );
        await compute.create(spec);
        const end = await watch(spec);
        expect(end).toMatchObject({ state: 'succeeded', exitCode: 0, lingering: null });
        expect(end.nodes?.map(({ rank, exitCode }) => [rank, exitCode])).toEqual([0, 1, 2].map((rank) => [rank, 0]));
        const all = (await printed(spec)).flat();
        const [, address] = / at (\S+:\d+)$/.exec(all[0] ?? '') ?? [];
        expect(all).toEqual([0, 1, 2].map((rank) => `${rank} of 3,  GPUs at ${address ?? '?'}`));
      });

      it.runIf(gpus)('tell GPUs of each', async ({ job }) => {
        const spec = job('echo "$LONGHAUL_GPUS_PER_NODE"', { nodes: 2, resources: { cpu: 0.1, memoryMb: 64, gpu: 4 } });
        await compute.create(spec);
        expect(await watch(spec)).toMatchObject({ state: 'succeeded' });
        expect(await printed(spec)).toEqual([['4'], ['4']]);
      });

      it('end with the rank that failed first, and not with those that are ended because of it', async ({ job }) => {
        const spec = job(`echo "rank $LONGHAUL_NODE_RANK"; if [ $LONGHAUL_NODE_RANK = 1 ]; then sleep 1.2; exit 65; fi; ${POLITE}`, {
          nodes: 3,
        });
        await compute.create(spec);
        const end = await watch(spec);
        expect(end).toMatchObject({ state: 'failed', exitCode: 65, deletedByOther: false });
        expect(end.logTail).toContain('rank 1');
        expect(end.nodes?.map(({ exitCode }) => exitCode)).toEqual([143, 65, 143]);
        await compute.remove(spec.name);
        expect(await compute.list({ run: spec.labels.run })).toEqual([]);
      });

      it('are asked to end together, and each may save', async ({ job, connect }) => {
        const spec = job(POLITE, { nodes: 2 });
        await compute.create(spec);
        await untilLogged(spec, 'ready');
        await untilLogged(spec, 'ready', 1);
        const logs = printed(spec);
        await (await connect()).terminate(spec.name);
        expect(await watch(spec)).toMatchObject({ state: 'failed', exitCode: 143, deletedByOther: false, askedToEnd: true });
        expect((await logs).map((log) => log.slice(-2))).toEqual([
          ['asked', 'saved'],
          ['asked', 'saved'],
        ]);
      });

      it('are killed after the grace where one does not end', async ({ job }) => {
        const spec = job(`if [ $LONGHAUL_NODE_RANK = 0 ]; then sleep 1.2; exit 3; fi; ${STUBBORN}`, { nodes: 2, graceSeconds: 1 });
        await compute.create(spec);
        expect((await watch(spec)).nodes?.map(({ exitCode }) => exitCode)).toEqual([3, 137]);
      });

      it('are adopted as a whole', async ({ job, connect }) => {
        const spec = job('echo begun; sleep 1; exit 9', { nodes: 2 });
        const first = await opened.connect();
        await first.create(spec);
        await untilLogged(spec, 'begun');
        const logs = printed(spec);
        await first.close();
        const other = await connect();
        expect(await other.create(spec)).toEqual({ adopted: true, name: spec.name });
        expect(await watch(spec, {}, other)).toMatchObject({ exitCode: 9 });
        expect(await logs).toEqual([['begun'], ['begun']]);
      });

      it('wait together for a pool that has none of them', async ({ job }) => {
        const closed = await opened.closedPool();
        const spec = job('echo ran', { pool: closed.pool, nodes: 2 });
        await compute.create(spec);
        const end = await watch(spec, { noCapacitySeconds: 1 });
        expect(end.notStarted).toMatchObject({ reason: 'no-capacity', message: expect.stringMatching(closed.message) as string });
        await compute.remove(spec.name);
        await closed.open();
        expect(await compute.list({ run: spec.labels.run })).toEqual([]);
      });
    });
  });
}
