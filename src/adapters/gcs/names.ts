import { AdapterError } from '../../contract/errors.ts';

/** A limit of GCS. */
const MAX_NAME_BYTES = 1024;

/** Where a store begins: `gs://bucket` or `gs://bucket/prefix`. */
interface Place {
  readonly bucket: string;
  readonly root: string;
}

export function placeOf(config: { readonly bucket: string; readonly prefix: string }): Place {
  const prefix = config.prefix.replace(/^\/+|\/+$/g, '');
  return { bucket: config.bucket, root: `gs://${config.bucket}${prefix === '' ? '' : `/${prefix}`}` };
}

/** The object's name in its bucket; `prefix` allows the unfinished names that `list` takes. */
export function objectName({ bucket, root }: Place, uri: string, options: { readonly prefix?: boolean } = {}): string {
  const refuse = (message: string): never => {
    throw new AdapterError('InvalidInput', `${uri}: ${message}`);
  };
  const inBucket = uri.slice(`gs://${bucket}/`.length);
  if (options.prefix && uri === root) return inBucket;
  if (!uri.startsWith(`${root}/`)) refuse(`outside of the object store; expected a URI below ${root}/`);
  if (/[\0\r\n]/.test(inBucket)) refuse('a NUL or line break in the name');
  const segments = inBucket.split('/');
  // The last segment of a prefix may be any beginning of a name, also none.
  const whole = options.prefix ? segments.slice(0, -1) : segments;
  if (segments.includes('..') || whole.includes('.')) refuse('"." and ".." are not names');
  if (whole.includes('')) refuse('an empty name between slashes or at the end');
  if (Buffer.byteLength(inBucket) > MAX_NAME_BYTES) refuse(`a name of more than ${MAX_NAME_BYTES} bytes`);
  return inBucket;
}
