/** Workers as an installation starts them: processes of their own, with a policy file. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseAllDocuments } from 'yaml';
import { root } from '../../bin/setup-tools.mjs';
import { CHART, helm } from '../cluster/chart.ts';

const WORKERS = ['control', 'warehouse', 'training'] as const;

interface Options {
  readonly address: string;
  /** Where their policy file lies. */
  readonly directory: string;
  /** Of the file, YAML. */
  readonly policy: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface Installation {
  /** What they have said. */
  readonly log: () => string;
  stop(): Promise<void>;
}

/** Resolves when all of them serve their queues. */
export async function startInstallation({ address, directory, policy, env }: Options): Promise<Installation> {
  const file = join(directory, 'policy.yaml');
  writeFileSync(file, policy);
  const children: ChildProcess[] = [];
  let log = '';
  const stop = async (): Promise<void> => {
    await Promise.all(
      children.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const ended = once(child, 'exit');
        child.kill('SIGTERM');
        await ended;
      }),
    );
  };
  const start = async (name: (typeof WORKERS)[number]): Promise<void> => {
    const child = spawn(process.execPath, [join(root, 'workers', `${name}.ts`)], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, TEMPORAL_ADDRESS: address, LONGHAUL_POLICY: file, ...env },
    });
    children.push(child);
    child.stderr.on('data', (data: Buffer) => (log += data.toString()));
    const exited = once(child, 'exit').then(() => {
      throw new Error(`the ${name} worker did not start: ${log}`);
    });
    exited.catch(() => undefined);
    const ready = new Promise<void>((resolve) => {
      createInterface({ input: child.stdout }).on('line', (line) => {
        if (line.startsWith('{"ready":true')) resolve();
      });
    });
    await Promise.race([ready, exited]);
  };
  try {
    await Promise.all(WORKERS.map(start));
  } catch (error) {
    await stop();
    throw error;
  }
  return { log: () => log, stop };
}

interface ChartObject {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly data?: Readonly<Record<string, string>>;
}

/** What the chart makes of these settings: a release that is called like its namespace. */
export async function renderedChart(
  namespace: string,
  ...settings: readonly string[]
): Promise<{ objects: ChartObject[]; policy: string }> {
  const text = await helm(['template', namespace, CHART, '--namespace', namespace, '--kube-version', '1.35.0', ...settings]);
  const objects = parseAllDocuments(text).flatMap((each) => (each.toJS() as ChartObject | null) ?? []);
  const policy = objects.find(({ metadata }) => metadata.name === `${namespace}-policy`)?.data?.['policy.yaml'];
  if (policy === undefined) throw new Error(`the chart has no policy:\n${text}`);
  return { objects, policy };
}
