/** A Temporal server behind a proxy and real workers, on one of the grounds, and the means to break each of them. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../src/stack/tcp.ts';
import { startStack } from '../../src/stack/stack.ts';
import { createSupervisor, type Supervised, type Supervisor } from '../../src/stack/supervisor.ts';
import { temporalServer, untilServing } from '../../src/stack/temporal-server.ts';
import { shipCode } from '../../src/cli/ship-code.ts';
import { connect, type Longhaul } from '../../src/client/index.ts';
import { compile } from '../../src/compile/index.ts';
import type { Profile } from '../../src/contract/profile.ts';
import type { RunDocument } from '../../src/contract/run-document.ts';
import { openPorts, type OpenPorts } from '../../src/adapters/open.ts';
import { startTcpFront, type TcpFront } from '../support/tcp-front.ts';
import { openCloud } from './cloud.ts';
import { openEmbedded } from './embedded.ts';
import type { WorldKind } from './faults.ts';
import type { Ground } from './ground.ts';
import { startWebhook } from './webhook.ts';

const PIPELINE = join(import.meta.dirname, 'pipeline', 'pipeline.yaml');
/** Pipelines may share files, also where there is no git repository. */
const ROOT = join(import.meta.dirname, '..', '..');
const SHIFTED_CLOCK = new URL('shifted-clock.mjs', import.meta.url).href;
/** A part of the webhook's address, which must not turn up anywhere. */
export const SECRET = 'hush-7f3a91c2';
const WEBHOOK = 'LONGHAUL_CHAOS_WEBHOOK';

/** Another world than that of chaos on the same parts. */
interface WorldOptions {
  readonly pipeline?: string;
  /** `--set` of the pipeline, after those of the ground. */
  readonly set?: readonly string[];
  readonly profile?: (profile: Profile) => Profile;
  /** Of all workers. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Of the Temporal server. */
  readonly temporal?: readonly string[];
  readonly trials?: number;
  /** Of each history. */
  readonly maxEvents?: number;
}

export interface World {
  readonly folder: string;
  /** Trials of its search. */
  readonly trials: number;
  readonly maxEvents: number;
  readonly ground: Ground;
  readonly longhaul: Longhaul;
  readonly front: TcpFront;
  readonly ports: OpenPorts;
  readonly profile: Profile;
  pid(process: string): number | null;
  /** How far the wall clock of a Node worker is off. */
  setClock(worker: string, offsetMs: number): void;
  /** @param set of the pipeline, after those of the world */
  document(salt: number, set?: readonly string[]): Promise<RunDocument>;
  stopWorkers(): Promise<void>;
  startWorkers(): Promise<void>;
  close(): Promise<void>;
}

export async function openWorld(kind: WorldKind, options: WorldOptions = {}): Promise<World> {
  const { pipeline = PIPELINE, trials = 2, maxEvents = 2000 } = options;
  const folder = mkdtempSync(join(tmpdir(), 'longhaul-chaos-'));
  const ground = kind === 'cloud' ? await openCloud(folder) : openEmbedded(folder);
  const own: Profile = { ...ground.profile, notifications: [{ on: ['finish', 'failure'], webhookEnv: WEBHOOK }] };
  const profile = options.profile?.(own) ?? own;
  const profileFile = join(folder, 'chaos.json');
  writeFileSync(profileFile, JSON.stringify(profile));

  const supervisor = createSupervisor(() => undefined);
  const { server, front } = await startServer(folder, supervisor, options.temporal ?? []);
  const webhook = await startWebhook(`/${SECRET}`);
  const clocks = join(folder, 'clocks');
  mkdirSync(clocks);
  const variables: Record<string, string> = {
    ...options.environment,
    TEMPORAL_ADDRESS: front.address,
    TEMPORAL_NAMESPACE: 'default',
    [WEBHOOK]: webhook.url,
    LONGHAUL_CHAOS_CLOCKS: clocks,
    NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --import ${SHIFTED_CLOCK}`,
  };
  const before = Object.keys(variables).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, variables);
  let stack = await startStack({ directory: folder });
  await stack.ready;
  const longhaul = await connect({ directory: folder });
  const ports = openPorts();
  return {
    folder,
    trials,
    maxEvents,
    ground,
    longhaul,
    front,
    ports,
    profile,
    pid: (name) => (name === 'temporal' ? server.pid() : (stack.pids()[name] ?? null)),
    setClock: (worker, offsetMs) => writeFileSync(join(clocks, worker), String(offsetMs)),
    document: async (salt, set = []) => {
      const code = new Map<string, Uint8Array>();
      const document = await compile(pipeline, {
        profile: profileFile,
        set: [...ground.set, `params.salt=${salt}`, ...(options.set ?? []), ...set],
        cwd: ROOT,
        ship: (digest, data) => void code.set(digest, data),
      });
      await shipCode(document, code);
      return document;
    },
    stopWorkers: () => stack.stop(),
    startWorkers: async () => {
      stack = await startStack({ directory: folder });
      await stack.ready;
    },
    close: async () => {
      await ports.close();
      await longhaul.close();
      await stack.stop();
      await front.close();
      await webhook.close();
      await server.stop();
      supervisor.close();
      for (const [name, value] of before) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
      await ground.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function startServer(
  folder: string,
  supervisor: Supervisor,
  more: readonly string[],
): Promise<{ server: Supervised; front: TcpFront }> {
  const home = join(folder, 'temporal');
  mkdirSync(home);
  const ports = { temporal: await freePort(), ui: await freePort() };
  const program = temporalServer(home, ports);
  const server = supervisor.start({ ...program, args: [...program.args, ...more] });
  await untilServing(`127.0.0.1:${ports.temporal}`, 'default', server.ready);
  return { server, front: await startTcpFront({ host: '127.0.0.1', port: ports.temporal }) };
}
