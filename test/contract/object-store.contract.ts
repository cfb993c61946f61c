import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AdapterError, PreconditionFailedError } from '../../src/contract/errors.ts';
import type { ObjectInfo, ObjectStore } from '../../src/ports/object-store.ts';

/** What a suite needs of an adapter: a store that nothing else uses, and a second client of the same objects. */
interface OpenedStore {
  readonly store: ObjectStore;
  /** Another client of the same objects, as another worker would have. */
  readonly other: ObjectStore;
  close(): Promise<void>;
}

const BIG_BYTES = 24 * 1024 * 1024 + 7;

/** Claims that every `ObjectStore` must keep. */
export function objectStoreContract(name: string, open: () => Promise<OpenedStore>): void {
  describe(`object store contract: ${name}`, () => {
    let opened: OpenedStore;
    let store: ObjectStore;
    let local: string;
    let folders = 0;
    const fresh = (): string => `${store.root}/contract/${++folders}`;

    beforeAll(async () => {
      opened = await open();
      store = opened.store;
      local = await mkdtemp(join(tmpdir(), 'longhaul-store-'));
    });
    afterAll(async () => {
      await opened.close();
      await rm(local, { recursive: true, force: true });
    });

    const textOf = async (uri: string, from = store): Promise<string | null> => {
      const found = await from.read(uri);
      return found && Buffer.from(found.data).toString('utf8');
    };
    const namesBelow = async (prefix: string): Promise<string[]> => {
      const found: string[] = [];
      for await (const info of store.list(prefix)) found.push(info.uri);
      return found;
    };

    describe('reading and writing', () => {
      it('reads what was written, text and bytes, from any client', async () => {
        const uri = `${fresh()}/a.txt`;
        await store.write(uri, 'grüße 🛒');
        expect(await textOf(uri, opened.other)).toBe('grüße 🛒');
        const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
        await store.write(uri, bytes);
        expect(Uint8Array.from((await opened.other.read(uri))!.data)).toEqual(bytes);
      });

      it('has empty objects', async () => {
        const uri = `${fresh()}/empty`;
        expect((await store.write(uri, '')).bytes).toBe(0);
        expect((await store.read(uri))!.data.byteLength).toBe(0);
      });

      it('are not read when they are larger than the reader takes', async () => {
        const uri = `${fresh()}/large`;
        await store.write(uri, 'x'.repeat(100));
        await expect(store.read(uri, { maxBytes: 99 })).rejects.toMatchObject({ type: 'BadData', message: `${uri}: expected at most 99 bytes, found 100` }); // prettier-ignore
        expect((await store.read(uri, { maxBytes: 100 }))?.data.byteLength).toBe(100);
      });

      it('writes only the view of a larger buffer', async () => {
        const uri = `${fresh()}/view`;
        await store.write(uri, new Uint8Array(Buffer.from('0123456789').buffer.slice(0), 0, 0));
        await store.write(uri, Buffer.from('xx0123456789').subarray(2, 6));
        expect(await textOf(uri)).toBe('0123');
      });

      it('tells null for what is not there', async () => {
        const uri = `${fresh()}/none`;
        expect(await store.read(uri)).toBeNull();
        expect(await store.stat(uri)).toBeNull();
        expect(await store.read(`${uri}/deeper`)).toBeNull();
        expect(await store.remove(uri)).toBe(false);
      });

      it('is not an object where others are below', async () => {
        const folder = fresh();
        await store.write(`${folder}/below`, '1');
        expect(await store.stat(folder)).toBeNull();
        expect(await store.read(folder)).toBeNull();
      });

      it('tells size, time and generation alike in write, stat, read and list', async () => {
        const uri = `${fresh()}/info`;
        const before = Date.now();
        const written = await store.write(uri, 'seven77');
        const read = (await store.read(uri))!.info;
        const listed: ObjectInfo[] = [];
        for await (const info of store.list(uri)) listed.push(info);
        for (const info of [written, read, (await store.stat(uri))!, listed[0]!]) {
          expect(info).toMatchObject({ uri, bytes: 7, generation: written.generation });
          expect(Math.abs(info.updatedAt - before)).toBeLessThan(60_000);
        }
        expect(written.generation).not.toBe('0');
      });

      it('tells the CRC-32C in base64 where it knows it', async () => {
        const uri = `${fresh()}/crc`;
        const known = [(await store.write(uri, 'data')).crc32c, (await store.stat(uri))!.crc32c].filter((crc) => crc !== null);
        for (const crc of known) expect(crc).toBe('rth90Q==');
      });

      it('takes names with spaces, percent signs, glob characters and any script', async () => {
        const folder = fresh();
        const names = ['a b', 'a%20b', 'a+b', '[x]*?', 'größe', '商品', '🛒', 'quote\'"', '#hash', 'q?x=1', '...', '.hidden'];
        for (const each of names) await store.write(`${folder}/${each}`, each);
        for (const each of names) expect(await textOf(`${folder}/${each}`, opened.other)).toBe(each);
        expect(await namesBelow(`${folder}/`)).toEqual(
          [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))).map((each) => `${folder}/${each}`),
        );
      });
    });

    describe('generations', () => {
      it('change with every write, also of equal content, and stay without one', async () => {
        const uri = `${fresh()}/same`;
        const seen = new Set<string>();
        for (let i = 0; i < 20; i++) seen.add((await store.write(uri, 'same')).generation);
        expect(seen.size).toBe(20);
        const first = (await store.stat(uri))!.generation;
        await store.read(uri);
        expect((await opened.other.stat(uri))!.generation).toBe(first);
      });

      it('change when an object is removed and written again', async () => {
        const uri = `${fresh()}/again`;
        const first = await store.write(uri, 'x');
        await store.remove(uri);
        expect((await store.write(uri, 'x')).generation).not.toBe(first.generation);
      });

      it('create only once under ifGeneration 0', async () => {
        const uri = `${fresh()}/once`;
        await store.write(uri, 'first', { ifGeneration: '0' });
        await expect(opened.other.write(uri, 'second', { ifGeneration: '0' })).rejects.toBeInstanceOf(PreconditionFailedError);
        expect(await textOf(uri)).toBe('first');
        await store.remove(uri);
        await store.write(uri, 'third', { ifGeneration: '0' });
        expect(await textOf(uri)).toBe('third');
      });

      it('replace only the named one', async () => {
        const uri = `${fresh()}/cas`;
        const first = await store.write(uri, '1');
        const second = await opened.other.write(uri, '2', { ifGeneration: first.generation });
        await expect(store.write(uri, '3', { ifGeneration: first.generation })).rejects.toMatchObject({
          name: 'PreconditionFailedError',
          uri,
        });
        await store.write(uri, '4', { ifGeneration: second.generation });
        expect(await textOf(uri)).toBe('4');
      });

      it('do not create what they name', async () => {
        const uri = `${fresh()}/gone`;
        const { generation } = await store.write(uri, '1');
        await store.remove(uri);
        await expect(store.write(uri, '2', { ifGeneration: generation })).rejects.toBeInstanceOf(PreconditionFailedError);
        expect(await store.stat(uri)).toBeNull();
      });

      it('let one of many creators win', async () => {
        const uri = `${fresh()}/race`;
        const results = await Promise.allSettled(
          Array.from({ length: 20 }, (_, i) => (i % 2 ? store : opened.other).write(uri, String(i), { ifGeneration: '0' })),
        );
        const winners = results.flatMap((result, i) => (result.status === 'fulfilled' ? [String(i)] : []));
        expect(winners).toEqual([await textOf(uri)]);
        for (const result of results) if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(PreconditionFailedError);
      });

      it('lose no update of two clients that count by compare and swap', async () => {
        const uri = `${fresh()}/count`;
        await store.write(uri, '0');
        const add = async (client: ObjectStore, times: number): Promise<void> => {
          for (let done = 0; done < times;) {
            const found = (await client.read(uri))!;
            const next = String(Number(Buffer.from(found.data).toString()) + 1);
            try {
              await client.write(uri, next, { ifGeneration: found.info.generation });
              done++;
            } catch (error) {
              if (!(error instanceof PreconditionFailedError)) throw error;
            }
          }
        };
        await Promise.all([add(store, 10), add(opened.other, 10), add(store, 10)]);
        expect(await textOf(uri)).toBe('30');
      });

      it('hold for uploads', async () => {
        const uri = `${fresh()}/upload`;
        const file = join(local, 'guarded');
        await writeFile(file, 'uploaded');
        const { generation } = await store.upload(file, uri, { ifGeneration: '0' });
        await expect(store.upload(file, uri, { ifGeneration: '0' })).rejects.toBeInstanceOf(PreconditionFailedError);
        await store.upload(file, uri, { ifGeneration: generation });
        expect(await textOf(uri)).toBe('uploaded');
      });

      it('hold for removal', async () => {
        const uri = `${fresh()}/remove`;
        const first = await store.write(uri, '1');
        const second = await store.write(uri, '2');
        await expect(store.remove(uri, { ifGeneration: first.generation })).rejects.toBeInstanceOf(PreconditionFailedError);
        expect(await textOf(uri)).toBe('2');
        expect(await store.remove(uri, { ifGeneration: second.generation })).toBe(true);
        expect(await store.stat(uri)).toBeNull();
      });
    });

    describe('files', () => {
      it('go up and come down whole when they are big', async () => {
        const uri = `${fresh()}/big.bin`;
        const [up, down] = [join(local, 'up'), join(local, 'down')];
        const content = randomBytes(BIG_BYTES);
        await writeFile(up, content);
        expect((await store.upload(up, uri)).bytes).toBe(BIG_BYTES);
        const info = await opened.other.download(uri, down);
        expect(info).toMatchObject({ bytes: BIG_BYTES, generation: (await store.stat(uri))!.generation });
        expect(content.equals(await readFile(down))).toBe(true);
        expect(content.equals((await store.read(uri))!.data)).toBe(true);
      });

      it('are refused by name when they are not there', async () => {
        await expect(store.upload(join(local, 'no-such-file'), `${fresh()}/x`)).rejects.toThrow(/no-such-file/);
        const uri = `${fresh()}/no-such-object`;
        await expect(store.download(uri, join(local, 'x'))).rejects.toMatchObject({
          name: 'AdapterError',
          type: 'InvalidInput',
          message: expect.stringContaining(uri) as string,
        });
      });
    });

    describe('lists', () => {
      it('are in the order of names over folders, and complete over many pages', async () => {
        const folder = fresh();
        const names = [
          ...Array.from({ length: 1100 }, (_, i) => `many/${String(i).padStart(5, '0')}`),
          'a.b',
          'a/c',
          'a/c.d',
          'a0',
          'a-',
          'Z',
          'ä',
        ];
        for (let i = 0; i < names.length; i += 50)
          await Promise.all(names.slice(i, i + 50).map((each) => store.write(`${folder}/${each}`, '')));
        expect(await namesBelow(`${folder}/`)).toEqual(
          [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))).map((each) => `${folder}/${each}`),
        );
      });

      it('take any beginning of a name', async () => {
        const folder = fresh();
        for (const each of ['part-1', 'part-2', 'path/x', 'q']) await store.write(`${folder}/${each}`, '');
        const below = async (prefix: string): Promise<string[]> =>
          (await namesBelow(`${folder}${prefix}`)).map((uri) => uri.slice(folder.length + 1));
        expect(await below('/part-')).toEqual(['part-1', 'part-2']);
        expect(await below('/pa')).toEqual(['part-1', 'part-2', 'path/x']);
        expect(await below('/path')).toEqual(['path/x']);
        expect(await below('/path/')).toEqual(['path/x']);
        expect(await below('/none')).toEqual([]);
        expect(await below('')).toEqual(['part-1', 'part-2', 'path/x', 'q']);
      });

      it('show what was removed no more', async () => {
        const folder = fresh();
        await store.write(`${folder}/deep/er/x`, '');
        await store.remove(`${folder}/deep/er/x`);
        expect(await namesBelow(`${folder}/`)).toEqual([]);
      });

      it('may be left early', async () => {
        const folder = fresh();
        for (const each of ['1', '2', '3']) await store.write(`${folder}/${each}`, '');
        for await (const info of store.list(`${folder}/`)) {
          expect(info.uri).toBe(`${folder}/1`);
          break;
        }
      });

      it('of the root hold everything', async () => {
        const uri = `${fresh()}/here`;
        await store.write(uri, '');
        expect(await namesBelow(`${store.root}/`)).toContain(uri);
      });
    });

    describe('bad URIs', () => {
      const bad = (): [string, string][] => [
        ['another scheme', 's3://bucket/x'],
        ['no scheme', '/etc/passwd'],
        ['outside of the root', `${store.root}-else/x`],
        ['the root itself', store.root],
        ['traversal', `${store.root}/contract/../../x`],
        ['traversal at the end', `${store.root}/contract/..`],
        ['a dot', `${store.root}/./x`],
        ['an empty name', `${store.root}/contract//x`],
        ['a slash at the end', `${store.root}/contract/`],
        ['a NUL', `${store.root}/a\0b`],
      ];
      it('are refused by every method, with the URI in the message', async () => {
        const file = join(local, 'bad');
        await writeFile(file, 'x');
        for (const [why, uri] of bad()) {
          const calls: Record<string, () => Promise<unknown>> = {
            read: () => store.read(uri),
            write: () => store.write(uri, 'x'),
            stat: () => store.stat(uri),
            remove: () => store.remove(uri),
            upload: () => store.upload(file, uri),
            download: () => store.download(uri, join(local, 'never')),
          };
          for (const [method, call] of Object.entries(calls)) {
            const error: unknown = await call().then(
              () => null,
              (thrown: unknown) => thrown,
            );
            expect(error, `${method} of ${why}`).toBeInstanceOf(AdapterError);
            expect((error as AdapterError).type, `${method} of ${why}`).toBe('InvalidInput');
            expect((error as AdapterError).message).toContain(uri);
          }
        }
      });

      it('are refused by list', async () => {
        for (const prefix of ['gs://else/x', `${store.root}-else/`, `${store.root}/../x`])
          await expect(namesBelow(prefix)).rejects.toMatchObject({ type: 'InvalidInput' });
      });
    });
  });
}
