/** Runs the main container of pods as processes of this machine, and tells of them in the kubelet's order. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import { stamp } from './objects.ts';
import type { Objects, Thing } from './objects.ts';

interface PodSpec {
  readonly containers: readonly {
    readonly name: string;
    readonly command?: readonly string[];
    readonly env?: readonly { name: string; value?: string; valueFrom?: { fieldRef: { fieldPath: string } } }[];
  }[];
  readonly nodeSelector?: Readonly<Record<string, string>>;
  readonly activeDeadlineSeconds?: number;
  readonly terminationGracePeriodSeconds?: number;
}
interface LogLine {
  readonly at: string;
  readonly text: string;
}
interface Running {
  readonly child: ChildProcess;
  readonly lines: LogLine[];
  readonly listeners: Set<() => void>;
  /** Why the pod is being ended, as the kubelet will say. */
  why: Record<string, unknown> | null;
  over: boolean;
  timers: NodeJS.Timeout[];
}

const IMAGE_ID = `example.com/image@sha256:${'a'.repeat(64)}`;

export class Kubelet {
  readonly #objects: Objects;
  /** Between the container's end and the pod's, as a real kubelet takes. */
  readonly #podEndMs: number;
  readonly #running = new Map<string, Running>();
  readonly #slow = new Map<string, Promise<undefined>>();
  #nanos = 0;

  constructor(objects: Objects, podEndMs: number) {
    this.#objects = objects;
    this.#podEndMs = podEndMs;
  }

  logOf(pod: string): Pick<Running, 'lines' | 'listeners' | 'over'> | undefined {
    return this.#running.get(pod);
  }

  start(pod: Thing, node: string): void {
    const { name } = pod.metadata;
    const spec = pod.spec as unknown as PodSpec;
    const main = spec.containers.find((each) => each.name === 'main');
    const [file = 'true', ...args] = (main?.command ?? []).map((part) => part.replaceAll('$$', '$'));
    const annotation = (path: string): string => pod.metadata.annotations?.[/'(.+)'/.exec(path)?.[1] ?? ''] ?? '';
    const env = Object.fromEntries(
      (main?.env ?? []).map(({ name: variable, value, valueFrom }) => [
        variable,
        value?.replaceAll('$$', '$') ?? annotation(valueFrom?.fieldRef.fieldPath ?? ''),
      ]),
    );
    const child = spawn(file, args, { env: { PATH: process.env['PATH'], ...env }, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    const running: Running = { child, lines: [], listeners: new Set(), why: null, over: false, timers: [] };
    this.#running.set(name, running);
    const startedAt = stamp();
    this.#objects.change('pods', name, (thing) => {
      thing.spec['nodeName'] = node;
      Object.assign(thing.status, {
        phase: 'Running',
        startTime: startedAt,
        conditions: [{ type: 'PodScheduled', status: 'True', lastTransitionTime: startedAt }],
        containerStatuses: this.#statuses(spec, { running: { startedAt } }),
      });
    });
    const flush = [this.#collect(running, child.stdout), this.#collect(running, child.stderr)];
    if (spec.activeDeadlineSeconds !== undefined) this.#endAfter(running, name, spec.activeDeadlineSeconds * 1000);
    child.on('error', () => undefined);
    child.on('close', (code, signal) => {
      for (const each of flush) each();
      const exitCode = code ?? 128 + (signal ? constants.signals[signal] : 0);
      const terminated = { exitCode, reason: exitCode === 0 ? 'Completed' : 'Error', startedAt, finishedAt: stamp() };
      const slow = this.#slow.get(name);
      if (slow === undefined) this.#ended(running, pod, terminated);
      else void slow.then(() => this.#ended(running, pod, terminated));
    });
  }

  /** SIGTERM, the grace, SIGKILL. @param why what the pod's status says at the end */
  end(name: string, why: Record<string, unknown>, graceSeconds?: number): void {
    const running = this.#running.get(name);
    if (!running || running.over || running.why) return;
    running.why = why;
    const grace = graceSeconds ?? (this.#objects.get('pods', name)?.spec as PodSpec | undefined)?.terminationGracePeriodSeconds ?? 30;
    kill(running.child, 'SIGTERM');
    running.timers.push(setTimeout(() => kill(running.child, 'SIGKILL'), grace * 1000));
  }

  /** Nothing is told of the pod's end for now. @returns what has it told */
  keepToItself(name: string): () => void {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.#slow.set(name, promise);
    return () => resolve(undefined);
  }

  #endAfter(running: Running, name: string, ms: number): void {
    running.timers.push(setTimeout(() => this.end(name, { reason: 'DeadlineExceeded', message: 'Pod was active longer' }), ms));
  }

  isRunning(name: string): boolean {
    const running = this.#running.get(name);
    return running !== undefined && !running.over;
  }

  close(): void {
    for (const running of this.#running.values()) {
      for (const timer of running.timers) clearTimeout(timer);
      running.child.removeAllListeners('close');
      if (!running.over) kill(running.child, 'SIGKILL');
    }
  }

  #statuses(spec: PodSpec, state: object, beside: object = { running: {} }): object[] {
    return spec.containers.map(({ name }) => ({ name, image: 'image', imageID: IMAGE_ID, state: name === 'main' ? state : beside }));
  }

  #ended(running: Running, pod: Thing, terminated: { exitCode: number; reason: string; startedAt: string; finishedAt: string }): void {
    const spec = pod.spec as unknown as PodSpec;
    const { name } = pod.metadata;
    for (const timer of running.timers.splice(0)) clearTimeout(timer);
    const last = (): void => {
      running.over = true;
      const why = running.why ?? {};
      for (const listener of running.listeners) listener();
      const failed = terminated.exitCode !== 0 || 'reason' in why;
      this.#objects.change('pods', name, (thing) => {
        Object.assign(thing.status, why, {
          phase: failed ? 'Failed' : 'Succeeded',
          containerStatuses: this.#statuses(spec, { terminated }, { terminated: { exitCode: 0 } }),
        });
      });
      if (this.#objects.get('pods', name)?.metadata.deletionTimestamp !== undefined) this.#objects.remove('pods', name);
    };
    // An end that was asked for is told at once; one of its own in two steps, and beside other containers not at all.
    if (running.why) return last();
    this.#objects.change('pods', name, (thing) => {
      Object.assign(thing.status, { containerStatuses: this.#statuses(spec, { terminated }) });
    });
    if (spec.containers.length > 1) {
      const asked = setInterval(() => {
        if (running.why === null) return;
        clearInterval(asked);
        last();
      }, 5);
      running.timers.push(asked);
    } else running.timers.push(setTimeout(last, this.#podEndMs));
  }

  #collect(running: Running, stream: NodeJS.ReadableStream | null): () => void {
    let rest = '';
    const decoder = new TextDecoder();
    const push = (text: string): void => {
      const nanos = String(++this.#nanos % 1_000_000).padStart(6, '0');
      running.lines.push({ at: `${new Date().toISOString().slice(0, -1)}${nanos}Z`, text });
      for (const listener of running.listeners) listener();
    };
    stream?.on('data', (chunk: Buffer) => {
      const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = parts.pop() ?? '';
      for (const part of parts) push(part);
    });
    return () => {
      if (rest !== '') push(rest);
      rest = '';
    };
  }
}

function kill(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(signal === 'SIGKILL' ? -child.pid : child.pid, signal);
  } catch {
    // Gone meanwhile.
  }
}
