/** An object as the store knows it. `generation` changes with every write; it is what preconditions and manifests refer to. */
export interface ObjectInfo {
  readonly uri: string;
  readonly bytes: number;
  readonly generation: string;
  /** Base64 CRC-32C where the store knows it without reading. */
  readonly crc32c: string | null;
  /** ms since 1970 */
  readonly updatedAt: number;
}

/** Write only if the object has this generation; '0': only if it does not exist. */
export interface WriteOptions {
  readonly ifGeneration?: string;
  readonly contentType?: string;
}

/** More bytes than `maxBytes` are refused unread with `AdapterError('BadData')`: what a trainer writes need not be sensible. */
export interface ReadOptions {
  readonly maxBytes?: number;
}

/**
 * Objects under one root (`file:///…` directory or `gs://bucket/prefix`). URIs outside of the root are refused with `AdapterError('InvalidInput')`.
 * All methods retry what is safe to retry; `PreconditionFailedError` when `ifGeneration` does not hold.
 */
export interface ObjectStore {
  /** Root URI, without a slash at the end. */
  readonly root: string;
  read(uri: string, options?: ReadOptions): Promise<{ readonly data: Uint8Array; readonly info: ObjectInfo } | null>;
  write(uri: string, data: Uint8Array | string, options?: WriteOptions): Promise<ObjectInfo>;
  /** Stream a local file into the store (resumable where the store has that). */
  upload(localPath: string, uri: string, options?: WriteOptions): Promise<ObjectInfo>;
  download(uri: string, localPath: string): Promise<ObjectInfo>;
  stat(uri: string): Promise<ObjectInfo | null>;
  /** In the order of names; pages behind the scenes. */
  list(prefix: string): AsyncIterable<ObjectInfo>;
  /** True if it existed. */
  remove(uri: string, options?: { readonly ifGeneration?: string }): Promise<boolean>;
}
