import { AdapterError } from '../../contract/errors.ts';

/** The store's own folder under the root. */
export const RESERVED = '.longhaul';

interface Options {
  /** Allows the unfinished names that `list` takes. */
  readonly prefix?: boolean;
  /** The root as earlier releases wrote it: their documents and caches are still read. */
  readonly former?: string;
}

/** The object's name relative to the root. */
export function nameOf(current: string, uri: string, options: Options = {}): string {
  const { former = current } = options;
  const root =
    uri === current || uri.startsWith(`${current}/`) ? current : uri === former || uri.startsWith(`${former}/`) ? former : current;
  const refuse = (message: string): never => {
    throw new AdapterError('InvalidInput', `${uri}: ${message}`);
  };
  if (options.prefix && uri === root) return '';
  if (!uri.startsWith(`${root}/`)) refuse(`outside of the object store; expected a URI below ${root}/`);
  const name = uri.slice(root.length + 1);
  if (name.includes('\0')) refuse('a NUL character in the name');
  const segments = name.split('/');
  // The last segment of a prefix may be any beginning of a name, also none.
  const whole = options.prefix ? segments.slice(0, -1) : segments;
  if (segments.includes('..') || whole.includes('.')) refuse('"." and ".." are not names');
  if (whole.includes('')) refuse('an empty name between slashes or at the end');
  if (segments[0] === RESERVED) refuse(`${RESERVED} belongs to the store itself`);
  if (segments.some((segment) => Buffer.byteLength(segment) > 255)) refuse('a name between slashes is longer than 255 bytes');
  return name;
}
