import { randomUUID } from 'node:crypto';
import { rename, rm, stat as statFile } from 'node:fs/promises';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { Bucket, File, FileMetadata } from '@google-cloud/storage';
import { AdapterError, PreconditionFailedError } from '../../contract/errors.ts';
import type { Storage as StorageConfig } from '../../contract/profile.ts';
import type { ObjectInfo, ObjectStore, WriteOptions } from '../../ports/object-store.ts';
import { crc32cOf, crc32cOfFile } from '../crc32c.ts';
import { hasCode } from '../files.ts';
import { uniqueName } from '../temporaries.ts';
import { faultOf } from '../google/faults.ts';
import { withRetries } from '../google/retry.ts';
import { createStorage } from './client.ts';
import { adapterError } from './errors.ts';
import { objectName, placeOf } from './names.ts';
import { checkSize } from '../object-size.ts';
import { readToFile, readToMemory } from './ranges.ts';

/** The generation of an object that does not exist. */
const ABSENT = '0';
/** Metadata key: which write made this generation. It tells our own write, whose answer was lost, from that of another. */
const WRITE_ID = 'longhaul-write';
/** Below, one request is quicker than a resumable session. */
const RESUMABLE_MIN_BYTES = 8 * 1024 * 1024;
/** A multiple of 256 KiB; so much is sent again when a connection breaks. */
const UPLOAD_CHUNK_BYTES = 8 * 1024 * 1024;
const PAGE_OBJECTS = 1000;
/** How often an object may be replaced by others while it is read or written without a precondition. */
const RACES = 20;

interface Content {
  readonly bytes: number;
  readonly crc32c: string;
}
type Send = (writeId: string, ifGeneration: string | undefined) => Promise<FileMetadata>;

interface Found {
  readonly info: ObjectInfo;
  readonly writeId: string | null;
}

/** Google Cloud Storage. Every write carries a precondition from the second try on, so that a retry can never undo the write of another. */
export async function openGcsStore(config: Extract<StorageConfig, { kind: 'gcs' }>): Promise<ObjectStore> {
  const bucket = createStorage(config.apiEndpoint).bucket(config.bucket);
  const place = placeOf(config);
  const { root } = place;

  const find = (uri: string): Promise<Found | null> => withRetries(() => findOnce(bucket, uri, objectName(place, uri)));
  const guarded = async <T>(uri: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw adapterError(error, uri);
    }
  };

  /** Runs `read` on the generation that counts now; once more when it was replaced meanwhile. */
  const readCurrent = async <T>(uri: string, read: (file: File, info: ObjectInfo) => Promise<T>): Promise<T | null> => {
    const name = objectName(place, uri);
    for (let races = 0; ; races++) {
      const found = await find(uri);
      if (!found) return null;
      try {
        return await read(bucket.file(name, { generation: found.info.generation }), found.info);
      } catch (error) {
        if (faultOf(error).status !== 404 || races === RACES) throw error;
      }
    }
  };

  /** `send` makes one try under a precondition (undefined: none). */
  const put = async (
    uri: string,
    options: WriteOptions,
    content: Content,
    send: Send,
    firstGeneration = options.ifGeneration,
  ): Promise<ObjectInfo> => {
    const writeId = randomUUID();
    let condition = firstGeneration;
    /** What lies there now: our own write, whose answer was lost; a part of it; or another's. */
    const lookAgain = async (): Promise<{ readonly done: ObjectInfo | null; readonly found: Found | null; readonly mine: boolean }> => {
      const found = await find(uri);
      const mine = found?.writeId === writeId;
      const done = mine && isWhole(found.info, content) ? found.info : null;
      if (mine || options.ifGeneration === undefined) condition = found?.info.generation ?? ABSENT;
      return { done, found, mine };
    };
    for (let races = 0; ; races++) {
      try {
        return await withRetries(async (attempt) => {
          const done = attempt > 1 ? (await lookAgain()).done : null;
          if (done) return done;
          const info = infoOf(uri, await send(writeId, condition));
          if (!isWhole(info, content)) throw new Error(`${uri}: only ${info.bytes} bytes arrived; initiate a new upload`);
          return info;
        });
      } catch (error) {
        if (faultOf(error).status !== 412) throw error;
        const { done, found, mine } = await lookAgain();
        if (done) return done;
        if ((mine || options.ifGeneration === undefined) && races < RACES) continue;
        const expected = options.ifGeneration === ABSENT ? 'no object' : `generation ${options.ifGeneration ?? condition ?? ABSENT}`;
        throw new PreconditionFailedError(uri, `expected ${expected}, found ${found ? `generation ${found.info.generation}` : 'none'}`);
      }
    }
  };

  return {
    root,

    read: (uri, options) =>
      guarded(uri, () =>
        readCurrent(uri, async (file, info) => {
          checkSize(uri, info.bytes, options);
          const data = await readToMemory(file, info.bytes);
          checkCrc(uri, info, crc32cOf(data));
          return { data, info };
        }),
      ),

    write: (uri, data, options = {}) =>
      guarded(uri, async () => {
        const bytes = typeof data === 'string' ? Buffer.from(data, 'utf8') : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
        const file = bucket.file(objectName(place, uri));
        const crc32c = crc32cOf(bytes);
        return put(uri, options, { bytes: bytes.byteLength, crc32c }, async (writeId, ifGeneration) => {
          await file.save(bytes, { resumable: false, validation: false, ...uploadOptions(options, writeId, ifGeneration, crc32c) });
          return file.metadata;
        });
      }),

    upload: (localPath, uri, options = {}) =>
      guarded(uri, async () => {
        const file = bucket.file(objectName(place, uri));
        const size = await sizeOfFile(localPath, uri);
        const crc32c = await crc32cOfFile(localPath);
        const resumable = size >= RESUMABLE_MIN_BYTES;
        // A session of many requests is always under a precondition: the client then goes on by itself after a fault.
        const generation = options.ifGeneration ?? (resumable ? ((await find(uri))?.info.generation ?? ABSENT) : undefined);
        const send: Send = async (writeId, ifGeneration) => {
          const target = file.createWriteStream({
            resumable,
            validation: false,
            ...(resumable ? { chunkSize: UPLOAD_CHUNK_BYTES } : {}),
            ...uploadOptions(options, writeId, ifGeneration, crc32c),
          });
          await pipeline(createReadStream(localPath), target);
          return file.metadata;
        };
        return put(uri, options, { bytes: size, crc32c }, send, generation);
      }),

    download: (uri, localPath) =>
      guarded(uri, async () => {
        const temporary = `${localPath}.${uniqueName('.tmp')}`;
        try {
          const info = await readCurrent(uri, async (file, found) => {
            await readToFile(file, found.bytes, temporary);
            checkCrc(uri, found, await crc32cOfFile(temporary));
            return found;
          });
          if (!info) throw new AdapterError('InvalidInput', `${uri}: no such object`);
          await rename(temporary, localPath);
          return info;
        } finally {
          await rm(temporary, { force: true });
        }
      }),

    stat: (uri) => guarded(uri, async () => (await find(uri))?.info ?? null),

    async *list(prefix) {
      const wanted = objectName(place, prefix, { prefix: true });
      for (let pageToken: string | undefined; ;) {
        const query = { prefix: wanted, autoPaginate: false, maxResults: PAGE_OBJECTS, ...(pageToken === undefined ? {} : { pageToken }) };
        const [files, next] = await guarded(prefix, () => withRetries(() => bucket.getFiles(query)));
        for (const file of files) yield infoOf(`gs://${config.bucket}/${file.name}`, file.metadata);
        pageToken = (next as { pageToken?: string } | null | undefined)?.pageToken;
        if (pageToken === undefined) return;
      }
    },

    remove: (uri, options = {}) =>
      guarded(uri, async () => {
        const file = bucket.file(objectName(place, uri));
        for (let races = 0; ; races++) {
          const found = await find(uri);
          const generation = found?.info.generation ?? ABSENT;
          if (options.ifGeneration !== undefined && options.ifGeneration !== generation)
            throw new PreconditionFailedError(uri, `expected generation ${options.ifGeneration}, found ${found ? generation : 'none'}`);
          if (!found) return false;
          const ended = await withRetries(() => removeOnce(file, generation));
          if (ended !== 'replaced') return true;
          if (races === RACES) throw new AdapterError('Unavailable', `${uri}: is replaced again and again while it is to be removed`);
        }
      }),
  };
}

async function findOnce(bucket: Bucket, uri: string, name: string): Promise<Found | null> {
  try {
    const [metadata] = await bucket.file(name).getMetadata();
    return { info: infoOf(uri, metadata), writeId: writeIdOf(metadata) };
  } catch (error) {
    const { status, message } = faultOf(error);
    if (status !== 404) throw error;
    // Of an object it says `No such object: BUCKET/NAME`.
    if (/bucket does not exist/i.test(message) && !message.startsWith('No such object'))
      throw new AdapterError('InvalidInput', `gs://${bucket.name}: there is no such bucket`, { cause: error });
    return null;
  }
}

/** `gone` also when an earlier try, whose answer was lost, removed it. */
async function removeOnce(file: File, generation: string): Promise<'removed' | 'gone' | 'replaced'> {
  try {
    await file.delete({ ifGenerationMatch: generation });
    return 'removed';
  } catch (error) {
    const { status } = faultOf(error);
    if (status === 404) return 'gone';
    if (status === 412) return 'replaced';
    throw error;
  }
}

function infoOf(uri: string, metadata: FileMetadata): ObjectInfo {
  return {
    uri,
    bytes: Number(metadata.size ?? 0),
    generation: String(metadata.generation),
    crc32c: metadata.crc32c ?? null,
    updatedAt: Date.parse(metadata.updated ?? metadata.timeCreated ?? ''),
  };
}

function writeIdOf(metadata: FileMetadata): string | null {
  const value = metadata.metadata?.[WRITE_ID];
  return typeof value === 'string' ? value : null;
}

function uploadOptions(
  options: WriteOptions,
  writeId: string,
  ifGeneration: string | undefined,
  crc32c: string,
): { metadata: FileMetadata; preconditionOpts?: { ifGenerationMatch: string } } {
  const contentType = options.contentType ?? 'application/octet-stream';
  return {
    // The service refuses what arrives with another checksum.
    metadata: { contentType, crc32c, metadata: { [WRITE_ID]: writeId } },
    ...(ifGeneration === undefined ? {} : { preconditionOpts: { ifGenerationMatch: ifGeneration } }),
  };
}

const isWhole = (info: ObjectInfo, content: Content): boolean =>
  info.bytes === content.bytes && (info.crc32c === null || info.crc32c === content.crc32c);

/** A wrong checksum is a fault on the way. */
function checkCrc(uri: string, info: ObjectInfo, found: string): void {
  if (info.crc32c !== null && info.crc32c !== found)
    throw new AdapterError('Unavailable', `${uri}: CRC-32C ${found} arrived, the store has ${info.crc32c}`);
}

async function sizeOfFile(localPath: string, uri: string): Promise<number> {
  try {
    const found = await statFile(localPath);
    if (found.isFile()) return found.size;
  } catch (error) {
    if (!hasCode(error, 'ENOENT', 'ENOTDIR')) throw error;
  }
  throw new AdapterError('InvalidInput', `${localPath}: no such file to upload to ${uri}`);
}
