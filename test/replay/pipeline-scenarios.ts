/** One run for every path through `trainingPipeline`. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Run } from '../../src/client/index.ts';
import { AdapterError } from '../../src/contract/errors.ts';
import type { RunDocument } from '../../src/contract/run-document.ts';
import type { RunState } from '../../src/contract/state.ts';
import { createSigner } from '../../src/signing/signer.ts';
import { documentOf, exportStep, query, script } from '../workflow/documents.ts';
import { longhaulOf, until } from '../workflow/environment.ts';
import type { Harness } from '../workflow/environment.ts';
import type { MemoryPorts } from '../workflow/memory-ports.ts';

/** Plays a run to its end; resolves to the ids of the workflows whose histories are to be kept. */
export type Scenario = (harness: Harness, ports: MemoryPorts) => Promise<string[]>;

const never = new Promise<never>(() => undefined);
const ended = (handle: { readonly workflowId: string; result(): Promise<unknown> } | Run): Promise<string[]> => {
  const ids = ['workflowId' in handle ? handle.workflowId : handle.id];
  return handle.result().then(
    () => ids,
    () => ids,
  );
};
const stateOf = (handle: Awaited<ReturnType<Harness['start']>>): Promise<RunState> => handle.query<RunState>('state');

const diamond: RunDocument = documentOf([
  query('raw'),
  query('train', { tables: { raw: '{steps.raw.outputs.table}' } }),
  query('test', { tables: { raw: '{steps.raw.outputs.table}' } }),
  exportStep('parts', '{steps.train.outputs.table}'),
  script('count', { dependsOn: ['parts', 'test'], outputs: { rows: 'int' } }),
]);

const singleFlight =
  (name: string): Scenario =>
  async (harness, ports) => {
    const gate = Promise.withResolvers<undefined>();
    ports.onQuery = () => gate.promise;
    const first = await harness.start(documentOf([query('shared')]), `${name}-first`);
    await until(async () => ports.calls.length > 0, 'the first query');
    const second = await harness.start(documentOf([query('shared')]), name);
    await until(async () => (await stateOf(second)).steps[0]?.status === 'waiting', 'the second run to wait');
    gate.resolve(undefined);
    await ended(first);
    return ended(second);
  };

export const PIPELINE_SCENARIOS: Readonly<Record<string, Scenario>> = {
  'pipeline-diamond': async (harness, ports) => {
    ports.onJob = async () => ({ outputs: { rows: 3 } });
    return ended(await harness.start(diamond, 'pipeline-diamond'));
  },

  'pipeline-cached': async (harness, ports) => {
    ports.onJob = async () => ({ outputs: { rows: 3 } });
    await ended(await harness.start(diamond, 'pipeline-to-be-cached'));
    return ended(await harness.start(diamond, 'pipeline-cached'));
  },

  'pipeline-failed': async (harness, ports) => {
    ports.onQuery = async (sql) => {
      if (sql.includes('bad')) throw new AdapterError('InvalidQuery', 'bad.sql:1: no such column');
    };
    const when = { op: '==', left: { op: 'ref', ref: 'run.status' }, right: { op: 'value', value: 'failed' } } as const;
    const steps = [query('bad'), query('needs', { dependsOn: ['bad'] }), query('free')];
    return ended(
      await harness.start(
        documentOf(steps, { onExit: [script('tell', { when }), script('praise', { when: { op: 'not', operand: when } })] }),
        'pipeline-failed',
      ),
    );
  },

  'pipeline-cancelled': async (harness, ports) => {
    ports.onJob = (job) => (job.labels.step === 'long' ? never : Promise.resolve({}));
    const handle = await harness.start(
      documentOf([script('long'), script('later', { dependsOn: ['long'] })], { onExit: [script('clean-up')] }),
      'pipeline-cancelled',
    );
    await until(async () => ports.calls.some((call) => call.startsWith('create')), 'the Job');
    await handle.cancel();
    return ended(handle);
  },

  'pipeline-timeout': async (harness, ports) => {
    ports.onJob = () => never;
    return ended(await harness.start(documentOf([script('slow', { timeoutSeconds: 1 })]), 'pipeline-timeout'));
  },

  'pipeline-retries': async (harness, ports) => {
    let count = 0;
    ports.onJob = async () => {
      count++;
      if (count === 1) return { state: 'failed', exitCode: 143, disruption: 'EvictionByEvictionAPI' };
      if (count === 2) return { state: 'failed', exitCode: 137, outOfMemory: true };
      return count === 3 ? { state: 'failed', exitCode: 1, logTail: 'ValueError' } : {};
    };
    return ended(await harness.start(documentOf([script('spot', { retry: { attempts: 2, backoffSeconds: 0.1 } })]), 'pipeline-retries'));
  },

  'pipeline-approvals': async (harness) => {
    const ask = (id: string) => ({ id, spec: { kind: 'approval' as const, message: 'Go on?' } });
    const handle = await harness.start(documentOf([ask('yes'), ask('no'), script('after', { dependsOn: ['yes'] })]), 'pipeline-approvals');
    await until(async () => (await stateOf(handle)).approvals.length === 2, 'both questions');
    await handle.executeUpdate('approve', { args: [{ step: 'yes', by: 'ana' }] });
    await handle.executeUpdate('reject', { args: [{ step: 'no', by: 'bo', why: 'too early' }] });
    return ended(handle);
  },

  /** Two persons say yes with their keys, after one without was refused. */
  'pipeline-four-eyes': async (harness) => {
    const keys = ['ana', 'bo'].map((person) => ({ person, key: generateKeyPairSync('ed25519') }));
    const folder = mkdtempSync(join(tmpdir(), 'longhaul-signers-'));
    const lines = keys.map(({ person, key }) => `${key.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')} ${person}`);
    writeFileSync(join(folder, 'signers'), lines.join('\n'));
    process.env.LONGHAUL_SIGNERS = join(folder, 'signers');
    try {
      const ask = { id: 'release', spec: { kind: 'approval' as const, message: 'Release?', fourEyes: true } };
      const handle = await harness.start(documentOf([ask]), 'pipeline-four-eyes');
      const since = await until(async () => (await stateOf(handle)).approvals[0]?.since, 'the question');
      await handle.executeUpdate('approve', { args: [{ by: 'ana' }] }).catch(() => undefined);
      for (const { key } of keys) {
        const signed = createSigner(key.privateKey)(
          { run: 'pipeline-four-eyes', search: null, decision: 'approve', payload: {} },
          'key',
          since,
        );
        await handle.executeUpdate('approve', { args: [{ signed }] });
      }
      return await ended(handle);
    } finally {
      delete process.env.LONGHAUL_SIGNERS;
      rmSync(folder, { recursive: true });
    }
  },

  /** `longhaul retry`: what is kept is the run that goes on where the failed one stood. */
  'pipeline-retried': async (harness, ports) => {
    ports.onJob = async ({ labels }) => (labels.step === 'broken' ? { state: 'failed', exitCode: 1 } : {});
    const steps = [query('made', { cache: false }), script('broken', { dependsOn: ['made'] }), query('after', { dependsOn: ['broken'] })];
    await ended(await harness.start(documentOf(steps, { onExit: [script('tidy', { cache: false })] }), 'pipeline-retried'));
    ports.onJob = async () => ({});
    return ended(await longhaulOf(harness.environment).retry('pipeline-retried', { by: 'ana', why: 'the disk was full' }));
  },

  'pipeline-retried-from': async (harness, ports) => {
    ports.onJob = async () => ({ outputs: { rows: 3 } });
    await ended(await harness.start(diamond, 'pipeline-retried-from'));
    return ended(await longhaulOf(harness.environment).retry('pipeline-retried-from', { from: 'count' }));
  },

  'pipeline-single-flight': singleFlight('pipeline-single-flight'),

  'pipeline-one-wait': singleFlight('pipeline-one-wait'),

  'pipeline-paused': async (harness, ports) => {
    const gate = Promise.withResolvers<undefined>();
    ports.onQuery = (sql) => (sql.includes('first') ? gate.promise : Promise.resolve(undefined));
    const handle = await harness.start(documentOf([query('first'), query('second', { dependsOn: ['first'] })]), 'pipeline-paused');
    await until(async () => ports.calls.length > 0, 'the first query');
    await handle.executeUpdate('pause', { args: [{ by: 'ana' }] });
    gate.resolve(undefined);
    await until(async () => (await stateOf(handle)).steps[0]?.status === 'succeeded', 'the first step');
    await handle.executeUpdate('resume', { args: [{ by: 'ana' }] });
    return ended(handle);
  },

  'pipeline-paused-within-limits': async (harness, ports) => {
    const gate = Promise.withResolvers<undefined>();
    ports.onQuery = (sql) => (sql.includes('first') ? gate.promise : Promise.resolve(undefined));
    const steps = [query('first', { timeoutSeconds: 900 }), query('second', { dependsOn: ['first'], timeoutSeconds: 900 })];
    const handle = await harness.start(documentOf(steps, { budget: { hours: 1 } }), 'pipeline-paused-within-limits');
    await until(async () => ports.calls.length > 0, 'the first query');
    await handle.executeUpdate('pause', { args: [{ by: 'ana' }] });
    gate.resolve(undefined);
    await until(async () => (await stateOf(handle)).steps[0]?.status === 'succeeded', 'the first step');
    await handle.executeUpdate('resume', { args: [{ by: 'ana' }] });
    return ended(handle);
  },

  // Two minutes, for no worker of that cluster comes.
  'pipeline-job-handed-over': async (harness) => {
    const document = documentOf([script('prepare')]);
    const handle = await harness.start({ ...document, profile: { ...document.profile, cluster: 'away' } }, 'pipeline-job-handed-over');
    const isAsked = async (): Promise<boolean> =>
      (await handle.describe()).raw.pendingActivities?.some(({ activityType }) => activityType?.name === 'runStepJob') === true;
    await until(isAsked, 'the Job');
    await handle.cancel();
    return ended(handle);
  },

  'pipeline-invalid': async (harness) => ended(await harness.start({ pipeline: 'X' } as unknown as RunDocument, 'pipeline-invalid')),
};
