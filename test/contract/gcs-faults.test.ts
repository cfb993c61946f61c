import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startEmulators } from '../../src/stack/emulators/index.ts';
import type { Emulators } from '../../src/stack/emulators/index.ts';
import { openGcsStore } from '../../src/adapters/gcs/index.ts';
import type { ObjectStore } from '../../src/ports/object-store.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import type { Fault, FaultProxy } from '../support/fault-proxy.ts';

const BIG_BYTES = 33 * 1024 * 1024 + 3;

describe('gcs store behind a bad network', () => {
  let directory: string;
  let emulators: Emulators;
  let proxy: FaultProxy;
  /** Through the proxy, and past it. */
  let store: ObjectStore;
  let direct: ObjectStore;
  let objects = 0;
  const fresh = (): string => `${store.root}/${++objects}`;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'longhaul-gcs-faults-'));
    emulators = await startEmulators({ directory, gcs: { buckets: ['faults'] } });
    direct = await openGcsStore({ kind: 'gcs', bucket: 'faults', prefix: '', apiEndpoint: emulators.gcs! });
  });
  afterAll(async () => {
    await emulators.stop();
    await rm(directory, { recursive: true, force: true });
  });
  beforeEach(async () => {
    proxy = await startFaultProxy(emulators.gcs!);
    store = await openGcsStore({ kind: 'gcs', bucket: 'faults', prefix: '', apiEndpoint: proxy.url });
  });
  afterEach(() => proxy.close());

  const firstTimes = (times: number, fault: Fault): void => {
    proxy.fault = () => (proxy.faults < times ? fault : undefined);
  };
  const textAt = async (uri: string): Promise<string | null> => {
    const found = await direct.read(uri);
    return found && Buffer.from(found.data).toString();
  };

  const faults: [string, Fault][] = [
    ['503', { kind: 'status', status: 503 }],
    ['429', { kind: 'status', status: 429 }],
    ['resets', { kind: 'reset' }],
    ['lost answers', { kind: 'lost-answer' }],
  ];

  it.each(faults)('reads, writes, lists and removes through %s', async (_name, fault) => {
    const uri = fresh();
    firstTimes(2, fault);
    const written = await store.write(uri, 'one');
    expect(await textAt(uri)).toBe('one');
    firstTimes(4, fault);
    expect(Buffer.from((await store.read(uri))!.data).toString()).toBe('one');
    firstTimes(6, fault);
    const listed = [];
    for await (const info of store.list(uri)) listed.push(info.generation);
    expect(listed).toEqual([written.generation]);
    firstTimes(8, fault);
    expect(await store.remove(uri)).toBe(true);
    expect(await textAt(uri)).toBeNull();
    expect(proxy.faults).toBe(8);
  });

  it('knows its own write again whose answer was lost, also under a precondition', async () => {
    const uri = fresh();
    firstTimes(1, { kind: 'lost-answer' });
    const created = await store.write(uri, 'mine', { ifGeneration: '0' });
    expect((await direct.stat(uri))!.generation).toBe(created.generation);
    firstTimes(2, { kind: 'lost-answer' });
    await store.write(uri, 'mine again', { ifGeneration: created.generation });
    expect(await textAt(uri)).toBe('mine again');
  });

  it('does not take the equal write of another for its own', async () => {
    const uri = fresh();
    proxy.fault = ({ method }) => (method === 'POST' && proxy.faults === 0 ? { kind: 'status', status: 503 } : undefined);
    await direct.write(uri, 'equal');
    await expect(store.write(uri, 'equal', { ifGeneration: '0' })).rejects.toMatchObject({ name: 'PreconditionFailedError', uri });
  });

  it('does not undo what another wrote between two tries', async () => {
    const uri = fresh();
    await direct.write(uri, 'before');
    let writes = 0;
    proxy.fault = ({ method }) => (method === 'POST' && ++writes === 1 ? { kind: 'lost-answer' } : undefined);
    await store.write(uri, 'mine');
    expect(await textAt(uri)).toBe('mine');
    expect(writes).toBe(1);
  });

  it('does not try again what is wrong', async () => {
    proxy.fault = () => ({
      kind: 'status',
      status: 403,
      body: JSON.stringify({
        error: { code: 403, message: 'robot@p.iam does not have storage.objects.get access to the Google Cloud Storage object.' },
      }),
    });
    await expect(store.read(fresh())).rejects.toMatchObject({
      type: 'AccessDenied',
      message: expect.stringMatching(/the permission storage\.objects\.get is missing/) as string,
    });
    expect(proxy.requests).toHaveLength(1);
  });

  it('names the bucket that is not there', async () => {
    const other = await openGcsStore({ kind: 'gcs', bucket: 'no-such-bucket', prefix: '', apiEndpoint: emulators.gcs! });
    await expect(other.write(`${other.root}/x`, 'x')).rejects.toMatchObject({
      type: 'InvalidInput',
      message: expect.stringContaining('no-such-bucket') as string,
    });
  });

  it('tells an object that is not there from a bucket that is not', async () => {
    const notFound = (message: string): void => {
      proxy.fault = () => ({ kind: 'status', status: 404, body: JSON.stringify({ error: { code: 404, message } }) });
    };
    notFound('No such object: my-bucket/x');
    expect(await store.read(fresh())).toBeNull();
    notFound('The specified bucket does not exist.');
    await expect(store.read(fresh())).rejects.toMatchObject({ type: 'InvalidInput', message: 'gs://faults: there is no such bucket' });
  });

  it('goes on where a download broke', async () => {
    const uri = fresh();
    const content = randomBytes(BIG_BYTES);
    const [up, down] = [join(directory, 'up'), join(directory, 'down')];
    await writeFile(up, content);
    await direct.upload(up, uri);
    let bytes = 0;
    proxy.fault = ({ path }) => {
      if (!path.includes('alt=media')) return undefined;
      bytes++;
      return bytes <= 2 ? { kind: 'cut', bytes: 5 * 1024 * 1024 } : undefined;
    };
    await store.download(uri, down);
    expect(content.equals(await readFile(down))).toBe(true);
    expect(proxy.faults).toBe(2);
    // Three ranges of up to 16 MB, and the rests of the two that broke.
    expect(proxy.requests.filter((each) => each.path.includes('alt=media'))).toHaveLength(5);
  });

  // The emulator does not tell how much of a session it has: the client begins a new one.
  it('uploads whole when a resumable session breaks', async () => {
    const uri = fresh();
    const content = randomBytes(BIG_BYTES);
    const up = join(directory, 'resumable');
    await writeFile(up, content);
    let chunks = 0;
    proxy.fault = ({ method }) => (method === 'PUT' && ++chunks === 2 ? { kind: 'status', status: 503 } : undefined);
    const info = await store.upload(up, uri);
    expect(proxy.faults).toBe(1);
    expect(info.bytes).toBe(BIG_BYTES);
    expect(content.equals((await direct.read(uri))!.data)).toBe(true);
  });

  it('waits for a slow link', async () => {
    const uri = fresh();
    await direct.write(uri, randomBytes(200_000));
    proxy.fault = ({ path }) => (path.includes('alt=media') ? { kind: 'slow', bytesPerSecond: 200_000 } : undefined);
    expect((await store.read(uri))!.data.byteLength).toBe(200_000);
  });

  it('notices content that changed on the way', async () => {
    const uri = fresh();
    await direct.write(uri, 'right');
    proxy.fault = ({ path }) => (path.includes('alt=media') ? { kind: 'status', status: 200, body: 'wrong' } : undefined);
    await expect(store.read(uri)).rejects.toMatchObject({ type: 'Unavailable', message: expect.stringContaining('CRC-32C') as string });
  });
});
